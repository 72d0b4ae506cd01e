//! The model that is exported, and what is known about it.

use super::measured_elbo::MeasuredElbo;
use crate::data::Pixels;
use crate::data::image_file::Fit;
use crate::error::Result;
use crate::model::{NamedTensor, Network};
use crate::train::ModelFile;

/// A model with what every format says about it.
#[derive(Clone, Debug)]
pub struct ExportedModel {
    /// The name of the run, or of the model file.
    pub name: String,
    /// The name of the data that it was trained on.
    pub data: String,
    pub file: ModelFile,
    pub network: Network,
    /// `None` if the run has no evaluation of this model.
    pub elbo: Option<MeasuredElbo>,
}

impl ExportedModel {
    /// Makes the export of a model.
    ///
    /// # Errors
    /// Returns an error if the config does not describe a network.
    pub fn new(
        name: &str,
        data: &str,
        file: ModelFile,
        elbo: Option<MeasuredElbo>,
    ) -> Result<Self> {
        let card = &file.card;
        let network = file.config.network(card.image_shape, card.classes.len())?;
        let [name, data] = [name, data].map(str::to_owned);
        Ok(Self {
            name,
            data,
            file,
            network,
            elbo,
        })
    }

    /// Returns how an image file becomes an image for the model.
    pub fn fit(&self) -> Fit {
        self.file.config.data.fit(self.file.card.image_shape)
    }

    pub fn pixels(&self) -> Pixels {
        self.file.config.data.kind().pixels()
    }

    /// Does the same as [`Config::is_variational`](crate::config::Config::is_variational).
    pub fn is_variational(&self) -> bool {
        self.file.config.is_variational()
    }

    /// Returns the names of the classes of a conditional model, which has a label as an input; other models have none.
    pub fn classes(&self) -> &[String] {
        match self.network.condition {
            Some(_) => &self.file.card.classes,
            None => &[],
        }
    }

    /// Returns the tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&NamedTensor> {
        self.file.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Returns the settings of an image as an input of the model, as JSON.
    pub fn image_settings(&self) -> serde_json::Value {
        let fit = self.fit();
        serde_json::json!({
            "shape": self.network.image_shape,
            "range": [0, 1],
            "fit": fit.mode,
            "background": fit.background,
            "levels_of_16_bits": fit.levels,
            "invert": fit.invert,
            "pixels": self.pixels(),
        })
    }
}
