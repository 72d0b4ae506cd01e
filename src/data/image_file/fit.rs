//! Fits an image of any size into the shape that a model takes.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, Rgb, RgbImage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The way in which an image of another aspect is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FitMode {
    /// The image covers the shape, and what stands out on two sides is cut off.
    Crop,
    /// The whole image lies in the middle, with the background around it.
    #[default]
    Pad,
    /// The image is distorted to the shape.
    Stretch,
}

/// The colour behind transparent parts and around padded images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    #[default]
    Black,
    White,
}

/// How an image becomes bytes of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// `[C, H, W]`, with 1 or 3 channels.
    pub shape: [usize; 3],
    pub mode: FitMode,
    pub background: Background,
    /// The levels of 16-bit images that become black and white.
    pub levels: [u16; 2],
    /// Whether black and white are exchanged.
    pub invert: bool,
}

/// All levels of 16 bits.
pub const ALL_LEVELS: [u16; 2] = [0, u16::MAX];

impl Background {
    fn level(self) -> u8 {
        match self {
            Self::Black => 0,
            Self::White => 255,
        }
    }
}

impl Fit {
    /// Returns the fit that keeps the whole image, on black.
    pub fn whole(shape: [usize; 3]) -> Self {
        Self {
            shape,
            mode: FitMode::Pad,
            background: Background::Black,
            levels: ALL_LEVELS,
            invert: false,
        }
    }

    /// Returns the fitted image as bytes, `[C, H, W]`.
    ///
    /// An image that has the size keeps its pixels; others are scaled with the triangle filter, over as many pixels as
    /// fall into one (as PIL and torchvision do with antialiasing). Colours become grey by ITU-R 601 luma.
    pub fn bytes(&self, image: DynamicImage) -> Vec<u8> {
        let [channels, height, width] = self.shape;
        let image = self.over_background(self.eight_bits(image));
        let mut fitted = self.scaled(&image, width as u32, height as u32);
        // Before the channels are joined: grey that is made of three channels later must be the same.
        if self.invert {
            fitted.iter_mut().for_each(|level| *level = 255 - *level);
        }
        planes(&fitted, channels)
    }

    /// Spreads the levels of a 16-bit image.
    fn eight_bits(&self, image: DynamicImage) -> DynamicImage {
        if self.levels == ALL_LEVELS {
            return image;
        }
        let [low, high] = self.levels.map(u32::from);
        let range = high.saturating_sub(low).max(1);
        let spread = |level: &mut u16| {
            let above = u32::from(*level).saturating_sub(low).min(range);
            *level = (u64::from(above) * u64::from(u16::MAX) / u64::from(range)) as u16;
        };
        let mut image = image;
        match &mut image {
            DynamicImage::ImageLuma16(image) => image.iter_mut().for_each(spread),
            DynamicImage::ImageRgb16(image) => image.iter_mut().for_each(spread),
            DynamicImage::ImageLumaA16(image) => {
                image.pixels_mut().for_each(|pixel| spread(&mut pixel.0[0]));
            }
            DynamicImage::ImageRgba16(image) => image
                .pixels_mut()
                .for_each(|pixel| pixel.0[..3].iter_mut().for_each(spread)),
            _ => {}
        }
        image
    }

    /// Puts the background under transparent parts: what is stored there was never meant to be seen.
    fn over_background(&self, image: DynamicImage) -> RgbImage {
        if !image.color().has_alpha() {
            return image.into_rgb8();
        }
        let image = image.into_rgba8();
        let under = u32::from(self.background.level());
        let mix = |value: u8, alpha: u8| {
            let alpha = u32::from(alpha);
            ((u32::from(value) * alpha + under * (255 - alpha) + 127) / 255) as u8
        };
        RgbImage::from_fn(image.width(), image.height(), |x, y| {
            let [red, green, blue, alpha] = image.get_pixel(x, y).0;
            Rgb([red, green, blue].map(|value| mix(value, alpha)))
        })
    }

    fn scaled(&self, image: &RgbImage, width: u32, height: u32) -> RgbImage {
        let from = [image.width().max(1), image.height().max(1)];
        if image.dimensions() == (width, height) {
            return image.clone();
        }
        let ratios = [
            f64::from(width) / f64::from(from[0]),
            f64::from(height) / f64::from(from[1]),
        ];
        let side = |from: u32, scale: f64, most: u32| {
            ((f64::from(from) * scale).round() as u32).clamp(1, most)
        };
        let covering = ResizeOptions::new().fit_into_destination(Some((0.5, 0.5)));
        match self.mode {
            FitMode::Crop => resized(image, width, height, &covering),
            FitMode::Stretch => resized(image, width, height, &ResizeOptions::new()),
            FitMode::Pad => {
                let scale = f64::min(ratios[0], ratios[1]);
                let inner = [side(from[0], scale, width), side(from[1], scale, height)];
                let whole = resized(image, inner[0], inner[1], &ResizeOptions::new());
                let mut fitted =
                    RgbImage::from_pixel(width, height, Rgb([self.background.level(); 3]));
                image::imageops::replace(
                    &mut fitted,
                    &whole,
                    i64::from((width - inner[0]) / 2),
                    i64::from((height - inner[1]) / 2),
                );
                fitted
            }
        }
    }
}

/// Scales a part of an image, with antialiasing.
fn resized(image: &RgbImage, width: u32, height: u32, part: &ResizeOptions) -> RgbImage {
    let options = part.resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut to = Image::new(width, height, PixelType::U8x3);
    let from = ImageRef::new(
        image.width(),
        image.height(),
        image.as_raw(),
        PixelType::U8x3,
    );
    // Both images have the type that their bytes say, and neither is empty, so that nothing is lost here: an image
    // without pixels stays black.
    if let Ok(from) = from {
        let _ = Resizer::new().resize(&from, &mut to, &options);
    }
    RgbImage::from_raw(width, height, to.into_vec()).unwrap_or_else(|| RgbImage::new(width, height))
}

/// Returns the bytes channel after channel; colours become grey as PIL makes them (ITU-R 601 luma).
pub fn planes(image: &RgbImage, channels: usize) -> Vec<u8> {
    match channels {
        1 => image.pixels().map(|&pixel| luma(pixel)).collect(),
        _ => (0..3)
            .flat_map(|channel| image.pixels().map(move |pixel| pixel[channel]))
            .collect(),
    }
}

/// Returns ITU-R 601 luma in PIL's fixed point: the weights add up to one, so that grey stays what it was.
pub fn luma(Rgb([red, green, blue]): Rgb<u8>) -> u8 {
    ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 0x8000) >> 16)
        as u8
}

/// Returns the grey levels, `[H, W]`, of an image in three channels, `[3, H, W]`.
pub fn luma_of(planes: &[u8]) -> Vec<u8> {
    let size = planes.len() / 3;
    (0..size)
        .map(|place| luma(Rgb([0, 1, 2].map(|channel| planes[channel * size + place]))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(mode: FitMode, height: usize, width: usize) -> Fit {
        Fit {
            mode,
            ..Fit::whole([1, height, width])
        }
    }

    /// Returns an image whose left half is black and whose right half is white.
    fn halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| {
            Rgb([if 2 * x < width { 0 } else { 255 }; 3])
        })
        .into()
    }

    #[test]
    fn a_crop_cuts_the_sides_off_and_padding_keeps_them() {
        // Three squares side by side: black, grey and white.
        let wide: DynamicImage =
            RgbImage::from_fn(30, 10, |x, _| Rgb([[0, 100, 255][x as usize / 10]; 3])).into();
        // A pixel at the edge also takes in what lies just outside of it, as if the whole image were scaled first.
        let cropped = fit(FitMode::Crop, 5, 5).bytes(wide.clone());
        assert_eq!(cropped[1..4], [100; 3]);
        assert!(
            cropped.iter().all(|level| level.abs_diff(100) < 20),
            "{cropped:?}"
        );
        let padded = fit(FitMode::Pad, 9, 9).bytes(wide.clone());
        assert_eq!(
            (
                padded[0],
                padded[9 * 4],
                padded[9 * 4 + 4],
                padded[9 * 4 + 8]
            ),
            (0, 0, 100, 255)
        );
        let stretched = fit(FitMode::Stretch, 3, 3).bytes(wide);
        let expected = [0, 100, 255].repeat(3);
        let near = |(found, wanted): (&u8, u8)| found.abs_diff(wanted) < 25;
        assert!(stretched.iter().zip(expected).all(near), "{stretched:?}");
    }

    #[test]
    fn scaling_down_takes_every_pixel_into_account() {
        // Without antialiasing, one line in sixteen would be missed or be all there is.
        let lines: DynamicImage =
            RgbImage::from_fn(64, 64, |_, y| Rgb([if y % 16 == 0 { 255 } else { 0 }; 3])).into();
        let small = fit(FitMode::Crop, 4, 4).bytes(lines);
        let mean = small.iter().map(|&level| f64::from(level)).sum::<f64>() / 16.0;
        assert!((mean - 255.0 / 16.0).abs() < 4.0, "{mean}");
    }

    #[test]
    fn the_background_and_inversion_are_as_asked_for() {
        let clear = DynamicImage::from(image::RgbaImage::from_pixel(
            4,
            4,
            image::Rgba([9, 9, 9, 0]),
        ));
        let white = Fit {
            background: Background::White,
            ..fit(FitMode::Pad, 4, 4)
        };
        assert_eq!(white.bytes(clear.clone()), [255; 16]);
        assert_eq!(
            Fit {
                invert: true,
                ..white
            }
            .bytes(clear),
            [0; 16]
        );
        let padded = Fit {
            background: Background::White,
            ..fit(FitMode::Pad, 4, 8)
        };
        assert_eq!(
            padded.bytes(RgbImage::new(4, 4).into())[..8],
            [255, 255, 0, 0, 0, 0, 255, 255]
        );
    }

    #[test]
    fn levels_spread_sixteen_bits() {
        let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(4, 1, |x, _| {
            image::Luma([[0, 1000, 2500, 4000][x as usize]])
        });
        let deep = DynamicImage::ImageLuma16(deep);
        let spread = Fit {
            levels: [1000, 4000],
            ..fit(FitMode::Crop, 1, 4)
        };
        assert_eq!(spread.bytes(deep.clone()), [0, 0, 127, 255]);
        assert_eq!(fit(FitMode::Crop, 1, 4).bytes(deep), [0, 4, 10, 16]);
    }

    #[test]
    fn an_image_of_the_size_is_not_touched() {
        assert_eq!(
            fit(FitMode::Crop, 2, 4).bytes(halves(4, 2)),
            [0, 0, 255, 255, 0, 0, 255, 255]
        );
    }
}
