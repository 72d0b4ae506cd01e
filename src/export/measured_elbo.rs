//! The ELBO that `vae eval` measured, with the conditions of the measurement.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;
use crate::run::RunFolder;

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
    /// Returns an error if the file is there and cannot be read.
    pub fn read(run: &RunFolder, model_hash: &str) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Measured {
            model_hash: Option<String>,
            elbo: Option<f64>,
            #[serde(default)]
            other_data: bool,
        }
        let path = run.report();
        if !files::is_there(&path)? {
            return Ok(None);
        }
        let bytes = files::read(&path)?;
        let broken = |error: serde_json::Error| {
            Error::file(&path, format!("this is no report of `vae eval`: {error}"))
                .with_hint("measure again: `vae eval`, or remove the file")
        };
        let measured: Measured = serde_json::from_slice(&bytes).map_err(broken)?;
        let is_of_model = measured.model_hash.as_deref() == Some(model_hash);
        // An ELBO on other images than those of the training's data set says little about the model.
        if measured.elbo.is_none() || !is_of_model || measured.other_data {
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(broken)
    }

    /// Returns the number with its standard error: `-92.42 ± 0.33`.
    pub fn number(&self) -> String {
        match self.elbo_se {
            Some(error) => format!("{:.2} ± {error:.2}", self.elbo),
            None => format!("{:.2}", self.elbo),
        }
    }
}
