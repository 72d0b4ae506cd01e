//! The commands of the sweep.

/// A command on the tiny run `mine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    Train,
    Resume,
    Eval,
    Sample,
    Embed,
    Compare,
    Doctor,
    Disentangle,
    Rm,
}

use Command::{Compare, Disentangle, Doctor, Embed, Eval, Resume, Rm, Sample, Train};

impl Command {
    pub const ALL: [Self; 9] = [
        Train,
        Resume,
        Eval,
        Sample,
        Embed,
        Compare,
        Doctor,
        Disentangle,
        Rm,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Train => "train",
            Resume => "resume",
            Eval => "eval",
            Sample => "sample",
            Embed => "embed",
            Compare => "compare",
            Doctor => "doctor",
            Disentangle => "disentangle",
            Rm => "rm",
        }
    }

    /// Returns the arguments. `run` is the path or the name of the run `mine`; the other files are below
    /// `base`, which is empty or ends in a slash.
    pub fn arguments(self, run: &str, base: &str) -> Vec<String> {
        let text = match self {
            Train => format!(
                "train --config {base}tiny.toml --data {base}data --out {base}runs --name fresh"
            ),
            Resume => format!("train --resume {run} --epochs 3"),
            Eval => format!("eval {run}"),
            Sample => format!("sample {run}"),
            Embed => format!("embed {run}"),
            Compare => format!("compare {run} {base}runs/other"),
            Doctor => format!("doctor {run}"),
            Disentangle => format!("disentangle {run} --factors {base}factors.csv"),
            Rm => format!("rm --yes {run}"),
        };
        text.split(' ').map(str::to_owned).collect()
    }

    /// Returns what the command prints on stdout, in words, and a part of it.
    pub fn prints(self) -> [&'static str; 2] {
        match self {
            Train => ["the run's folder", "runs/fresh"],
            Resume => ["the run's folder", "mine"],
            Eval => ["the report", "squared error"],
            Sample => ["the path of the sheet", "samples.png"],
            Embed => ["the paths of the files", "latents.csv"],
            Compare => ["the table", "reconstruction"],
            Doctor => ["the report", "verdict: "],
            Disentangle => ["the report", "DCI completeness"],
            Rm => ["the run's folder", "mine"],
        }
    }
}
