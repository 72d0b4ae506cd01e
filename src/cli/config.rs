//! `vae config`: the effective TOML of a preset or a file, to start one's own from.

use clap::Args;

use super::end_figures::EndFigures;
use crate::config;
use crate::error::Result;
use crate::ui;

/// Print a preset or a config file with every default written out
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The preset or the file to print
    #[arg(default_value = "digits")]
    preset: String,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl ConfigArgs {
    pub fn run(self) -> Result<()> {
        let (mut config, _) = config::find(&self.preset)?;
        for assignment in &self.overrides {
            config = config::set(&config, assignment)?;
        }
        config.check()?;
        EndFigures::of(&config)?;
        // What cannot be trained is better said here than after a download. A person's own files may have another shape.
        let data = config.data.kind();
        if let Some(outline) = data.outline()
            && let Err(error) = config.network(outline.shape, outline.class_count)
        {
            if !data.may_have_any_shape() {
                return Err(error);
            }
            ui::note(format_args!("note: with images of the usual size: {error}"));
        }
        ui::data(config.to_toml()?.trim_end())
    }
}
