//! `vae config`: prints the effective TOML of a preset or a file, as a starting point for a new config.

use std::path::PathBuf;

use clap::Args;

use super::end_figures::EndFigures;
use super::images_args::ImagesArgs;
use crate::config;
use crate::error::Result;
use crate::ui;

/// Print a preset or a config file with every default written out
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The preset or the file to print; `-` reads the TOML from stdin
    #[arg(default_value = "digits")]
    preset: String,

    /// Print the config that `vae train --data PATH` chooses for the images in this folder, archive or array file
    #[arg(long, value_name = "PATH", conflicts_with = "preset")]
    data: Option<PathBuf>,

    #[command(flatten)]
    images: ImagesArgs,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl ConfigArgs {
    pub fn run(self) -> Result<()> {
        let config = match &self.data {
            Some(folder) => self.images.load(folder, &self.overrides)?.config,
            None => {
                let (config, _) = config::find(&self.preset)?;
                let config = config::set_all(&config, &self.images.overrides()?)?;
                config::set_all(&config, &self.overrides)?
            }
        };
        config.check()?;
        self.images.check(&config.data)?;
        EndFigures::of(&config)?;
        // Report a config that cannot be trained now, not after a download. The user's own files may have another
        // shape.
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
