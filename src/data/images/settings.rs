//! The `[data.images]` table: images of one's own, from the folder or the file that `--data` names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layout::{LabelsFrom, Layout};
use super::splitting::TestGroup;
use crate::check::{count, within};
use crate::data::Pixels;
use crate::data::image_file::{ALL_LEVELS, Background, Fit, FitMode};
use crate::error::{Error, Result};

/// The share of the normal images that calibrate a model where abnormal ones are told apart, unless another is set.
pub const ANOMALY_CALIBRATION: f64 = 0.2;

/// The longest side that images are fitted to.
const LONGEST: usize = 4096;

/// Whether broken images end a training before it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Broken {
    /// More than 1 % of the images, and more than 10, are an error.
    #[default]
    Stop,
    /// Any number of them is left out.
    Skip,
}

/// Images of one's own. What is left out is chosen from the images, and written into the run's config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// Height and width to fit the images into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// 1 for grey and 3 for colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The way in which images of another aspect are fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitMode>,
    /// The colour behind transparent parts and around padded images.
    pub background: Background,
    /// The levels of 16-bit images that become black and white.
    pub levels: [u16; 2],
    /// Whether black and white are exchanged.
    pub invert: bool,
    pub pixels: Pixels,
    pub layout: Layout,
    /// The part of a file's folders that names its class.
    pub labels: LabelsFrom,
    /// The share of the images to test on, where the layout names no test images.
    pub test: f64,
    /// The share of the normal images that neither train nor choose the model, so that they can calibrate it. Without it
    /// there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<f64>,
    /// Which images are kept together when the test images are chosen.
    pub group: TestGroup,
    pub broken: Broken,
    /// The number of training images that are set aside to choose the best model on.
    pub validation: usize,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            fit: None,
            background: Background::Black,
            levels: ALL_LEVELS,
            invert: false,
            pixels: Pixels::Grey,
            layout: Layout::Auto,
            labels: LabelsFrom::First,
            test: 0.1,
            calibration: None,
            group: TestGroup::None,
            broken: Broken::Stop,
            validation: 0,
        }
    }
}

impl Images {
    /// Returns the fit, or `None` if a part of it is still to be chosen.
    pub fn resolved_fit(&self) -> Option<Fit> {
        let ([height, width], channels, mode) = (self.size?, self.channels?, self.fit?);
        Some(Fit {
            shape: [channels, height, width],
            mode,
            background: self.background,
            levels: self.levels,
            invert: self.invert,
        })
    }

    /// Returns whether the same images are chosen to test on as with other settings, where the layout names none. The
    /// choice is by a hash of the fitted pixels, or of the names of groups.
    pub fn chooses_tests_like(&self, other: &Self) -> bool {
        let is_by_pixels = self.group == TestGroup::None;
        (self.test, self.group) == (other.test, other.group)
            && (!is_by_pixels || self.resolved_fit() == other.resolved_fit())
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Returns an error if a value is out of its range.
    pub fn check_values(&self) -> Result<()> {
        for length in self.size.into_iter().flatten() {
            count("data.images.size", length, LONGEST)?;
        }
        if let Some(channels) = self.channels
            && !matches!(channels, 1 | 3)
        {
            return Err(Error::request(format!(
                "data.images.channels is {channels}; expected 1 (grey) or 3 (colour)"
            )));
        }
        if self.levels[0] >= self.levels[1] {
            let [low, high] = self.levels;
            return Err(Error::request(format!(
                "data.images.levels is [{low}, {high}]; expected the level of black, then a higher one of white"
            )));
        }
        within("data.images.test", self.test, 0.0, 0.9)?;
        let calibration = self.calibration.unwrap_or_default();
        within("data.images.calibration", calibration, 0.0, 0.9 - self.test)
    }
}
