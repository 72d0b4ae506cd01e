//! Figures as values: sheets of images (PNG), animations (GIF), and charts of curves, points and bars (SVG and PNG).
//! This module knows no tensors and writes no files.
//!
//! The same input gives the same bytes.

pub mod animation;
mod axis;
pub mod bars;
pub mod chart;
pub mod curves;
mod font;
pub mod grid;
pub mod histogram;
mod overlay;
mod png;
mod polyline;
pub mod scatter;
pub mod sheet;
pub mod sprite;
mod title;

use image::{Rgb, RgbImage};

pub use overlay::overlay;
pub use png::{encode_png, encode_raster, encode_small, read_png};
pub use title::titled;

use crate::error::{Error, Result};

/// A finished figure. It does not know where it will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The main image: an SVG, PNG or GIF.
    pub image: NamedFile,
    /// Additional files, such as the same chart in another format or the numbers that it shows.
    pub beside: Vec<NamedFile>,
}

/// The content of a file, and its default name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Figure {
    /// Makes a PNG figure from an image.
    pub fn png(name: &str, image: &RgbImage) -> Result<Self> {
        Ok(Self::of_png(name, encode_png(image)?))
    }

    /// Makes a figure from the bytes of a PNG file.
    pub fn of_png(name: &str, bytes: Vec<u8>) -> Self {
        Self::new(name, bytes)
    }

    /// Makes an animated GIF figure from frames.
    pub fn gif(name: &str, frames: &[RgbImage], milliseconds_per_frame: u32) -> Result<Self> {
        let bytes = animation::encode_gif(frames, milliseconds_per_frame)?;
        Ok(Self::new(name, bytes))
    }

    /// Makes a figure from an SVG document.
    pub fn svg(name: &str, document: String) -> Self {
        Self::new(name, document.into_bytes())
    }

    /// Returns the same figure with `prefix` before the name of each file.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        for file in std::iter::once(&mut self.image).chain(&mut self.beside) {
            file.name.insert_str(0, prefix);
        }
        self
    }

    fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            image: NamedFile::new(name, bytes),
            beside: Vec::new(),
        }
    }
}

impl NamedFile {
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
        }
    }
}

/// One image in the layout of the data sets: channel after channel, row after row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// `[C, H, W]`; `C` is 1 (grey) or 3 (red, green, blue).
    pub shape: [usize; 3],
    /// The `C * H * W` values; 0 is black.
    pub pixels: Vec<u8>,
}

impl Raster {
    /// Makes an image from `C * H * W` values in [0, 1]. Values are rounded, and those outside are clamped.
    ///
    /// # Errors
    /// Returns an error if a value is not finite: it has no place between black and white, and an image that hides it
    /// looks like a result.
    ///
    /// # Panics
    /// Panics if `C` is neither 1 nor 3, or if the number of values is not `C * H * W`.
    pub fn from_unit(shape: [usize; 3], values: &[f32]) -> Result<Self> {
        check(shape, values.len());
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::failed(
                "an image has values that are NaN or infinite",
            ));
        }
        // `as` saturates.
        Ok(Self {
            shape,
            pixels: values
                .iter()
                .map(|value| (value * 255.0).round() as u8)
                .collect(),
        })
    }

    /// Returns the values pixel after pixel, `[H, W, C]`, as image files and NumPy programs have them.
    pub fn interleaved(&self) -> Vec<u8> {
        let pixels = self.pixels.len() / self.shape[0];
        let of_pixel = |pixel: usize| self.pixels.iter().skip(pixel).step_by(pixels);
        (0..pixels).flat_map(of_pixel).copied().collect()
    }

    /// Returns the pixel in column `x` of row `y`.
    fn rgb(&self, x: usize, y: usize) -> Rgb<u8> {
        let [channels, height, width] = self.shape;
        let at = |channel: usize| self.pixels[(channel * height + y) * width + x];
        if channels == 1 {
            Rgb([at(0); 3])
        } else {
            Rgb([at(0), at(1), at(2)])
        }
    }
}

fn check(shape: [usize; 3], values: usize) {
    let [channels, height, width] = shape;
    assert!(
        channels == 1 || channels == 3,
        "an image has 1 or 3 channels, not {channels}"
    );
    assert_eq!(
        channels * height * width,
        values,
        "number of values of an image of shape {shape:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_values_are_rounded_and_clamped() {
        let values = [0.0, 1.0, 0.5, -3.0, 7.0, f32::MAX];
        let image = Raster::from_unit([1, 2, 3], &values).unwrap();
        assert_eq!(image.pixels, [0, 255, 128, 0, 255, 255]);
    }

    #[test]
    fn what_is_not_finite_is_no_pixel() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = Raster::from_unit([1, 1, 2], &[0.5, value]).unwrap_err();
            assert_eq!(error.code(), 1);
        }
    }

    #[test]
    fn channels_are_planes_and_not_interleaved() {
        let image = Raster {
            shape: [3, 1, 2],
            pixels: vec![1, 2, 3, 4, 5, 6],
        };
        assert_eq!(image.rgb(1, 0), Rgb([2, 4, 6]));
        assert_eq!(image.interleaved(), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    #[should_panic(expected = "1 or 3 channels")]
    fn two_channels_are_refused() {
        let _ = Raster::from_unit([2, 1, 1], &[0.0, 0.0]);
    }
}
