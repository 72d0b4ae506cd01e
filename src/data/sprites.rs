//! Sprites: one white square, ellipse or heart on black, 64 by 64, with five factors that are known and independent.
//!
//! They follow dSprites (Matthey, Higgins, Hassabis, Lerchner 2017), but are drawn by this program: every combination of
//! 3 shapes, 6 scales, 20 rotations, 16 x and 16 y is an image, 92 160 in all. Edges are hard, as there: every value is
//! 0 or 255, so a Bernoulli likelihood is a true one. No image is kept in memory: the 360 sprites are drawn when the data
//! is loaded, and an image is one of them copied to its place.
//!
//! Rotations go round the whole circle for every shape. A square looks the same every 90 degrees and an ellipse every
//! 180, so their rotation cannot be read off the image, as in dSprites. There, only the first and the last orientation
//! give the same pixels; here quarter turns do as well: four rotations of a square are one image, two of an ellipse, and
//! the 92 160 combinations give 53 760 different images. The test set therefore holds out combinations of factors. Its
//! squares and ellipses are nearly always images that were also trained on.

use std::sync::Arc;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DataPaths;
use super::{DataKind, Dataset, Generated, GenerativeFactors, Generator, Outline, Pixels, Split};
use crate::check::count;
use crate::error::Result;
use crate::rng::Rng;

mod stamp;

use stamp::{Stamp, stamp};

/// Height and width of an image, in pixels.
const SIDE: usize = 64;
const SHAPE: [usize; 3] = [1, SIDE, SIDE];
/// The factors, in the order of an image's number: the last one changes first.
pub const FACTORS: [&str; 5] = ["shape", "scale", "rotation", "x", "y"];
/// The number of values of each factor. Scale: half the full size, 0.6, ... 1; rotation: steps of 18 degrees, clockwise;
/// x and y: steps of 2 pixels, rightwards and downwards.
pub const SIZES: [usize; 5] = [3, 6, 20, 16, 16];
/// The number of combinations.
pub const COUNT: usize = 3 * 6 * 20 * 16 * 16;
/// The tenth that is held out.
const TEST: usize = COUNT / 10;
const TRAIN: usize = COUNT - TEST;
const CLASSES: [&str; 3] = ["square", "ellipse", "heart"];

/// The built-in sprites, with their numbers. There is no `pixels` key, because every value is 0 or 1 already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sprites {
    /// The number of images to train on, from nine tenths of all in a fixed random order.
    pub train: usize,
    /// The number of images to measure on, from the tenth that is held out.
    pub test: usize,
    /// The number of training images, from the end, that are set aside to choose the best model on.
    pub validation: usize,
}

impl Default for Sprites {
    fn default() -> Self {
        Self {
            train: TRAIN,
            test: TEST,
            validation: 0,
        }
    }
}

impl DataKind for Sprites {
    fn load(&self, _place: &DataPaths) -> Result<Dataset> {
        Ok(self.draw())
    }

    fn reads_files(&self) -> bool {
        false
    }

    fn pixels(&self) -> Pixels {
        // The same values as grey, but reports then say that they are black and white.
        Pixels::Threshold
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn outline(&self) -> Option<Outline> {
        Some(Outline {
            shape: SHAPE,
            class_count: CLASSES.len(),
            counts: [self.train, self.test],
        })
    }

    fn may_have_any_shape(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        count("data.sprites.train", self.train, TRAIN)?;
        count("data.sprites.test", self.test, TEST)
    }
}

impl Sprites {
    /// Returns both splits. The order, and so the test set, is the same for every config.
    pub fn draw(&self) -> Dataset {
        let stamps = Arc::new(Stamps::new());
        let order = Rng::new(1).stream("sprites/order").permutation(COUNT);
        let images = |numbers: &[u32]| {
            let factors: Vec<[u8; 5]> = numbers.iter().map(|&number| factors(number)).collect();
            let generated = Generated::new(stamps.clone(), numbers.to_vec(), SHAPE);
            Split::new(generated)
                .with_labels(factors.iter().map(|factors| factors[0].into()).collect())
                .with_factors(GenerativeFactors::new(
                    &FACTORS,
                    &SIZES,
                    &FACTORS[..1],
                    factors.concat(),
                ))
        };
        Dataset {
            name: "sprites".into(),
            folder: None,
            classes: CLASSES.map(str::to_owned).to_vec(),
            train: images(&order[TEST..][..self.train]),
            validation: None,
            calibration: None,
            test: images(&order[..self.test]),
        }
    }
}

/// Returns the values of the factors of image `number`.
fn factors(number: u32) -> [u8; 5] {
    let mut rest = number as usize;
    let mut factors = [0; 5];
    for (factor, size) in factors.iter_mut().zip(SIZES).rev() {
        *factor = (rest % size) as u8;
        rest /= size;
    }
    factors
}

/// The sprites of all shapes, scales and rotations.
#[derive(Debug)]
struct Stamps(Vec<Stamp>);

impl Stamps {
    fn new() -> Self {
        let [shapes, scales, rotations, ..] = SIZES;
        let of = |number| {
            stamp(
                number / rotations / scales,
                number / rotations % scales,
                number % rotations,
            )
        };
        Self(
            (0..shapes * scales * rotations)
                .into_par_iter()
                .map(of)
                .collect(),
        )
    }
}

/// Returns where a stamp begins in an image, in rows or columns; one pixel is left at either border.
fn corner(place: u8) -> usize {
    1 + 2 * usize::from(place)
}

impl Generator for Stamps {
    fn draw(&self, number: u32, image: &mut [u8]) {
        let [.., x, y] = factors(number);
        let [_, _, _, columns, rows] = SIZES;
        let lines = image.chunks_exact_mut(SIDE).skip(corner(y));
        for (line, of_stamp) in
            lines.zip(self.0[number as usize / (columns * rows)].chunks_exact(stamp::SIDE))
        {
            line[corner(x)..][..stamp::SIDE].copy_from_slice(of_stamp);
        }
    }

    fn definition(&self) -> Vec<u8> {
        let [.., places] = SIZES;
        let corners = (0..places as u8).map(|place| corner(place) as u8);
        self.0.iter().flatten().copied().chain(corners).collect()
    }
}
