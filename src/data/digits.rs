//! Handwritten-looking digits that the program draws itself: nothing to download, the same bytes on every machine.
//!
//! Each class has a few ways of writing it, each a handful of points that a pen passes through (`digits/strokes.rs`).
//! Every image moves the points a little, bends the page, slants, turns and sizes the digit, and draws it with a soft
//! round pen of uneven pressure (`digits/pen.rs`): white on black, 28 by 28, about 20 pixels tall and centred, as in
//! MNIST. Image `index` depends on (seed, split, index) alone, and its factors are known: see [`Handwriting`].

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DataPaths;
use super::{DataKind, Dataset, GenerativeFactors, Outline, Pixels, Split};
use crate::check::count;
use crate::error::Result;

mod digit;
mod hand;
mod handwriting;
mod pen;
mod strokes;
#[cfg(test)]
mod tests;

use digit::CLASSES;
pub use digit::{Digit, Half, digit, factors, label};
pub use handwriting::Handwriting;
pub use pen::SIDE;
use pen::VALUES;

/// The most images in a split: as many as fit into a gigabyte.
const MOST: usize = 1_000_000;

/// The built-in data set: how many digits, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Digits {
    /// The data's own seed: the run's seed changes the training, never the images.
    pub seed: u64,
    /// Images to train on.
    pub train: usize,
    /// Images to measure on.
    pub test: usize,
    pub pixels: Pixels,
    /// The number of training images, from the end, that are set aside to choose the best model on.
    pub validation: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self {
            // Any number would do, but results can be compared only if it is the same.
            seed: 1,
            // A third of MNIST: more than a small model learns by heart, few enough for short epochs.
            train: 20_000,
            // 400 of each class: the ELBO differs by some 20 nats between images, so its mean is known to a third of a nat.
            test: 4_000,
            pixels: Pixels::Grey,
            validation: 0,
        }
    }
}

impl DataKind for Digits {
    fn load(&self, _place: &DataPaths) -> Result<Dataset> {
        Ok(self.draw())
    }

    fn reads_files(&self) -> bool {
        false
    }

    fn pixels(&self) -> Pixels {
        self.pixels
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: [1, SIDE, SIDE],
            class_count: CLASSES as usize,
            counts: [self.train, self.test],
        })
    }

    fn may_have_any_shape(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        count("data.digits.train", self.train, MOST)?;
        count("data.digits.test", self.test, MOST)
    }
}

impl Digits {
    /// Draws both splits in parallel; the images do not depend on the number of threads.
    pub fn draw(&self) -> Dataset {
        Dataset {
            name: "digits".into(),
            folder: None,
            classes: (0..CLASSES).map(|class| class.to_string()).collect(),
            train: images(self.seed, Half::Train, self.train),
            validation: None,
            calibration: None,
            test: images(self.seed, Half::Test, self.test),
        }
    }
}

/// The generative factors that a data set keeps: those that do not depend on each other, in eight levels each. The style is
/// left out, for it means something else in each class.
const FACTORS: [&str; 8] = [
    "digit",
    "slant",
    "rotation",
    "scale",
    "aspect",
    "thickness",
    "shift_x",
    "shift_y",
];
const LEVELS: [usize; 8] = [10, 8, 8, 8, 8, 8, 8, 8];

fn images(seed: u64, split: Half, count: usize) -> Split {
    let mut pixels = vec![0; count * VALUES];
    let draw = |(index, image): (usize, &mut [u8])| {
        let Digit {
            pixels,
            label,
            factors,
        } = digit(seed, split, index as u64);
        image.copy_from_slice(&pixels);
        let [slant, rotation, scale, aspect, thickness, shift_x, shift_y] = factors.levels();
        [
            label, slant, rotation, scale, aspect, thickness, shift_x, shift_y,
        ]
    };
    let levels: Vec<[u8; 8]> = pixels
        .par_chunks_mut(VALUES)
        .enumerate()
        .map(draw)
        .collect();
    Split::in_memory(pixels, [1, SIDE, SIDE])
        .with_labels(levels.iter().map(|factors| factors[0].into()).collect())
        .with_factors(GenerativeFactors::new(
            &FACTORS,
            &LEVELS,
            &FACTORS[..1],
            levels.concat(),
        ))
}
