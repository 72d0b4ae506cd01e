//! The ELBO that `vae eval` measured, with the conditions of the measurement.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::{KeptEvaluation, RunFolder};

/// An ELBO in nats per image, and how it was measured. The names of the fields are those of `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredElbo {
    pub elbo: f64,
    /// The standard error over images; `None` for a single image.
    pub elbo_se: Option<f64>,
    pub data: String,
    pub split: String,
    pub images: usize,
    pub pixels: String,
    pub samples_per_image: usize,
    pub seed: u64,
    /// The reason why it is no bound on a log-likelihood; `None` if it is one.
    #[serde(default)]
    pub caveat: Option<String>,
}

impl MeasuredElbo {
    /// Reads the last evaluation of a run. Returns `None` if there is none, if it measured another model than the one with this
    /// hash or other data, or if the model has no ELBO.
    ///
    /// # Errors
    /// Returns an error if the evaluation is there and cannot be read.
    pub fn read(run: &RunFolder, model_hash: &str) -> Result<Option<Self>> {
        let kept = KeptEvaluation::read(run)?;
        let kept = kept.filter(|kept| kept.is_of_model(model_hash) && kept.elbo.is_some());
        let read = kept.map(|kept| serde_json::from_value(kept.all));
        read.transpose()
            .map_err(|error| KeptEvaluation::unreadable(run, &error))
    }

    /// Returns the number with its standard error: `-92.42 ± 0.33`.
    pub fn number(&self) -> String {
        match self.elbo_se {
            Some(error) => format!("{:.2} ± {error:.2}", self.elbo),
            None => format!("{:.2}", self.elbo),
        }
    }
}
