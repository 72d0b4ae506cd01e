//! `vae train`: trains a config in a run's folder.

mod curves;
mod progress_display;
mod start;
mod summary;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use self::progress_display::ProgressDisplay;
use self::start::{Start, resumed};
use super::doctor::at_the_end;
use super::end_figures::EndFigures;
use super::figure_context::FigureContext;
use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_arg::RUNS;
use crate::data::DataPaths;
use crate::device::SelectedDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::run::{About, Record, create};
use crate::train::Training;
use crate::{config, data, device, files, ui};

/// Train a model: the built-in digits, unless a config says otherwise
#[derive(Debug, Args)]
pub struct Train {
    // Taken only to say what was meant.
    #[arg(hide = true)]
    preset: Option<String>,

    /// A preset's name (see `vae list presets`) or a TOML file
    #[arg(long, default_value = "digits")]
    config: String,

    /// Replace one value of the config, as in `train.batch=64` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "resume")]
    overrides: Vec<String>,

    /// Passes over the training images
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// The seed of weights, noise, the order of the images and binarised pixels
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,

    #[command(flatten)]
    run_args: RunArgs,

    /// The run's name [default: the config's, with a number]
    #[arg(long, conflicts_with = "resume")]
    name: Option<String>,

    /// Go on with a run (the newest, unless one is named) exactly where it stood
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config")]
    resume: Option<Option<PathBuf>>,
}

/// Where a training takes place.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// auto (a GPU where there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// The folder that the data set lies in [default: $VAE_DATA, then data/, then the user's cache]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The folder that runs are kept in
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    pub out: PathBuf,
}

/// A run that has done all its epochs.
pub struct Finished {
    /// The trained model, with its data.
    pub model: LoadedModel,
    pub history: Vec<Record>,
    /// The figures that the config asks for.
    figures: EndFigures,
}

impl Train {
    /// Returns a training whose run is called `name`, and which goes on with that run if it exists.
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
            preset: None,
            epochs: Some(epochs),
            seed: None,
            run_args,
            name: Some(name.to_owned()),
            resume: folder.is_dir().then_some(Some(folder)),
        }
    }

    /// Trains, says how healthy the latent is, and draws the figures. `began` is when the program was started.
    pub fn run(self, began: Instant) -> Result<()> {
        let selected = device::choose(&self.run_args.device)?;
        let Finished { model, figures, .. } = self.train(&selected, began)?;
        ui::data(model.folder.display())?;
        figures.draw(&model)
    }

    /// Trains to the last epoch.
    pub fn train(&self, selected: &SelectedDevice, began: Instant) -> Result<Finished> {
        // What is wrong is found before the run's folder is made, and before hours of training.
        let mut start = self.start()?;
        let config = &start.config;
        config.check()?;
        let figures = EndFigures::of(config)?;
        data::check_folder(&config.data, self.run_args.data.as_deref())?;
        let data_folder = self.run_args.data.clone().or(start.data_folder.take());
        let paths = DataPaths::from_environment(data_folder.clone())?;
        let dataset = data::load(&config.data, &paths)?;
        let training = match &start.checkpoint {
            None => Training::new(config, dataset, &selected.device)?,
            Some((checkpoint, path)) => {
                Training::resume(config, dataset, &selected.device, checkpoint, path)?
            }
        };
        figures.suit(&figure_context(&training))?;
        let (folder, _lock) = match start.folder {
            Some(locked) => locked,
            None => {
                let folder = create(&self.run_args.out, self.name.as_deref(), &start.name)?;
                let lock = folder.lock()?;
                (folder, lock)
            }
        };
        // Once its config is written, the run can be resumed.
        files::write(&folder.config(), config.to_toml()?.as_bytes())?;
        about(&training, selected, data_folder).write(&folder.about())?;

        summary::introduce(&training, &folder, selected);
        let mut display = ProgressDisplay::new(&training, &folder, began);
        interrupt::watch()?;
        let trained = training.run(&folder, &mut display);
        display.close();
        let trained = trained.map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error.with_hint(format!(
                "go on with: vae train --resume {}",
                folder.path.display()
            )),
            _ => error,
        })?;
        curves::write_png(&trained.history, &folder)?;
        summary::conclude(&trained, &folder);
        let history = trained.history.clone();
        let model = LoadedModel::trained(trained, folder, selected.clone())?;
        if !ui::is_quiet() {
            at_the_end(&model).into_iter().for_each(ui::note);
        }
        Ok(Finished {
            model,
            history,
            figures,
        })
    }

    fn start(&self) -> Result<Start> {
        if let Some(preset) = &self.preset {
            return Err(
                Error::request(format!("`{preset}`: expected a flag before it")).with_hint(
                    format!("to train a preset or a config file: vae train --config {preset}"),
                ),
            );
        }
        let mut start = match &self.resume {
            Some(run) => resumed(run.as_deref(), &self.run_args.out)?,
            None => {
                let (mut config, name) = config::find(&self.config)?;
                for assignment in &self.overrides {
                    config = config::set(&config, assignment)?;
                }
                config.seed = self.seed.unwrap_or(config.seed);
                Start::new(config, name)
            }
        };
        let train = &mut start.config.train;
        train.epochs = self.epochs.unwrap_or(train.epochs);
        Ok(start)
    }
}

fn figure_context(training: &Training) -> FigureContext<'_> {
    let network = training.vae().network();
    FigureContext {
        latent_count: network.latent,
        shape: network.image_shape,
        classes: &training.dataset().classes,
        conditional: network.condition.is_some(),
    }
}

fn about(training: &Training, selected: &SelectedDevice, data_folder: Option<PathBuf>) -> About {
    About {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        device: selected.title(),
        features: device::built_in()
            .into_iter()
            .map(|(name, _)| name.to_owned())
            .collect(),
        threads: device::threads(),
        data: training.dataset().name.clone(),
        data_hash: training.data_hash().to_owned(),
        data_folder: data_folder.and_then(|folder| std::path::absolute(folder).ok()),
        parameters: training.parameter_count(),
    }
}
