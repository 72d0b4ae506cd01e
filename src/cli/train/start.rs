//! The start of a training: a new run, one that begins with the weights of another, or one that was stopped.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::loaded_model::hash;
use crate::cli::model_arg::locate;
use crate::cli::model_data::named_by_run;
use crate::config::Config;
use crate::data::{Dataset, ImageReport, NamedFolder};
use crate::device::SelectedDevice;
use crate::error::Result;
use crate::files;
use crate::run::{RunFolder, StartedFrom};
use crate::train::{Checkpoint, ModelFile, Training};

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
        named_by_run(&RunFolder::of_model(&self.path), &self.file.config)
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
            loaded: None,
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
            StartWeights::Model(FirstModel { file, path, name }) => {
                Training::from_model(&self.config, dataset, device, file, name.clone())
                    .map_err(|error| error.inside(&format!("--from {}", path.display())))
            }
        }
    }
}
