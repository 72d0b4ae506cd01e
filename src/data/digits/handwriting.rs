//! How a digit is written: the known factors of an image.

use super::hand::Hand;
use super::strokes;

/// The factors that an image is drawn from, besides its class. They are drawn independently of each other and, except for
/// `style`, of the class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Handwriting {
    /// The way in which this class is written: 0, 1, ... The plainest comes first.
    pub style: f32,
    /// How far the top leans to the right: pixels right per pixel up.
    pub slant: f32,
    /// Degrees, clockwise.
    pub rotation: f32,
    /// Height of the digit with its ink, in pixels.
    pub scale: f32,
    /// Width, as a multiple of the width usual for this class and style. (Above 21.5 pixels a digit is squeezed.)
    pub aspect: f32,
    /// Width of the line, in pixels.
    pub thickness: f32,
    /// Centre of the digit's bounding box right of the image's centre, in pixels.
    pub shift_x: f32,
    /// Centre of the digit's bounding box below the image's centre, in pixels.
    pub shift_y: f32,
}

impl Handwriting {
    /// The names of [`Handwriting::values`], in its order.
    pub const NAMES: [&str; 8] = [
        "style",
        "slant",
        "rotation",
        "scale",
        "aspect",
        "thickness",
        "shift_x",
        "shift_y",
    ];

    /// Returns the factors as a row of a table.
    pub fn values(&self) -> [f32; 8] {
        [
            self.style,
            self.slant,
            self.rotation,
            self.scale,
            self.aspect,
            self.thickness,
            self.shift_x,
            self.shift_y,
        ]
    }

    /// The mean and spread of each factor except the style. People lean to the right on average, and so do MNIST's digits.
    const SPREADS: [[f32; 2]; 7] = [
        [0.16, 0.2],
        [0.0, 4.5],
        [20.0, 0.8],
        [1.02, 0.12],
        [2.6, 0.55],
        [0.0, 0.7],
        [0.0, 0.5],
    ];

    /// Draws the factors of a digit of class `label`.
    pub(super) fn draw(hand: &mut Hand, label: u8) -> Self {
        let style = strokes::style(label, hand.uniform()) as f32;
        let [slant, rotation, scale, aspect, thickness, shift_x, shift_y] =
            Self::SPREADS.map(|[mean, spread]| hand.about(mean, spread));
        Self {
            style,
            slant,
            rotation,
            scale,
            aspect,
            thickness,
            shift_x,
            shift_y,
        }
    }

    /// Returns the factors except the style in steps of half a spread: 0 to 7.
    pub(super) fn levels(&self) -> [u8; 7] {
        let [_, values @ ..] = self.values();
        let mut levels = [0; 7];
        for ((level, value), [mean, spread]) in levels.iter_mut().zip(values).zip(Self::SPREADS) {
            *level = (2.0 * (value - mean) / spread + 4.0).clamp(0.0, 7.0) as u8;
        }
        levels
    }
}
