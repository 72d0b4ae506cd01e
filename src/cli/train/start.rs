//! The start of a training: a new run, one that begins with the weights of another, or one that was stopped.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::loaded_model::hash;
use crate::cli::model_arg::locate;
use crate::cli::model_data::named_by_run;
use crate::config::Config;
use crate::data::{Data, Dataset, ImageReport, NamedFolder};
use crate::device::SelectedDevice;
use crate::error::{Error, Result};
use crate::files::{self, is_same_place};
use crate::model::{Features, Model};
use crate::run::{RunFolder, StartedFrom, remembered_data};
use crate::train::{Checkpoint, ModelFile, Training, check_same_architecture};
use crate::ui;

/// A run before its data is loaded.
pub struct Start {
    pub config: Config,
    /// The name of a new run, if the user gave one.
    pub name: Option<String>,
    /// The config's name. A new run without a name is called after it.
    pub config_name: String,
    /// The folder of a resumed run, and its lock.
    pub folder: Option<(RunFolder, Option<File>)>,
    pub weights: StartWeights,
    /// The `--data` folder of the resumed run, or of the run that `--from` names.
    pub data_folder: Option<NamedFolder>,
    /// The file that the config's `[[figures]]` stand in.
    pub figures_file: Option<PathBuf>,
    /// The data, if it is loaded already, and what was found in a folder of images.
    pub loaded: Option<(Dataset, Option<ImageReport>)>,
}

/// The source of the weights before the next step.
pub enum StartWeights {
    /// The seed.
    Seed,
    /// The model of another run.
    Model(FirstModel),
    /// The saved state of a resumed run, and the file that it was read from.
    State(Checkpoint, PathBuf),
}

impl StartWeights {
    /// Returns the model file of another run that the weights are read from, or `None` if they are not.
    pub fn model_path(&self) -> Option<&Path> {
        match self {
            Self::Model(first) => Some(&first.path),
            Self::Seed | Self::State(..) => None,
        }
    }
}

/// The model that a new run begins with.
pub struct FirstModel {
    file: ModelFile,
    path: PathBuf,
    name: StartedFrom,
}

impl FirstModel {
    /// Reads the model of `run`, the folder or name of a run or a model file.
    pub fn read(run: &Path) -> Result<Self> {
        let (path, _) = locate(Some(run))?;
        let bytes = files::read(&path)?;
        let file = ModelFile::parse(&path, &bytes)?;
        // Only the last two names: a path would be wrong once a folder is moved.
        let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let names = [
            absolute.parent().and_then(Path::file_name),
            absolute.file_name(),
        ];
        let model: PathBuf = names.into_iter().flatten().collect();
        let name = StartedFrom {
            model: model.to_string_lossy().into_owned(),
            model_hash: hash(&bytes),
        };
        Ok(Self { file, path, name })
    }

    /// Returns the folder that the `--data` of the model's run named, or `None` if it named none.
    pub fn data_folder(&self) -> Result<Option<NamedFolder>> {
        named_by_run(&RunFolder::of_file(&self.path), &self.file.config)
    }

    /// Returns whether the model was trained on the kind of data that `config` names.
    pub fn has_data_of(&self, config: &Config) -> bool {
        self.file.config.data.tag() == config.data.tag()
    }

    /// Returns whether the model was trained on the images of `report`, and others of them were tested on.
    fn tests_on_others(&self, report: &ImageReport) -> bool {
        let Data::Images(settings) = &self.file.config.data else {
            return false;
        };
        // A model file alone does not know its data.
        let known = remembered_data(&RunFolder::of_file(&self.path)).unwrap_or_default();
        let folder = known.data_found_in.or(known.data_folder);
        let same = folder.is_some_and(|folder| is_same_place(&folder, &report.place));
        same && !settings.chooses_tests_like(&report.settings)
    }

    /// Checks that a training with `config` can begin with this model.
    fn check_config(&self, config: &Config) -> Result<()> {
        check_same_architecture(&self.file.config, config).map_err(|error| {
            self.named(error).with_hint(
                "leave `--config` out, and what `--set` changes there, to train on with that model's architecture",
            )
        })
    }

    /// Checks that a training with `config` on `dataset` can begin with this model.
    fn check_data(&self, config: &Config, dataset: &Dataset) -> Result<()> {
        let card = &self.file.card;
        card.check_data(dataset, config.condition.is_some())
            .map_err(|error| {
                let is_other_shape = dataset.train.shape != card.image_shape;
                let wanted = if is_other_shape {
                    format!("images of {}", Features::Map(card.image_shape))
                } else {
                    "the same classes".to_owned()
                };
                let [_, height, width] = card.image_shape;
                let fit = match &config.data {
                    Data::Images(_) if is_other_shape => format!(", as by `--size {height}x{width}`"),
                    _ => String::new(),
                };
                let hint = format!(
                    "choose data with {wanted}{fit}, or leave `--from` out to train a new model on `{}`",
                    dataset.name
                );
                self.named(error).with_hint(hint)
            })
    }

    /// Returns the error with the name of the model in front.
    fn named(&self, error: Error) -> Error {
        error.inside(&format!("--from {}", self.path.display()))
    }

    /// Returns the config of the model, and its run's name without the number.
    pub fn config(&self) -> (Config, String) {
        let run = Path::new(&self.name.model)
            .parent()
            .map(Path::to_string_lossy);
        let run = run.unwrap_or_default().into_owned();
        let name = match run.rsplit_once('-') {
            Some((name, number)) if number.parse::<u64>().is_ok() => name.to_owned(),
            _ => run,
        };
        let name = if name.is_empty() {
            "run".to_owned()
        } else {
            name
        };
        (self.file.config.clone(), name)
    }
}

impl Start {
    /// Starts a new run.
    pub fn new(
        config: Config,
        name: Option<String>,
        config_name: String,
        first: Option<FirstModel>,
    ) -> Self {
        Self {
            config,
            name,
            config_name,
            folder: None,
            weights: first.map_or(StartWeights::Seed, StartWeights::Model),
            data_folder: None,
            figures_file: None,
            loaded: None,
        }
    }

    /// Checks that the weights to begin with fit the config, before the data is loaded. A model that is chosen by the data
    /// is checked once it is.
    ///
    /// # Errors
    /// Returns an error if they are those of a model with another architecture.
    pub fn check_config(&self) -> Result<()> {
        match &self.weights {
            StartWeights::Model(_) if matches!(self.config.model, Model::Auto(_)) => Ok(()),
            StartWeights::Model(first) => first.check_config(&self.config),
            StartWeights::Seed | StartWeights::State(..) => Ok(()),
        }
    }

    /// Checks that the weights to begin with fit the data. The network is built later, and would report a mistake less
    /// clearly.
    ///
    /// # Errors
    /// Returns an error if they are those of a model for other images or, if it is conditional, for other classes.
    pub fn check_data(&self, dataset: &Dataset) -> Result<()> {
        match &self.weights {
            StartWeights::Model(first) => first.check_data(&self.config, dataset),
            StartWeights::Seed | StartWeights::State(..) => Ok(()),
        }
    }

    /// Prints a note if the images are those of the model to begin with, and others of them are tested on: a part of
    /// the new test images was trained on.
    pub fn warn_of_other_tests(&self, report: Option<&ImageReport>) {
        if let (StartWeights::Model(first), Some(report)) = (&self.weights, report)
            && report.test_by_hash
            && first.tests_on_others(report)
        {
            ui::note(format_args!(
                "note: {} was trained on the same images with another choice of test images (it depends on the fit, \
                 `test` and `group` of [data.images]): test images of this run may have been trained on there, so that the \
                 test ELBO flatters the model",
                first.path.display()
            ));
        }
    }

    /// Prepares the training.
    pub fn training(&self, dataset: Dataset, selected: &SelectedDevice) -> Result<Training> {
        let device = &selected.device;
        match &self.weights {
            StartWeights::Seed => Training::new(&self.config, dataset, device),
            StartWeights::State(checkpoint, path) => {
                Training::resume(&self.config, dataset, device, checkpoint, path)
            }
            StartWeights::Model(first) => {
                let FirstModel { file, name, .. } = first;
                Training::from_model(&self.config, dataset, device, file, name.clone())
                    .map_err(|error| first.named(error))
            }
        }
    }
}
