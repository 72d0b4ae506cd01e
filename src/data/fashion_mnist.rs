//! Fashion-MNIST.

use serde::{Deserialize, Serialize};

use super::data_paths::DataPaths;
use super::idx_dataset::{self, IdxDataset, PublishedFile};
use super::{DataKind, Dataset, Outline, Pixels};
use crate::error::Result;

/// Zalando's articles of clothing (Xiao, Rasul, Vollgraf, 2017).
pub static FASHION_MNIST: IdxDataset = IdxDataset {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte",
            md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            plain_md5: None,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte",
            md5: "25c81989df183df01b3e8a0aad5dffbe",
            plain_md5: None,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte",
            md5: "bef4ecab320f06d8554ea6380940ec79",
            plain_md5: None,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte",
            md5: "bb300cfdad3c16e7a12a480ee83cd310",
            plain_md5: None,
        },
    ],
    mirrors: [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    first_labels: [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1, 0, 6, 4],
};

/// Fashion-MNIST, from its four files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
