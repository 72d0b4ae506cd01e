//! `vae config`: the effective TOML of a preset or a file, to start one's own from.

use clap::Args;

use super::figures::at_end;
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
        experiment.check()?;
        at_end(&experiment.figures)?;
        // What cannot be trained is better said here than after a download. Files of one's own may have another size.
        if let Some(outline) = experiment.data.kind().outline()
            && let Err(error) = experiment.plan(outline.shape, outline.class_count)
        {
            if !experiment.data.kind().may_have_any_shape() {
                return Err(error);
            }
            ui::note(format_args!("note: with images of the usual size: {error}"));
        }
        ui::data(experiment.to_toml()?.trim_end())
    }
}
