//! The data sets that a config can ask for.

use std::path::Path;

use md5::{Digest, Md5};

use super::DataPaths;
use super::data_kind::DataKind;
use super::fetch::hex;
use super::image_file::Fit;
use super::images::{self, ImageReport, Images};
use super::{BinarizedMnist, Dataset, Digits, FashionMnist, Mnist, Noise, Split, Sprites};
use crate::error::{Error, Result};
use crate::registry::registry;

registry! {
    /// The data that is modelled.
    pub enum Data: DataKind {
        "digits" => Digits, "handwritten-looking digits that the program draws itself";
        "mnist" => Mnist, "the handwritten digits of LeCun, Cortes and Burges";
        "binarized-mnist" => BinarizedMnist, "MNIST in black and white as published (Larochelle, Murray 2011), 10000 images for validation";
        "fashion-mnist" => FashionMnist, "articles of clothing (Xiao, Rasul, Vollgraf 2017)";
        "images" => Images, "images of your own, from the folder or file that `--data` names";
        "sprites" => Sprites, "a square, ellipse or heart drawn from five known factors, after dSprites (Matthey et al. 2017)";
        "noise" => Noise, "uniform random bytes of any size, for measuring speed";
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::Digits(Digits::default())
    }
}

impl Data {
    /// Returns how an image file becomes an image of this data set, `[C, H, W]`.
    pub fn fit(&self, shape: [usize; 3]) -> Fit {
        match self {
            Self::Images(settings) => settings.resolved_fit().unwrap_or_else(|| Fit::whole(shape)),
            _ => Fit::whole(shape),
        }
    }
}

/// Checks that a folder that a person named has an effect.
///
/// # Errors
/// The data set reads no files.
pub fn check_folder(data: &Data, folder: Option<&Path>) -> Result<()> {
    match folder {
        Some(folder) if !data.kind().reads_files() => {
            let reading = Data::every()
                .into_iter()
                .filter(|data| data.kind().reads_files());
            let names: Vec<&str> = reading.map(|data| data.tag()).collect();
            Err(Error::request(format!(
                "--data {}: the data set is `{}`, which reads no files: the folder would have no effect",
                folder.display(),
                data.tag()
            ))
            .with_hint(format!(
                "leave `--data` out, or choose a data set that is read from files: {}",
                names.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

/// Loads a data set and sets its validation split aside.
///
/// # Errors
/// The data cannot be read, or no training image would be left.
pub fn load(data: &Data, place: &DataPaths) -> Result<Dataset> {
    Ok(load_reported(data, place)?.0)
}

/// Does what [`load`] does, and returns what was found where the images are a person's own.
///
/// # Errors
/// Those of [`load`].
pub fn load_reported(data: &Data, place: &DataPaths) -> Result<(Dataset, Option<ImageReport>)> {
    load_as(data, place, false)
}

/// Does what [`load_reported`] does for a new training: images are kept to calibrate on where abnormal ones are told apart,
/// unless `data` says how many.
///
/// # Errors
/// Those of [`load`].
pub fn load_new(data: &Data, place: &DataPaths) -> Result<(Dataset, Option<ImageReport>)> {
    load_as(data, place, true)
}

fn load_as(data: &Data, place: &DataPaths, is_new: bool) -> Result<(Dataset, Option<ImageReport>)> {
    let (dataset, report) = match data {
        Data::Images(settings) => {
            let (dataset, report) = images::load(settings, place, is_new)?;
            (dataset, Some(report))
        }
        _ => (data.kind().load(place)?, None),
    };
    let dataset = set_aside(data, dataset)?;
    let report = report.map(|report| report.with_counts(&dataset));
    Ok((dataset, report))
}

/// Sets the validation split of a loaded data set aside, and adds the test images to those to train on if the config says
/// so.
///
/// # Errors
/// No training image would be left.
pub fn set_aside(data: &Data, mut dataset: Dataset) -> Result<Dataset> {
    let aside = data.kind().validation();
    let count = dataset.train.len();
    if aside >= count {
        return Err(Error::request(format!(
            "data.{}.validation is {aside}; expected less than the {count} training images",
            data.tag()
        )));
    }
    if aside > 0 && data.kind().outline().is_none() && dataset.validation.is_some() {
        return Err(Error::request(format!(
            "data.{}.validation is {aside}, and the data names validation images itself",
            data.tag()
        ))
        .with_hint("leave `validation` out: those images are used"));
    }
    if aside > 0 {
        dataset.validation = Some(dataset.train.slice(count - aside..count));
        dataset.train = dataset.train.slice(0..count - aside);
    }
    if data.kind().trains_on_test() {
        dataset.train = dataset.train.followed_by(&dataset.test)?;
    }
    Ok(dataset)
}

/// Returns the MD5 over the examples (or what they are generated from) and labels of all splits, to tell whether two
/// numbers hold for the same data.
///
/// # Errors
/// An example cannot be read.
pub fn hash(dataset: &Dataset) -> Result<String> {
    let splits = [
        Some(&dataset.train),
        dataset.validation.as_ref(),
        Some(&dataset.test),
        dataset.calibration.as_ref(),
    ];
    let mut all = Md5::new();
    for split in splits.into_iter().flatten() {
        all.update(split_hash(split)?.as_bytes());
    }
    Ok(format!("md5:{}", hex(all)))
}

fn split_hash(split: &Split) -> Result<String> {
    let mut sum = Md5::new();
    for length in split.shape {
        sum.update((length as u32).to_le_bytes());
    }
    split.fingerprint(&mut |bytes| sum.update(bytes))?;
    let labels = split.labels.as_deref().unwrap_or_default();
    // One byte a label wherever that is enough: the hashes of sets with up to 256 classes stay what they were.
    match labels
        .iter()
        .map(|&label| u8::try_from(label))
        .collect::<Result<Vec<u8>, _>>()
    {
        Ok(bytes) => sum.update(bytes),
        Err(_) => labels
            .iter()
            .for_each(|label| sum.update(label.to_le_bytes())),
    }
    Ok(hex(sum))
}
