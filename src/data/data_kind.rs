//! The interface of a data set that a config can name. A new one implements it, in one file.

use super::{DataPaths, Dataset, Pixels};
use crate::error::Result;

/// The facts about a data set that are known before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// `[C, H, W]`: `vae config` checks a network against it.
    pub shape: [usize; 3],
    /// 0 if the images have no labels.
    pub class_count: usize,
    /// The numbers of images to train on and to test on.
    pub counts: [usize; 2],
}

/// A data set that a config can name.
pub trait DataKind {
    /// Loads all images. Those to be set aside for validation are still among the ones to train on, unless the validation
    /// split is published.
    fn load(&self, place: &DataPaths) -> Result<Dataset>;

    /// Returns whether the data set is read from files, whose folder `--data` can name.
    fn reads_files(&self) -> bool;

    /// Returns how a grey level becomes a value.
    fn pixels(&self) -> Pixels;

    /// Returns what reports call the pixels.
    fn pixels_name(&self) -> &'static str {
        self.pixels().name()
    }

    /// Returns how many of the last training images are set aside.
    fn validation(&self) -> usize;

    /// Whether the test images are among those trained on.
    fn trains_on_test(&self) -> bool {
        false
    }

    /// Returns what is known of the images before they are loaded; `None` if they have to be looked at first.
    fn outline(&self) -> Option<Outline>;

    /// Whether files that a person puts in place of the published ones can have another shape.
    fn may_have_any_shape(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}
