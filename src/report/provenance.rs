//! The model and the data that the numbers of a report belong to.

use std::path::PathBuf;

use serde_json::json;

use super::Report;
use crate::config::Config;
use crate::data::Choice;
use crate::run::StartedFrom;
use crate::words::counted;

/// The name of a data set of images that a person named beside a model.
pub const NEW_IMAGES: &str = "new images";

/// The name of such a data set if the images are among those of the training.
pub const KNOWN_IMAGES: &str = "images of the training's data";

/// The model that was measured, and the data that it was measured on.
#[derive(Clone, Debug)]
pub struct Provenance {
    pub config: Config,
    /// The model file.
    pub model: PathBuf,
    pub model_hash: String,
    /// The model whose weights were the first ones in its training; `None` if they were drawn from the seed.
    pub started_from: Option<StartedFrom>,
    pub device: String,
    /// The data set's name.
    pub data: String,
    pub data_hash: String,
    /// The hash of the data that the model was trained on.
    pub trained_on: String,
    /// `train`, `validation` or `test`.
    pub split: String,
    /// The number of images that were measured, the number in the split, and how the former were chosen.
    pub images: usize,
    pub images_in_split: usize,
    pub choice: Choice,
    pub seed: u64,
}

impl Provenance {
    /// Adds the fields that every report on a model has.
    pub fn add_fields(&self, report: &mut Report) {
        report.field("data", self.data.as_str());
        report.field("data_hash", self.data_hash.as_str());
        report.field("other_data", self.is_other_data());
        report.field("split", self.split.as_str());
        report.field("images", self.images);
        report.field("images_in_split", self.images_in_split);
        report.field("part", self.choice.name());
        report.field("pixels", self.config.data.kind().pixels_name());
        report.field("seed", self.seed);
        report.field("model", self.model.to_string_lossy());
        report.field("model_hash", self.model_hash.as_str());
        if let Some(StartedFrom { model, model_hash }) = &self.started_from {
            let start = json!({ "model": model, "model_hash": model_hash });
            report.field("started_from", start);
        }
        report.field("device", self.device.as_str());
        report.field("program_version", env!("CARGO_PKG_VERSION"));
    }

    /// Returns what the ± after a number is.
    pub fn plus_minus(&self) -> &'static str {
        match self.images {
            1 => "± is unknown: a standard error over images needs at least two of them",
            _ => "± is the standard error over images",
        }
    }

    /// Returns a description of the images: `digits test, 100 of 200 images at random`.
    pub fn images(&self) -> String {
        let (images, all) = (self.images, self.images_in_split);
        let counted = match self.choice {
            Choice::All => counted(images, "image"),
            Choice::AtRandom(_) => format!("{images} of {} at random", counted(all, "image")),
            Choice::First(_) => format!("the first {images} of {}", counted(all, "image")),
        };
        // They have no splits, and their name says what they are.
        if [NEW_IMAGES, KNOWN_IMAGES].contains(&self.data.as_str()) {
            return format!("{}, {counted}", self.data);
        }
        let other = if self.is_other_data() {
            " (not the data that the model was trained on)"
        } else {
            ""
        };
        format!("{} {}{other}, {counted}", self.data, self.split)
    }

    /// Returns whether the data is not the data that the model was trained on.
    fn is_other_data(&self) -> bool {
        self.data_hash != self.trained_on
    }

    /// Returns the hashes of the data and the model, in words.
    pub fn hashes(&self) -> String {
        let start = self.started_from.as_ref();
        let start = start.map(|first| format!(", which began with the weights of {first}"));
        format!(
            "data {}, model {}{}",
            self.data_hash,
            self.model_hash,
            start.unwrap_or_default()
        )
    }

    /// Returns whether the test images were also used for training.
    pub fn is_no_test(&self) -> bool {
        self.split == "test" && self.config.data.kind().trains_on_test()
    }
}
