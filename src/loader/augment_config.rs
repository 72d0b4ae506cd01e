//! The `[augment]` table: random changes of the training images, off by default.
//!
//! Only the loader of the training steps changes images. Everything that is measured, drawn or fitted reads them as they
//! are, from the training split as well: validation and test records, PCA, latents, mixtures, the doctor and every figure.

use serde::{Deserialize, Serialize};

use crate::check::within;
use crate::error::{Error, Result};

/// The largest changes of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct AugmentConfig {
    /// Whether each image is mirrored left to right with probability 1/2.
    pub flip: bool,
    /// The most pixels by which an image is moved, in each direction.
    pub shift: usize,
    /// The smallest share of each side that is cut out; the cutting is scaled to the size of the image.
    pub crop: f64,
    /// The largest angle by which an image is turned, in degrees, in each direction.
    pub rotation: f64,
    /// The largest change of the factor by which all values of an image are multiplied.
    pub brightness: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            flip: false,
            shift: 0,
            crop: 1.0,
            rotation: 0.0,
            brightness: 0.0,
        }
    }
}

impl AugmentConfig {
    /// Returns whether no image is ever changed.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        within("augment.crop", self.crop, 0.1, 1.0)?;
        within("augment.rotation", self.rotation, 0.0, 180.0)?;
        within("augment.brightness", self.brightness, 0.0, 1.0)
    }

    /// Checks that images of this shape, `[C, H, W]`, can be changed like this.
    ///
    /// # Errors
    /// Returns an error if an example is a vector and something other than its brightness is changed, or if a shift can
    /// move an image out of sight.
    pub fn check_shape(&self, [_, height, width]: [usize; 3]) -> Result<()> {
        let shortest = height.min(width);
        let only_brightness = Self {
            brightness: self.brightness,
            ..Self::default()
        };
        if shortest == 1 && *self != only_brightness {
            return Err(Error::request(format!(
                "[augment]: the examples are vectors of {} values, which cannot be moved or turned as images can",
                height * width
            ))
            .with_hint("leave [augment] out; `brightness` alone can be used"));
        }
        if self.shift >= shortest && self.shift > 0 {
            return Err(Error::request(format!(
                "augment.shift is {}; expected less than {shortest}, the shorter side of the images",
                self.shift
            )));
        }
        Ok(())
    }

    /// Describes the changes: "flip, shift 2".
    pub fn words(&self) -> String {
        let default = Self::default();
        let mut words = Vec::new();
        if self.flip {
            words.push("flip".to_owned());
        }
        if self.shift > 0 {
            words.push(format!("shift {}", self.shift));
        }
        for (name, value, off) in [
            ("crop", self.crop, default.crop),
            ("rotation", self.rotation, default.rotation),
            ("brightness", self.brightness, default.brightness),
        ] {
            if value != off {
                words.push(format!("{name} {value}"));
            }
        }
        words.join(", ")
    }
}
