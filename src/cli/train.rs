//! `vae train`: trains a config in a run's folder.

mod clock;
pub mod curves;
mod live_log;
mod memory;
mod planned;
mod processes;
mod progress_display;
mod resume;
mod session;
mod start;
mod summary;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

pub use self::memory::check as check_memory;
pub use self::planned::{Planned, check_run, is_blank, train_planned};

use self::clock::Clock;
use self::live_log::LogFormat;
use self::resume::resumed;
use self::session::Finished;
use self::start::{FirstModel, Start};
use super::candidates::{configs, runs};
use super::data_arg::DataArg;
use super::end_figures::sets_figures;
use super::images_args::{ImagesArgs, OwnImages};
use super::next::after_training;
use super::run_args::RunArgs;
use crate::config::Config;
use crate::device::SelectedDevice;
use crate::error::{Error, Result};
use crate::{config, device, parallel, ui};

/// The explanation of `--resume` and `--from`, for `--help`.
const LONG_HELP: &str = "\
--resume goes on from state.safetensors in the run's folder. With an unchanged config the run ends with the same bytes as one that \
was never stopped. These values may be changed, in the run's config.toml or by --set: train.epochs, train.learning_rate, train.clip, \
train.skip_above, train.save_every, train.patience, [schedule] and [[figures]]. metrics.jsonl states each change with its step, as `changes` of the next \
record. Any other changed value is an error.

--from begins a new run, with its own optimizer and epochs, with the weights of a trained model. about.json and the model's \
file name that model and its hash. The new run may have other data of the same image shape: another folder by --data, images of your own by --data and --size HxW, another \
data set by --set data.KIND= or --config. The classes may differ too, unless the model is conditional on them.

train.patience=N ends the training when the validation ELBO has not improved for N epochs. It needs validation images, as by \
--set data.mnist.validation=5000. The run's model is then best.safetensors, the one with the best validation ELBO: every command \
uses it, and RUN/model.safetensors names the last one. Schedules stay spread \
over train.epochs: a cosine that is cut short has not come down to its floor. Resume with a larger train.patience, or with 0, to \
go on.

train.ema=0.999 keeps a moving average of the weights, which is then the run's model: model.safetensors, the test and validation \
records and the figures are those of the average, and last.safetensors has the last weights. train.skip_above=400 skips a step whose \
gradient has a larger norm, or one that is not finite; the epoch's line and `skipped_steps` in metrics.jsonl count these steps. \
The table [augment] changes training images at random, as by --set augment.flip=true; configs/README.md has its keys.

Examples:
  vae train --resume mnist-1 --epochs 20 --set train.learning_rate=1e-4
  vae train --from mnist-1 --set objective.elbo.beta=4
  vae train --from mnist-1 --set data.fashion-mnist= --epochs 3
  vae train --config mnist --epochs 100 --set data.mnist.validation=5000 --set train.patience=5";

/// Train a model: on the built-in digits, on your own images (`--data`), or as a config says
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Train {
    /// Train this preset (see `vae list presets`) or TOML file; `-` reads the TOML from stdin [default: digits, one
    /// that is chosen for the images of `--data`, or that of `--from`]
    #[arg(long, add = configs())]
    config: Option<String>,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    /// Train for N passes over the training images
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Seed of the weights, the noise, the order of the images and the binarised pixels
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,

    #[command(flatten)]
    run_args: RunArgs,

    #[command(flatten)]
    images: ImagesArgs,

    /// Also write a log for another program while training
    #[arg(long, value_enum, value_name = "FORMAT")]
    log: Option<LogFormat>,

    /// Save and stop when this time is over, as in `3h50m`; `--resume` goes on
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    time_limit: Option<Duration>,

    /// Name the run [default: the config's name, with a number]
    #[arg(long, conflicts_with = "resume")]
    name: Option<String>,

    /// Begin with the weights of this run or model file, of the same architecture, instead of random ones
    #[arg(long, value_name = "RUN", conflicts_with = "resume", add = runs())]
    from: Option<PathBuf>,

    /// Continue a run (the newest unless one is named) exactly where it stopped
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config", add = runs())]
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
            config: Some(config.to_owned()),
            overrides,
            epochs: Some(epochs),
            seed: None,
            run_args,
            images: ImagesArgs::default(),
            log: None,
            time_limit: None,
            name: Some(name.to_owned()),
            from: None,
            resume: folder.is_dir().then_some(Some(folder)),
        }
    }

    /// Trains, reports the health of the latents and draws the figures. `began` is the time at which the program was
    /// started.
    pub fn run(self, began: Instant) -> Result<()> {
        let selected = device::select(&self.run_args.device)?;
        let Some(finished) = self.train_together(&selected, began)? else {
            return Ok(());
        };
        let Finished { model, figures, .. } = finished;
        ui::data(model.folder.display())?;
        figures.draw(&model)?;
        let data = model.data(&DataArg::default());
        after_training(
            &model,
            data.is_ok_and(|(dataset, _)| dataset.calibration.is_some()),
        );
        Ok(())
    }

    /// Trains to the last epoch, on this process alone.
    pub fn train(&self, selected: &SelectedDevice, began: Instant) -> Result<Finished> {
        let finished = parallel::alone(|| self.train_together(selected, began))?;
        finished.ok_or_else(|| Error::failed("another process has trained the model"))
    }

    /// Trains to the last epoch. Where several processes train together, all but the first return `None`.
    fn train_together(
        &self,
        selected: &SelectedDevice,
        began: Instant,
    ) -> Result<Option<Finished>> {
        let start = self.start()?;
        let clock = Clock {
            began,
            limit: self.time_limit,
        };
        session::train(
            start,
            &self.run_args,
            &self.images,
            selected,
            self.log,
            clock,
        )
    }

    fn start(&self) -> Result<Start> {
        if let Some(run) = &self.resume {
            if let Some(assignment) = self.images.overrides()?.first() {
                return Err(Error::request(format!(
                    "--resume: how the images are read cannot be changed ({assignment})"
                ))
                .with_hint("leave `--size` and `--labels` out, or train a new run"));
            }
            let out = &self.run_args.out;
            return resumed(run.as_deref(), out, &self.overrides, self.epochs);
        }
        if let (None, None, Some(folder)) = (&self.config, &self.from, &self.run_args.data)
            && !names_other_data(&self.overrides)
        {
            return self.start_on_images(folder);
        }
        let first = self.from.as_deref().map(FirstModel::read).transpose()?;
        let (config, name) = match (&self.config, &first) {
            (Some(config), _) => config::find(config)?,
            (None, Some(first)) => first.config(),
            (None, None) => config::find("digits")?,
        };
        let config = config::set_all(&config, &self.images.overrides()?)?;
        let config = config::set_all(&config, &self.overrides)?;
        // The folder holds the data of the model's training, not another data set that `--set` chooses.
        let data_folder = match (&self.config, &first) {
            (None, Some(first)) if first.has_data_of(&config) => first.data_folder()?,
            _ => None,
        };
        let start = Start::new(self.with_flags(config), self.name.clone(), name, first);
        let file = self.config.as_deref().and_then(config::file_named);
        Ok(Start {
            data_folder,
            figures_file: file
                .filter(|_| !sets_figures(&self.overrides))
                .map(Path::to_owned),
            ..start
        })
    }

    /// Starts a training on a person's images, with a config that is chosen for them.
    fn start_on_images(&self, folder: &Path) -> Result<Start> {
        let own = parallel::in_turn(|| self.images.load(folder, &self.overrides))?;
        let OwnImages {
            config,
            dataset,
            report,
        } = own;
        let start = Start::new(
            self.with_flags(config),
            self.name.clone(),
            run_name(&report.name),
            None,
        );
        Ok(Start {
            loaded: Some((dataset, Some(report))),
            ..start
        })
    }

    fn with_flags(&self, mut config: Config) -> Config {
        config.seed = self.seed.unwrap_or(config.seed);
        config.train.epochs = self.epochs.unwrap_or(config.train.epochs);
        config
    }
}

/// Reads a time above 0.
fn time_limit(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("expected a time above 0, such as `3h50m` or `90s`".to_owned()),
    }
}

/// Returns whether `--set` chooses a data set other than a person's own images, as in `data.mnist=`.
fn names_other_data(overrides: &[String]) -> bool {
    overrides.iter().any(|assignment| {
        let key = assignment.trim_start();
        key.starts_with("data.") && !key.starts_with("data.images")
    })
}

/// Returns the name of the runs on a folder of this name: without the ending of an archive, and without characters that
/// make a path hard to type.
fn run_name(folder: &str) -> String {
    let stem = folder.split_once('.').map_or(folder, |(stem, _)| stem);
    let name: String = stem
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    match name.trim_matches('-') {
        "" => "images".to_owned(),
        name => name.to_owned(),
    }
}
