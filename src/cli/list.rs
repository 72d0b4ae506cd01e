//! `vae list`: lists the presets, data sets, models and other choices, or the runs in a folder.

pub mod runs;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::model_arg::RUNS;
use super::next::{BEGIN, next, run_word};
use super::output::show;
use crate::config::PRESETS;
use crate::data::{Data, Outline};
use crate::device;
use crate::error::{Error, Result};
use crate::model::{Features, Likelihood, Model, Prior};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::report::runs::{RunState, table};
use crate::report::{Report, Table};
use crate::schedule::Schedule;
use crate::ui;

/// The explanation of `vae list runs`, for `--help`.
const LONG_HELP: &str = "\
`vae list runs` shows every run in a folder, those trained last first. `measured` says where the ELBO is from: `eval`, if `vae \
eval` has measured the model as it is, or else the last epoch, on the test images. The states: running (a process trains it now), \
finished (all epochs are done), stopped (train.patience ended it early), unfinished (`vae train --resume` goes on), broken (a file \
is missing or damaged; the reason follows). `size` is that of all files. `vae rm RUN` removes a run.";

/// List what a config can choose from, the devices, or the runs in a folder
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct List {
    /// Print this list only; `runs` is printed only if it is named
    what: Option<What>,

    /// List the runs in this folder [default: runs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Presets,
    Models,
    Priors,
    Likelihoods,
    Objectives,
    Data,
    Optimizers,
    Schedules,
    Devices,
    Runs,
}

impl What {
    fn rows(self) -> Vec<(&'static str, String)> {
        let list = match self {
            Self::Presets => PRESETS
                .iter()
                .map(|preset| (preset.name, preset.about()))
                .collect(),
            Self::Models => Model::LIST.to_vec(),
            Self::Priors => Prior::LIST.to_vec(),
            Self::Likelihoods => Likelihood::LIST.to_vec(),
            Self::Objectives => Objective::LIST.to_vec(),
            Self::Data => {
                return Data::LIST
                    .iter()
                    .zip(Data::every())
                    .map(with_size)
                    .collect();
            }
            Self::Optimizers => Optimizer::LIST.to_vec(),
            Self::Schedules => Schedule::LIST.to_vec(),
            Self::Devices => device::built_in(),
            Self::Runs => Vec::new(),
        };
        list.into_iter()
            .map(|(name, about)| (name, about.to_owned()))
            .collect()
    }
}

/// Describes a data set, with its size if it is known before the data is loaded.
fn with_size(((name, about), data): (&(&'static str, &str), Data)) -> (&'static str, String) {
    let about = match data.kind().outline() {
        None => (*about).to_owned(),
        Some(Outline {
            shape,
            counts: [train, test],
            ..
        }) => format!(
            "{about}; {train} train and {test} test images of {}",
            Features::Map(shape)
        ),
    };
    (name, about)
}

impl List {
    pub fn run(self) -> Result<()> {
        if self.what == Some(What::Runs) {
            return self.runs();
        }
        if let Some(out) = &self.out {
            return Err(Error::request(format!(
                "--out {}: has no effect on a list of choices",
                out.display()
            ))
            .with_hint("leave `--out` out, or list the runs there: vae list runs --out DIR"));
        }
        let mut report = Report::new();
        let all = What::value_variants().iter().copied();
        let all = all.filter(|what| *what != What::Runs);
        for what in all.filter(|what| self.what.is_none_or(|wanted| wanted == *what)) {
            let title = what.to_possible_value();
            let title = title.map(|value| value.get_name().to_owned());
            report.table(Table::names(&title.unwrap_or_default(), what.rows()));
        }
        show(&report, self.json)?;
        if !self.json {
            next(match self.what {
                None | Some(What::Presets | What::Data | What::Devices) => BEGIN,
                Some(_) => "config digits",
            });
        }
        Ok(())
    }

    fn runs(&self) -> Result<()> {
        let folder = self.out.as_deref().unwrap_or(Path::new(RUNS));
        // The folder that nobody named is made by the first training.
        let runs = match (folder.is_dir(), &self.out) {
            (true, _) => runs::read(folder)?,
            (false, None) => Vec::new(),
            (false, Some(_)) => {
                return Err(Error::file(folder, "no such folder")
                    .with_hint("`--out` takes the folder that a training's `--out` named"));
            }
        };
        if runs.is_empty() {
            ui::note(format_args!(
                "there is no run in {}",
                folder.join("").display()
            ));
            if !self.json {
                next(BEGIN);
                return Ok(());
            }
        }
        let mut report = Report::new();
        report.table(table(&runs));
        show(&report, self.json)?;
        // The first one was trained last.
        if let (Some(run), false) = (runs.first(), self.json) {
            let word = run_word(&folder.join(&run.name));
            next(match run.state {
                RunState::Unfinished => format!("train --resume {word}"),
                // A saved state is enough to go on. If there is none either, the command says what is missing.
                RunState::Broken(_) => format!("train --resume {word}"),
                RunState::Running => "list runs".to_owned(),
                RunState::Finished | RunState::Stopped => {
                    let measured = run.measured.as_deref().unwrap_or_default();
                    let command = match measured.starts_with("eval") {
                        true => "sample",
                        false => "eval",
                    };
                    format!("{command} {word}")
                }
            });
        }
        Ok(())
    }
}
