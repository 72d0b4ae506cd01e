//! `report.json`: the last evaluation of a run's model, as `vae eval` keeps it.

use serde::Deserialize;
use serde_json::Value;

use super::RunFolder;
use crate::error::{Error, Result, shell_word};
use crate::files;

/// The last evaluation of a run. A number that was not measured, or that an earlier version did not keep, is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeptEvaluation {
    /// The name of the model file.
    pub model: Option<String>,
    pub model_hash: Option<String>,
    /// Whether the images are of other data than the training's.
    pub other_data: bool,
    pub split: Option<String>,
    pub images: Option<u64>,
    pub images_in_split: Option<u64>,
    pub elbo: Option<f64>,
    pub elbo_se: Option<f64>,
    pub reconstruction: Option<f64>,
    pub log_px: Option<f64>,
    pub log_px_se: Option<f64>,
    pub iw_bound: Option<f64>,
    pub iw_bound_se: Option<f64>,
    pub importance_samples: Option<u64>,
    /// All that the file holds.
    #[serde(skip)]
    pub all: Value,
}

impl KeptEvaluation {
    /// Reads the last evaluation of a run. Returns `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if the file is there and is no evaluation.
    pub fn read(run: &RunFolder) -> Result<Option<Self>> {
        let path = run.report();
        if !files::is_there(&path)? || !path.is_file() {
            return Ok(None);
        }
        let bytes = files::read(&path)?;
        let parse = || {
            let all: Value = serde_json::from_slice(&bytes)?;
            let kept = Self::deserialize(&all)?;
            Ok(Self { all, ..kept })
        };
        parse()
            .map(Some)
            .map_err(|error: serde_json::Error| Self::unreadable(run, &error))
    }

    /// Returns the error for a file that does not have what `vae eval` writes.
    pub fn unreadable(run: &RunFolder, error: &serde_json::Error) -> Error {
        let what = format!("this is no report of `vae eval`: {error}");
        Error::file(run.report(), what).with_hint(format!(
            "measure it again: vae eval {}; or remove the file",
            shell_word(&run.path)
        ))
    }

    /// Returns whether the model with this hash was measured, on images of its training's data.
    pub fn is_of_model(&self, hash: &str) -> bool {
        // Other images say little about the model.
        self.model_hash.as_deref() == Some(hash) && !self.other_data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluation_is_read_where_there_is_one_and_a_broken_one_is_named() {
        let place = tempfile::TempDir::new().unwrap();
        let run = RunFolder {
            path: place.path().to_path_buf(),
        };
        assert!(KeptEvaluation::read(&run).unwrap().is_none());
        std::fs::write(run.report(), r#"{"model_hash":"a","elbo":-1.5,"new":0}"#).unwrap();
        let kept = KeptEvaluation::read(&run).unwrap().unwrap();
        assert_eq!((kept.elbo, kept.all["new"].as_u64()), (Some(-1.5), Some(0)));
        assert!(kept.is_of_model("a") && !kept.is_of_model("b"));
        std::fs::write(run.report(), "{").unwrap();
        let error = KeptEvaluation::read(&run).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("no report of `vae eval`"));
    }
}
