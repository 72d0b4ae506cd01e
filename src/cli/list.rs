//! `vae list`: lists the presets, data sets, models and other choices.

use clap::{Args, ValueEnum};

use super::output::show;
use crate::config::PRESETS;
use crate::data::{Data, Outline};
use crate::device;
use crate::error::Result;
use crate::model::{Features, Likelihood, Model, Prior};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::report::{Report, Table};
use crate::schedule::Schedule;

/// List what a config can choose from, and the devices
#[derive(Debug, Args)]
pub struct List {
    /// Print this list only
    what: Option<What>,

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
        let mut report = Report::new();
        let all = What::value_variants().iter().copied();
        for what in all.filter(|what| self.what.is_none_or(|wanted| wanted == *what)) {
            let title = what.to_possible_value();
            let title = title.map(|value| value.get_name().to_owned());
            report.table(Table::names(&title.unwrap_or_default(), what.rows()));
        }
        show(&report, self.json)
    }
}
