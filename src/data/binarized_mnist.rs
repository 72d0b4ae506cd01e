//! MNIST in black and white, drawn once for everybody: each pixel is 1 with its grey level as the probability
//! (Salakhutdinov, Murray 2008). The draw published by Larochelle (Larochelle, Murray 2011) is what papers call "binarised
//! MNIST".

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_paths::{DataPaths, SetFolders, search};
use super::file_names::Listing;
use super::{DataKind, Dataset, Outline, Pixels, amat};
use crate::error::{Error, Result};

/// The name of the data set and of its folders.
const NAME: &str = "binarized-mnist";
const FOLDERS: SetFolders = SetFolders {
    name: NAME,
    torchvision: None,
    own_names: true,
};
/// The files to train on, to choose the best model on, and to test on.
pub const FILES: [&str; 3] = [
    "binarized_mnist_train.amat",
    "binarized_mnist_valid.amat",
    "binarized_mnist_test.amat",
];
/// The number of images in each file.
pub const COUNTS: [usize; 3] = [50_000, 10_000, 10_000];
const SHAPE: [usize; 3] = [1, 28, 28];
/// The publisher's page. Nothing is downloaded from there, because no checksum is known that a download could be held to.
const URL: &str = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/";

/// Binarised MNIST, from its three files. There is no `pixels` key, because every value is 0 or 1 already, and no
/// `validation`, because that split is published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BinarizedMnist {}

impl DataKind for BinarizedMnist {
    fn load(&self, place: &DataPaths) -> Result<Dataset> {
        read(&find(place)?, COUNTS)
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn pixels(&self) -> Pixels {
        // The same values as grey, but reports then say that they are black and white.
        Pixels::Threshold
    }

    fn pixels_name(&self) -> &'static str {
        "static (Larochelle)"
    }

    fn validation(&self) -> usize {
        // None of the training images: the validation split is published.
        0
    }

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: SHAPE,
            class_count: 0,
            counts: [COUNTS[0], COUNTS[2]],
        })
    }

    fn may_have_any_shape(&self) -> bool {
        false
    }
}

/// Finds the three files, all in one folder.
///
/// # Errors
/// Exit code 2, with the names, every folder looked in, and the publisher's page.
pub fn find(place: &DataPaths) -> Result<[PathBuf; 3]> {
    let folders = place.folders(FOLDERS, "three files")?;
    let files = format!(
        "binarised MNIST (the three files {}, each plain or .gz)",
        FILES.join(", ")
    );
    search(&folders, |folder| Listing::of(folder)?.all(FILES)).map_err(|looked_in| match &place.named {
        Some(folder) => {
            let what = format!(
                "{files} is not in this folder, which {} names; looked in{looked_in}\nthe files are at {URL}",
                folder.by
            );
            folder.error(&what, "three files")
        }
        None => Error::request(format!(
            "{files} was not found; looked in{looked_in}\nand it is never downloaded"
        ))
        .with_hint(format!(
            "get them from {URL} and put them in data/{NAME}/, or pass --data DIR or set VAE_DATA"
        )),
    })
}

/// Reads the data set in `files`, which have `counts` images.
///
/// # Errors
/// Exit code 2 if a file is not what its name says.
pub fn read(files: &[PathBuf; 3], counts: [usize; 3]) -> Result<Dataset> {
    let split = |path: &Path, count| amat::images(path, count, SHAPE);
    let ([train, validation, test], [of_train, of_validation, of_test]) = (files, counts);
    let (train, (validation, test)) = rayon::join(
        || split(train, of_train),
        || rayon::join(|| split(validation, of_validation), || split(test, of_test)),
    );
    Ok(Dataset {
        name: NAME.into(),
        folder: files[0].parent().map(Path::to_owned),
        classes: Vec::new(),
        train: train?,
        validation: Some(validation?),
        calibration: None,
        test: test?,
    })
}
