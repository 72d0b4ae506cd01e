//! `vae config`: the effective TOML of a preset or a file, to start one's own from.

use clap::Args;

use crate::config::{self, Config as Experiment};
use crate::error::Result;
use crate::ui;

/// Print a preset or a config file with every default written out
#[derive(Debug, Args)]
pub struct Config {
    /// A preset's name, or a file
    #[arg(default_value = "digits")]
    preset: String,

    /// Replace one value (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl Config {
    pub fn run(self) -> Result<()> {
        let (mut experiment, _) = Experiment::find(&self.preset)?;
        for assignment in &self.overrides {
            experiment = config::set(&experiment, assignment)?;
        }
        // A config that could not be trained is better refused here than after the data was downloaded.
        let plan = experiment.plan(experiment.data.usual_shape())?;
        ui::data(plan.toml.trim_end())
    }
}
