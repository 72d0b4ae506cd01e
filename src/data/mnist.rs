//! MNIST.

use serde::{Deserialize, Serialize};

use super::data_paths::DataPaths;
use super::idx_dataset::{self, IdxDataset, PublishedFile};
use super::{DataKind, Dataset, Outline, Pixels};
use crate::error::Result;

/// The handwritten digits (LeCun, Cortes, Burges, 1998).
pub static MNIST: IdxDataset = IdxDataset {
    name: "mnist",
    title: "MNIST",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte",
            md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            plain_md5: Some("6bbc9ace898e44ae57da46a324031adb"),
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte",
            md5: "d53e105ee54ea40749a09fcbcd1e9432",
            plain_md5: Some("a25bea736e30d166cdddb491f175f624"),
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte",
            md5: "9fb629c4189551a2d022fa330f9573f3",
            plain_md5: Some("2646ac647ad5339dbf082846283269ea"),
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte",
            md5: "ec29112dd5afa0611ce80d1b7f02629c",
            plain_md5: Some("27ae3e4e09519cfbb04c329615203637"),
        },
    ],
    mirrors: [
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
    first_labels: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9],
};

/// Which images are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
