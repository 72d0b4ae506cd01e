//! `model.safetensors`: the weights, with everything needed to use them.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::files;
use crate::model::{FORMAT_VERSION, Features, NamedTensor, Vae, export, load, pack, unpack};
use crate::run::{RunFolder, StartedFrom};

/// A model in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    pub config: Config,
    pub card: ModelCard,
    pub tensors: Vec<NamedTensor>,
}

/// The facts about its training data that a model needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// `[C, H, W]`.
    pub image_shape: [usize; 3],
    /// The names of the classes; empty if the data has no labels.
    pub classes: Vec<String>,
    /// The hash of the images and labels that the model was trained on.
    pub data_hash: String,
    /// The model whose weights were the first ones; `None` if they were drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<StartedFrom>,
}

impl ModelCard {
    /// Checks that a model can be trained further or used with `dataset`.
    ///
    /// # Errors
    /// Returns an error if the images have another shape or, for a conditional model, other classes.
    pub fn check_data(&self, dataset: &Dataset, is_conditional: bool) -> Result<()> {
        if dataset.train.shape != self.image_shape {
            return Err(Error::request(format!(
                "the model is for images of {}, and the data has {} (channels, height, width)",
                Features::Map(self.image_shape),
                Features::Map(dataset.train.shape)
            )));
        }
        if is_conditional && dataset.classes != self.classes {
            let found = if dataset.classes.is_empty() {
                "no labels".to_owned()
            } else {
                dataset.classes.join(", ")
            };
            let classes = self.classes.join(", ");
            return Err(Error::request(format!(
                "the model is conditional on the classes {classes}, and the data has {found}"
            )));
        }
        Ok(())
    }
}

/// The file's metadata.
#[derive(Serialize, Deserialize)]
struct ModelMetadata {
    format_version: u32,
    /// The version of the program that wrote the file.
    program_version: String,
    /// The effective config, as TOML.
    config: String,
    #[serde(flatten)]
    card: ModelCard,
}

impl ModelFile {
    /// Copies `vae`, which was trained on `dataset`, from its device.
    pub fn new(config: &Config, dataset: &Dataset, data_hash: &str, vae: &Vae) -> Self {
        Self {
            config: config.clone(),
            card: ModelCard {
                image_shape: vae.network().image_shape,
                classes: dataset.classes.clone(),
                data_hash: data_hash.to_owned(),
                started_from: None,
            },
            tensors: export(vae),
        }
    }

    /// Returns the same model with the one that its training began with.
    #[must_use]
    pub fn with_start(mut self, started_from: Option<StartedFrom>) -> Self {
        self.card.started_from = started_from;
        self
    }

    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let metadata = ModelMetadata {
            format_version: FORMAT_VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.config.to_toml()?,
            card: self.card.clone(),
        };
        pack(&metadata, &self.tensors)
    }

    /// Writes the file to `path`.
    pub fn write(&self, path: &Path) -> Result<()> {
        RunFolder::of_file(path).write(path, &self.to_bytes()?)
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Returns an error if the file is missing or damaged, was not written by `vae train`, or has another version of
    /// the format.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &files::read(path)?)
    }

    /// Returns whether there is a model at `path` whose numbers are finite; a file that is damaged is none.
    ///
    /// # Errors
    /// Returns an error if a file is there that cannot be read: it may be a whole model.
    pub fn is_whole(path: &Path) -> Result<bool> {
        let is_there = path
            .try_exists()
            .map_err(|error| files::unreadable(path, &error))?;
        if !is_there {
            return Ok(false);
        }
        let file = Self::parse(path, &files::read(path)?);
        Ok(file.is_ok_and(|file| file.broken_tensor().is_none()))
    }

    /// Reads a file from its bytes; `path` is only used in messages.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let (metadata, tensors) = unpack::<ModelMetadata>(path, bytes)?;
        Ok(Self {
            config: Config::parse(&metadata.config, path)?,
            card: metadata.card,
            tensors,
        })
    }

    /// Returns the name of the first tensor that holds a number that is not finite, or `None` if all are finite.
    pub fn broken_tensor(&self) -> Option<&str> {
        let broken = self.tensors.iter().find(|tensor| !tensor.is_finite());
        broken.map(|tensor| tensor.name.as_str())
    }

    /// Builds the model on `device`.
    ///
    /// # Errors
    /// Returns an error if the weights do not fit the config.
    pub fn build(&self, device: &Device) -> Result<Vae> {
        let network = self
            .config
            .network(self.card.image_shape, self.card.classes.len())?;
        load(&network, &self.config.likelihood, &self.tensors, device)
    }
}
