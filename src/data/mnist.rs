//! MNIST.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_paths::DataPaths;
use super::idx_dataset;
use super::published::MNIST;
use super::{DataKind, Dataset, Outline, Pixels};
use crate::error::Result;

/// Which images are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrainOn {
    /// The 60 000 that are published as training images.
    #[default]
    Train,
    /// The 10 000 test images as well, as in keras.io's example. No number measured on them is a test then, and every report
    /// says so.
    All,
}

/// MNIST, from its four files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mnist {
    pub pixels: Pixels,
    /// The number of training images, from the end, that are set aside to choose the best model on.
    pub validation: usize,
    pub train_on: TrainOn,
}

impl DataKind for Mnist {
    fn load(&self, place: &DataPaths) -> Result<Dataset> {
        idx_dataset::load(place, &MNIST)
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn pixels(&self) -> Pixels {
        self.pixels
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn trains_on_test(&self) -> bool {
        self.train_on == TrainOn::All
    }

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: [1, 28, 28],
            class_count: MNIST.classes.len(),
            counts: [60_000, 10_000],
        })
    }
}
