//! What each cell of the sweep is to be.

use super::command::Command;
use super::condition::{Condition, Found};

use Command::{Compare, Disentangle, Doctor, Embed, Eval, Resume, Rm, Sample, Train};
use Condition::{
    Closed, DataGone, FullDisk, HangupIgnored, MissingMetrics, MissingModel, MissingState,
    MovedRun, NotFinite, OtherFolder, ReadOnly, Terminated, TwoAtOnce,
};

/// The exit codes that are right, and what is said.
#[derive(Default)]
pub struct Expected {
    pub codes: Vec<&'static str>,
    /// Whether the result is on stdout; `None` if that depends on the moment.
    pub prints: Option<bool>,
    /// Parts of the messages on stderr and of the lines on stdout that begin with `!`.
    pub says: Vec<&'static str>,
    /// What the table says of a cell whose messages depend on the moment.
    pub racy: Option<&'static str>,
}

impl Expected {
    /// Returns what is wrong with what was found.
    pub fn faults(&self, found: &Found, command: Command) -> Vec<String> {
        let mut faults: Vec<String> = found.losses.clone();
        if !self.codes.contains(&found.code.as_str()) {
            faults.push(format!(
                "exit code {}, expected {}",
                found.code,
                self.codes.join(" or ")
            ));
        }
        let says = found.says(command);
        for part in self.says.iter().filter(|part| !says.contains(**part)) {
            faults.push(format!("expected {part:?} in what it says: {says}"));
        }
        let prints = found.out.contains(command.prints()[1]);
        if self.prints.is_some_and(|expected| expected != prints) {
            faults.push(format!(
                "its result {} on stdout",
                if prints { "is" } else { "is not" }
            ));
        }
        if self.codes == ["0"] && self.says.is_empty() && says.contains("! ") {
            faults.push(format!("expected no warning: {says}"));
        }
        faults
    }
}

/// The command does its work and says nothing else.
fn done() -> Expected {
    Expected {
        codes: vec!["0"],
        prints: Some(true),
        ..Expected::default()
    }
}

/// The command does its work, and says all of `says`.
fn done_saying(says: &[&'static str]) -> Expected {
    Expected {
        says: says.to_vec(),
        ..done()
    }
}

/// The command prints no result, and fails with `code`.
fn fails(code: &'static str, says: &[&'static str]) -> Expected {
    Expected {
        codes: vec![code],
        prints: Some(false),
        says: says.to_vec(),
        racy: None,
    }
}

/// The command prints its result, and fails because it cannot be stored.
fn prints_and_fails(says: &[&'static str]) -> Expected {
    Expected {
        prints: Some(true),
        ..fails("1", says)
    }
}

pub fn expected(condition: Condition, command: Command) -> Expected {
    let no_model = [
        "runs/mine/model.safetensors: ",
        "hint: ",
        "vae train --resume runs/mine",
    ];
    let not_finite = ["runs/mine/model.safetensors: ", "not finite", "hint: "];
    let read_only = "cannot be written: Read-only file system";
    let full = "cannot be written: No space left on device";
    let elsewhere = "hint: choose a place that you may write to";
    let make_room = "hint: make room on that disk";
    match (condition, command) {
        (ReadOnly, Train) => fails("2", &["runs/fresh: ", read_only, elsewhere]),
        (ReadOnly, Resume) => fails("2", &["runs/mine", read_only, "hint: copy the run to"]),
        (ReadOnly, Eval) => prints_and_fails(&[
            "runs/mine/report.json: ",
            read_only,
            "hint: the numbers above are complete; to keep them too, copy the run to",
        ]),
        (ReadOnly, Sample) => fails("2", &["runs/mine: ", read_only, elsewhere]),
        (ReadOnly, Embed) => fails("2", &["runs/mine: ", read_only, elsewhere]),
        (ReadOnly, Doctor) => prints_and_fails(&[
            "runs/mine/health.png: ",
            read_only,
            "hint: the numbers above are complete; choose a place that you may write to, with `--out FILE`",
        ]),
        (ReadOnly, Rm) => fails("2", &["/runs: ", read_only, elsewhere]),
        (ReadOnly, Compare | Disentangle) => done(),

        (FullDisk, Train) => fails("1", &["runs/fresh", full, make_room]),
        (FullDisk, Resume) => fails("1", &["runs/mine", full, make_room]),
        (FullDisk, Eval) => prints_and_fails(&["runs/mine/report.json: ", full, make_room]),
        (FullDisk, Sample) => fails("1", &["runs/mine/samples.png: ", full, make_room]),
        (FullDisk, Embed) => fails("1", &["runs/mine/latents.", full, make_room]),
        (FullDisk, Doctor) => prints_and_fails(&["runs/mine/health.png: ", full, make_room]),
        (FullDisk, Compare | Disentangle | Rm) => done(),

        (MissingState | MissingModel | MissingMetrics, Train) => {
            fails("2", &["runs/mine: there is such a run already", "hint: "])
        }
        (MissingState, Resume) => {
            fails("2", &["runs/mine", "state.safetensors", "hint: ", "--from"])
        }
        (MissingState | MissingModel | MissingMetrics, Rm) => done(),
        (MissingState, _) => done(),
        (MissingModel, Resume) => done(),
        (MissingModel, Compare) => {
            done_saying(&["! mine: its model file runs/mine/model.safetensors is missing"])
        }
        (MissingModel, _) => fails("2", &no_model),
        (MissingMetrics, Resume) => done_saying(&["metrics.jsonl"]),
        (MissingMetrics, _) => done(),

        (MovedRun | OtherFolder | HangupIgnored, _) => done(),
        (Closed, _) => Expected {
            prints: None,
            ..done()
        },

        (DataGone, Train) => fails("2", &["data: ", "hint: "]),
        (DataGone, Sample | Compare | Rm) => done(),
        (DataGone, _) => fails("2", &["data: ", "hint: ", "--data"]),

        (TwoAtOnce, Train) => Expected {
            codes: vec!["0, 2"],
            ..done_saying(&["runs/fresh: there is such a run already", "hint: "])
        },
        (TwoAtOnce, Resume) => Expected {
            codes: vec!["0, 2"],
            ..done_saying(&[
                "runs/mine: another process is training this run",
                "hint: wait for it",
            ])
        },
        (TwoAtOnce, Rm) => Expected {
            codes: vec!["0, 2"],
            racy: Some(
                "(prints the run's folder)<br>error: runs/mine: no such run, or another process removes it",
            ),
            ..done_saying(&["error: ", "mine: "])
        },
        (TwoAtOnce, _) => Expected {
            codes: vec!["0, 0"],
            ..done()
        },

        (Terminated, Train) => Expected {
            racy: Some(
                "interrupted: stopped at epoch ...; saved<br>hint: go on with: vae train --resume runs/fresh",
            ),
            ..fails(
                "130",
                &[
                    "interrupted: stopped",
                    "; saved",
                    "hint: go on with: vae train --resume runs/fresh",
                ],
            )
        },
        (Terminated, Resume) => Expected {
            racy: Some(
                "interrupted: stopped at epoch ...; saved<br>hint: go on with: vae train --resume runs/mine",
            ),
            ..fails(
                "130",
                &[
                    "interrupted: stopped",
                    "; saved",
                    "hint: go on with: vae train --resume runs/mine",
                ],
            )
        },
        (Terminated, Eval) => Expected {
            prints: Some(true),
            ..fails("130", &["interrupted: stopped"])
        },
        (Terminated, _) => Expected {
            codes: vec!["0", "130", "SIGTERM"],
            prints: None,
            says: Vec::new(),
            racy: Some("nothing, if it ends before it is done: run it again"),
        },

        (NotFinite, Train) => fails("1", &["not a number", "hint: ", "learning_rate"]),
        (NotFinite, Resume) => fails(
            "1",
            &["runs/mine/state.safetensors: ", "not finite", "hint: "],
        ),
        (NotFinite, Compare) => {
            done_saying(&["! mine has another model than the one that was measured"])
        }
        (NotFinite, Rm) => done(),
        (NotFinite, Sample | Embed | Eval | Doctor | Disentangle) => fails("1", &not_finite),
    }
}
