//! `vae train`: trains a config in a run's folder.

mod curves;
mod memory;
mod progress_display;
mod session;
mod start;
mod summary;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use self::session::Finished;
use self::start::{Start, resumed};
use super::run_args::RunArgs;
use crate::device::SelectedDevice;
use crate::error::Result;
use crate::{config, device, ui};

/// Train a model: the built-in digits, unless a config says otherwise
#[derive(Debug, Args)]
pub struct Train {
    /// Train this preset (see `vae list presets`) or TOML file; `-` reads the TOML from stdin
    #[arg(long, default_value = "digits")]
    config: String,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,

    /// Train for N passes over the training images
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Seed of the weights, the noise, the order of the images and the binarised pixels
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,

    #[command(flatten)]
    run_args: RunArgs,

    /// Name the run [default: the config's name, with a number]
    #[arg(long, conflicts_with = "resume")]
    name: Option<String>,

    /// Continue a run (the newest unless one is named) exactly where it stopped
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config")]
    resume: Option<Option<PathBuf>>,
}

impl Train {
    /// Returns a training whose run is called `name`. It continues the run if that exists.
    pub fn named(
        config: &str,
        overrides: Vec<String>,
        epochs: usize,
        name: &str,
        run_args: RunArgs,
    ) -> Self {
        let folder = run_args.out.join(name);
        Self {
            config: config.to_owned(),
            overrides,
            epochs: Some(epochs),
            seed: None,
            run_args,
            name: Some(name.to_owned()),
            resume: folder.is_dir().then_some(Some(folder)),
        }
    }

    /// Trains, reports the health of the latents and draws the figures. `began` is the time at which the program was
    /// started.
    pub fn run(self, began: Instant) -> Result<()> {
        let selected = device::select(&self.run_args.device)?;
        let Finished { model, figures, .. } = self.train(&selected, began)?;
        ui::data(model.folder.display())?;
        figures.draw(&model)
    }

    /// Trains to the last epoch.
    pub fn train(&self, selected: &SelectedDevice, began: Instant) -> Result<Finished> {
        let start = self.start()?;
        session::train(start, &self.run_args, selected, began)
    }

    fn start(&self) -> Result<Start> {
        let mut start = match &self.resume {
            Some(run) => resumed(run.as_deref(), &self.run_args.out)?,
            None => {
                let (config, name) = config::find(&self.config)?;
                let mut config = config::set_all(&config, &self.overrides)?;
                config.seed = self.seed.unwrap_or(config.seed);
                Start::new(config, self.name.clone(), name)
            }
        };
        let train = &mut start.config.train;
        train.epochs = self.epochs.unwrap_or(train.epochs);
        Ok(start)
    }
}
