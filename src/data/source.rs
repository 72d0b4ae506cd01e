//! The data sets that a config can ask for.

use super::archive::DataPaths;
use super::{
    BinarizedMnist, Dataset, Digits, FashionMnist, Images, Mnist, Noise, Pixels, Sprites, fetch,
};
use crate::error::{Error, Result};
use crate::registry::registry;

pub trait DataKind {
    /// All images, those to be set aside for validation still among the ones to train on; where a validation split is
    /// published, that.
    fn load(&self, place: &DataPaths) -> Result<Dataset>;

    fn pixels(&self) -> Pixels;

    /// How many of the last training images are set aside.
    fn validation(&self) -> usize;

    /// Whether the test images are among those trained on.
    fn trains_on_test(&self) -> bool {
        false
    }

    /// `[C, H, W]` of the images as published: what `vae config` checks a network against before anything is loaded.
    fn usual_shape(&self) -> [usize; 3];

    /// How many classes the images have as published; 0: they have no labels.
    fn usual_classes(&self) -> usize;

    /// How many images there are to train on and to test on, as published.
    fn usual_counts(&self) -> [usize; 2];

    /// Whether a person's own files can have another shape.
    fn may_have_any_shape(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

registry! {
    /// What is modelled.
    pub enum Data: DataKind {
        "digits" => Digits, "handwritten-looking digits that the program draws itself";
        "mnist" => Mnist, "the handwritten digits of LeCun, Cortes and Burges";
        "binarized-mnist" => BinarizedMnist, "MNIST in black and white as published (Larochelle, Murray 2011), 10000 images for validation";
        "fashion-mnist" => FashionMnist, "articles of clothing (Xiao, Rasul, Vollgraf 2017)";
        "sprites" => Sprites, "a square, ellipse or heart drawn from five known factors, after dSprites (Matthey et al. 2017)";
        "noise" => Noise, "uniform random bytes of any size, for measuring speed";
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::Digits(Digits::default())
    }
}

/// The data set with its validation split set aside.
///
/// # Errors
/// Those of the source; and where no training image would be left.
pub fn load(data: &Data, place: &DataPaths) -> Result<Dataset> {
    let mut dataset = data.kind().load(place)?;
    let aside = data.kind().validation();
    let count = dataset.train.len();
    if aside >= count {
        return Err(Error::request(format!(
            "data.{}.validation is {aside}; expected less than the {count} training images",
            data.tag()
        )));
    }
    if aside > 0 {
        dataset.validation = Some(dataset.train.slice(count - aside..count));
        dataset.train = dataset.train.slice(0..count - aside);
    }
    if data.kind().trains_on_test() {
        dataset.train = dataset.train.followed_by(&dataset.test);
    }
    Ok(dataset)
}

/// MD5 over all images (or what they are drawn from) and labels, to tell whether two numbers hold for the same data.
pub fn hash(dataset: &Dataset) -> String {
    let splits = [
        Some(&dataset.train),
        dataset.validation.as_ref(),
        Some(&dataset.test),
    ];
    let of = |images: &Images| {
        let shape = images
            .shape
            .map(|length| length as u32)
            .map(u32::to_le_bytes)
            .concat();
        fetch::md5_hex(&[
            &shape,
            &images.definition(),
            images.labels.as_deref().unwrap_or_default(),
        ])
    };
    let pass: Vec<String> = splits.into_iter().flatten().map(of).collect();
    format!("md5:{}", fetch::md5_hex(&[pass.concat().as_bytes()]))
}
