//! The images that a command looks at: the test images of a model's data, or new ones that a person names.

use std::path::PathBuf;

use clap::Args;

use super::data_arg::DataArg;
use super::loaded_model::LoadedModel;
use crate::data::{Dataset, SplitName};
use crate::error::{Error, Result};

/// The data of a trained model, or new images.
#[derive(Args, Clone, Debug, Default)]
pub struct TestData {
    /// Take these images instead of the test images: files, folders or archives, fitted as in training. Name the RUN first.
    /// Their figures in the run's folder are called `new-...`
    #[arg(value_name = "IMAGES")]
    pub new_images: Vec<PathBuf>,

    #[command(flatten)]
    pub data: DataArg,
}

impl TestData {
    /// Returns whether new images are named.
    pub fn are_new(&self) -> bool {
        !self.new_images.is_empty()
    }

    /// Checks that the split that a command reads is that of the new images, where there are any.
    ///
    /// # Errors
    /// Returns an error if it is another one.
    pub fn check_split(&self, split: SplitName) -> Result<()> {
        if self.are_new() && split != SplitName::Test {
            return Err(Error::request(format!(
                "--split {}: new images are named, so there is no such split",
                split.name()
            ))
            .with_hint("leave the flag or the images out"));
        }
        Ok(())
    }

    /// Returns the data set and its hash. New images are its test images, and it has no others.
    ///
    /// # Errors
    /// Returns an error if an image or the data cannot be read.
    pub fn load<'a>(&self, model: &'a LoadedModel) -> Result<&'a (Dataset, String)> {
        if !self.are_new() {
            return model.data(&self.data);
        }
        if let Some(given) = self.data.given() {
            return Err(Error::request(format!(
                "{given}: new images are named, so the flag would have no effect"
            ))
            .with_hint("leave the flag or the images out"));
        }
        model.new_images(&self.new_images)
    }
}
