//! Reads the images and labels of a set from its files.

use std::path::{Path, PathBuf};

use super::super::class_names::ClassNames;
use super::super::published::{IdxDataset, MNIST, SETS};
use super::super::{Dataset, Split, fetch, idx, npz};
use crate::error::{Error, Result};

/// Images in the training set as it is published.
const TRAIN: usize = 60_000;

/// The most labels that a message lists.
const LISTED: usize = 20;

/// The four files of a data set, all from one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxFiles {
    pub train_images: PathBuf,
    pub train_labels: PathBuf,
    pub test_images: PathBuf,
    pub test_labels: PathBuf,
}

/// The files of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFiles {
    /// Four files, as they are published.
    Idx(IdxFiles),
    /// One file with four arrays, as Keras stores it.
    Npz(PathBuf),
}

/// The images of a split and their labels as they stand in the files, and the places of both.
struct Labelled {
    images: Split,
    labels: Vec<u8>,
    images_at: PathBuf,
    labels_at: PathBuf,
}

impl SetFiles {
    /// Returns the first of the files.
    pub fn first(&self) -> &Path {
        match self {
            Self::Idx(files) => &files.train_images,
            Self::Npz(path) => path,
        }
    }

    /// Reads the images and labels to train on and to test on.
    fn splits(&self) -> Result<[Labelled; 2]> {
        match self {
            Self::Idx(files) => {
                let (train, test) = rayon::join(
                    || Labelled::read(&files.train_images, &files.train_labels),
                    || Labelled::read(&files.test_images, &files.test_labels),
                );
                Ok([train?, test?])
            }
            Self::Npz(path) => {
                let [train, test] = npz::splits(path)?;
                // An array's place is written as if the archive were a folder.
                let labelled = |(images, labels), [images_at, labels_at]: [&str; 2]| Labelled {
                    images,
                    labels,
                    images_at: path.join(images_at),
                    labels_at: path.join(labels_at),
                };
                Ok([labelled(train, npz::TRAIN), labelled(test, npz::TEST)])
            }
        }
    }
}

impl Labelled {
    fn read(images_path: &Path, labels_path: &Path) -> Result<Self> {
        Ok(Self {
            images: idx::images(images_path)?,
            labels: idx::labels(labels_path)?,
            images_at: images_path.to_owned(),
            labels_at: labels_path.to_owned(),
        })
    }

    /// Checks that every image has a label.
    fn check(&self) -> Result<()> {
        let (expected, found) = (self.images.len(), self.labels.len());
        if expected == found {
            return Ok(());
        }
        let what = format!(
            "expected {expected} labels, one for each image in {}, found {found}",
            self.images_at.display()
        );
        Err(Error::file(&self.labels_at, what)
            .with_hint("images and labels have to come from one data set"))
    }

    /// Returns the images, each labelled with the number of its class.
    fn classified(self, classes: &ClassNames) -> Result<Split> {
        match classes.numbers(&self.labels) {
            Ok(numbers) => Ok(self.images.with_labels(numbers)),
            Err(place) => {
                let labels = classes.labels.iter().take(LISTED);
                let mut known = labels.map(u8::to_string).collect::<Vec<_>>().join(", ");
                if classes.labels.len() > LISTED {
                    known += ", ...";
                }
                let what = format!(
                    "image {place} has the label {}, which no training image has; the training labels are {known}",
                    self.labels[place]
                );
                Err(Error::file(&self.labels_at, what).with_hint(
                    "the classes are those of the training set: take the image out, or add such images to the training set",
                ))
            }
        }
    }
}

/// Returns the published set that training labels belong to, if any.
pub fn published_set(labels: &[u8]) -> Option<&'static IdxDataset> {
    SETS.into_iter()
        .find(|set| labels.len() == TRAIN && labels.starts_with(&set.first_labels))
}

/// Reads the data set in `files`.
pub fn read(files: &SetFiles, set: &IdxDataset) -> Result<Dataset> {
    let [train, test] = files.splits()?;
    train.check()?;
    test.check()?;
    if let Some(other) = published_set(&train.labels)
        && other.name != set.name
    {
        let what = format!("holds {}, not {}", other.title, set.title);
        let hint = format!(
            "set the data of the config to `{}`, or name another folder",
            other.name
        );
        return Err(Error::file(files.first(), what).with_hint(hint));
    }
    if train.images.shape != test.images.shape {
        let [_, height, width] = train.images.shape;
        let [_, other_height, other_width] = test.images.shape;
        let what = format!(
            "expected images of {height} x {width}, as in {}, found {other_height} x {other_width}",
            train.images_at.display()
        );
        return Err(Error::file(&test.images_at, what)
            .with_hint("images and labels have to come from one data set"));
    }
    if set.name != MNIST.name && holds_mnist(&train.images) {
        let what = format!("expected {}, found the images of MNIST", set.title);
        let hint = format!(
            "put the files of {} in a folder named {}",
            set.title, set.name
        );
        return Err(Error::file(&train.images_at, what).with_hint(hint));
    }
    let classes = ClassNames::of(set, &train.labels);
    Ok(Dataset {
        name: set.name.to_owned(),
        folder: files.first().parent().map(Path::to_owned),
        train: train.classified(&classes)?,
        validation: None,
        calibration: None,
        test: test.classified(&classes)?,
        classes: classes.names,
    })
}

/// Whether these are the published images, with any labels.
fn holds_mnist(train: &Split) -> bool {
    let header = idx::image_header(TRAIN as u32, 28, 28);
    train.len() == TRAIN
        && train.shape == [1, 28, 28]
        && Some(fetch::md5_hex(&[&header, train.bytes().unwrap_or_default()]).as_str())
            == MNIST.files[0].plain_md5
}
