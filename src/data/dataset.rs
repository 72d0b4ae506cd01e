//! A data set: what a model is trained on, and what it is measured on.

use std::path::PathBuf;

use super::Split;
use crate::error::{Error, Result};

#[derive(Clone, Debug)]
pub struct Dataset {
    /// The name in reports: "mnist", "digits".
    pub name: String,
    /// The folder that it was read from; `None` if it was not read from files.
    pub folder: Option<PathBuf>,
    /// The classes' names, in the order of the labels; empty if there are no labels.
    pub classes: Vec<String>,
    pub train: Split,
    /// Set aside from the training images if the config asks for it, to choose the best model on.
    pub validation: Option<Split>,
    /// Set aside from the training images if the config asks for it, to calibrate scores on: these images neither train nor
    /// choose the model.
    pub calibration: Option<Split>,
    pub test: Split,
}

/// The name of a split, as a person writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitName {
    Train,
    Validation,
    Test,
}

impl SplitName {
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Returns the split of this name.
    ///
    /// # Errors
    /// No validation split is set aside.
    pub fn of(self, dataset: &Dataset) -> Result<&Split> {
        match self {
            Self::Train => Ok(&dataset.train),
            Self::Test => Ok(&dataset.test),
            Self::Validation => dataset.validation.as_ref().ok_or_else(|| {
                let error = Error::request(
                    "--split validation: this run's config sets no validation split aside",
                );
                // A single training image cannot be set aside.
                let tenth = (dataset.train.len() / 10).max(1);
                if tenth >= dataset.train.len() {
                    return error;
                }
                error.with_hint(format!(
                    "train with a tenth of the training images set aside: `--set data.{}.validation={tenth}`",
                    dataset.name
                ))
            }),
        }
    }
}
