//! One digit: image `index` depends on (seed, half, index) alone.

use super::hand::Hand;
use super::handwriting::Handwriting;
use super::pen::VALUES;
use super::{pen, strokes};
use crate::rng::Rng;

/// The number of classes.
pub const CLASSES: u64 = 10;

/// A half of the data; the two share no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Train,
    Test,
}

impl Half {
    pub(super) fn stream(self, seed: u64) -> Rng {
        Rng::new(seed).stream(match self {
            Self::Train => "digits/train",
            Self::Test => "digits/test",
        })
    }
}

/// An image and all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Digit {
    /// `[28, 28]`, 0 is black.
    pub pixels: [u8; VALUES],
    /// 0 to 9.
    pub label: u8,
    pub factors: Handwriting,
}

/// Draws image `index` of a half.
pub fn digit(seed: u64, split: Half, index: u64) -> Digit {
    let label = label(seed, split, index);
    let rng = split.stream(seed).at(index);
    let factors = Handwriting::draw(&mut Hand::new(rng.at(0)), label);
    let mut hand = Hand::new(rng.at(1));
    let shape = strokes::shape(label, factors.style as usize, &mut hand);
    Digit {
        pixels: pen::draw(&shape, &factors, &mut hand),
        label,
        factors,
    }
}

/// Returns the factors of image `index` without drawing it.
pub fn factors(seed: u64, split: Half, index: u64) -> Handwriting {
    Handwriting::draw(
        &mut Hand::new(split.stream(seed).at(index).at(0)),
        label(seed, split, index),
    )
}

/// Returns the class of image `index`: each block of ten images holds each class once.
pub fn label(seed: u64, split: Half, index: u64) -> u8 {
    let order = split
        .stream(seed)
        .stream("labels")
        .at(index / CLASSES)
        .permutation(CLASSES as usize);
    order[(index % CLASSES) as usize] as u8
}
