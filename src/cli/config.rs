//! `vae config`: prints the effective TOML of a preset or a file, as a starting point for a new config.

use std::path::{Path, PathBuf};

use clap::Args;

use super::candidates::configs;
use super::end_figures::{EndFigures, sets_figures};
use super::figures::KINDS;
use super::images_args::ImagesArgs;
use super::next::next;
use crate::config::{self, Config};
use crate::error::{Result, shell_word};
use crate::ui;

/// Print a preset or a config file with every default written out
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The preset or the file to print; `-` reads the TOML from stdin
    #[arg(default_value = "digits", add = configs())]
    preset: String,

    /// Print the JSON schema of configs (draft 7), with which an editor completes and checks them
    #[arg(long, conflicts_with_all = ["preset", "data", "overrides", "size", "labels", "no_cache"])]
    schema: bool,

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
        if self.schema {
            return ui::data(format_args!("{:#}", config::json_schema(KINDS)));
        }
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
        let file = config::file_named(&self.preset).filter(|_| !sets_figures(&self.overrides));
        check_before_data(&config, file)?;
        if let Some(place) = &self.data {
            ui::data(format_args!(
                "# The images are not in the config. Train on them with `--config FILE --data {}`, or set VAE_DATA.",
                shell_word(place)
            ))?;
        }
        ui::data(config.to_toml()?.trim_end())?;
        let data = self.data.as_ref().map_or_else(String::new, |place| {
            format!(" --data {}", shell_word(place))
        });
        next(format_args!("train --config FILE{data}"));
        Ok(())
    }
}

/// Checks the figures and the network of a config without its data, to report now what would be an error after a download.
/// `file` is the one that the figures stand in.
pub fn check_before_data(config: &Config, file: Option<&Path>) -> Result<()> {
    EndFigures::of(config, file)?;
    let data = config.data.kind();
    if let Some(outline) = data.outline()
        && let Err(error) = config.network(outline.shape, outline.class_count)
    {
        // The user's own files may have another shape.
        if !data.may_have_any_shape() {
            return Err(error);
        }
        ui::note(format_args!("note: with images of the usual size: {error}"));
    }
    Ok(())
}
