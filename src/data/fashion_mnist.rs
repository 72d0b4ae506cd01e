//! Fashion-MNIST.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_paths::DataPaths;
use super::idx_dataset;
use super::published::FASHION_MNIST;
use super::{DataKind, Dataset, Outline, Pixels};
use crate::error::Result;

/// Fashion-MNIST, from its four files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FashionMnist {
    pub pixels: Pixels,
    /// The number of training images, from the end, that are set aside to choose the best model on.
    pub validation: usize,
}

impl DataKind for FashionMnist {
    fn load(&self, place: &DataPaths) -> Result<Dataset> {
        idx_dataset::load(place, &FASHION_MNIST)
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

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: [1, 28, 28],
            class_count: FASHION_MNIST.classes.len(),
            counts: [60_000, 10_000],
        })
    }
}
