//! Decodes and fits every image of a source, once, before the first step of a training: what is broken is known then.

use std::io::{self, Write};
use std::ops::Range;

use image::{ColorType, DynamicImage};
use md5::{Digest, Md5};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::image_source::{Decoded, ImageSource};
use crate::data::image_file::Fit;
use crate::error::{Error, Result};
use crate::ui;

/// The images that are fitted before any of them is written: this many, or fewer if they have more bytes together.
const AT_A_TIME: usize = 256;
const BYTES_AT_A_TIME: usize = 64 << 20;

/// The greatest difference of two channels of an image that is grey: JPEG's colours are not exact.
const GREY_WITHIN: u8 = 8;

/// An image that was fitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedImage {
    /// Its number in the source.
    pub entry: usize,
    /// The MD5 of its bytes.
    pub hash: [u8; 16],
    /// The CRC-32 of its bytes.
    pub checksum: u32,
}

/// An image that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedImage {
    pub name: String,
    pub reason: String,
}

/// The properties of a set of images, as they were before they were fitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageSummary {
    /// The number of images that were fitted.
    pub images: usize,
    /// Width and height of the image with the fewest pixels.
    pub smallest: [u32; 2],
    /// Width and height of the image with the most pixels.
    pub largest: [u32; 2],
    /// The images that have colours.
    pub colour: usize,
    pub rotated: usize,
    pub animated: usize,
    pub cmyk: usize,
    pub alpha: usize,
    pub sixteen_bit: usize,
    /// The highest level of the images of 16 bits.
    pub highest_level: u16,
    /// The values of the fitted images, and how many of them are within 8 levels of black or white.
    pub values: u64,
    pub values_at_the_ends: u64,
}

/// An image while it is fitted.
struct Work {
    bytes: Vec<u8>,
    hash: [u8; 16],
    summary: ImageSummary,
}

/// The result of [`fit_all`].
#[derive(Debug, Default)]
pub struct Fitting {
    pub images: Vec<FittedImage>,
    pub skipped: Vec<SkippedImage>,
    pub summary: ImageSummary,
}

/// Decodes and fits all images of `source`, with a bar, and writes their bytes to `out`, one after another. Broken images are
/// left out.
///
/// # Errors
/// Returns an error if `out` cannot be written.
pub fn fit_all(source: &dyn ImageSource, fit: &Fit, out: &mut dyn Write) -> io::Result<Fitting> {
    let count = source.entries().len();
    let bar = ui::image_bar("reading", count);
    let fitting = fit_range(source, 0..count, fit, out, &mut |read| {
        bar.set_position(read as u64);
    });
    bar.finish_and_clear();
    fitting
}

/// Does what [`fit_all`] does with the images `range`, and calls `seen` with the number of images that were read.
///
/// # Errors
/// Returns an error if `out` cannot be written.
pub fn fit_range(
    source: &dyn ImageSource,
    range: Range<usize>,
    fit: &Fit,
    out: &mut dyn Write,
    seen: &mut dyn FnMut(usize),
) -> io::Result<Fitting> {
    let entries = source.entries();
    let mut fitting = Fitting::default();
    let bytes: usize = fit.shape.iter().product();
    let at_a_time = (BYTES_AT_A_TIME / bytes.max(1)).clamp(8, AT_A_TIME);
    let start = range.start;
    let mut next = start;
    while next < range.end {
        let range = next..range.end.min(next + at_a_time);
        next = range.end;
        let work: Vec<Result<Work>> = range
            .clone()
            .into_par_iter()
            .map(|index| source.decode(index).map(|decoded| fitted(decoded, fit)))
            .collect();
        for (entry, work) in range.zip(work) {
            match work {
                Ok(work) => {
                    out.write_all(&work.bytes)?;
                    fitting.images.push(FittedImage {
                        entry,
                        hash: work.hash,
                        checksum: crc32fast::hash(&work.bytes),
                    });
                    fitting.summary.add(&work.summary);
                }
                Err(error) => {
                    let name = entries[entry].name.as_str();
                    fitting.skipped.push(SkippedImage::new(name, &error));
                }
            }
        }
        seen(next - start);
    }
    Ok(fitting)
}

/// Returns an error's text in one line without the path, which stands beside it, and for an image of a kind that cannot be
/// read with the way to convert it.
fn reason(error: &Error, name: &str) -> String {
    let text = error.to_string().replace('\n', " ");
    let end = format!("{name}: ");
    let reason = match text.split_once(&end) {
        Some((_, reason)) => reason.trim().to_owned(),
        None => text,
    };
    match error.hint() {
        Some(hint) if reason.ends_with("is not supported") => format!("{reason}; {hint}"),
        _ => reason,
    }
}

impl SkippedImage {
    /// Returns the image `name`, which cannot be read because of `error`.
    pub fn new(name: impl Into<String>, error: &Error) -> Self {
        let name = name.into();
        Self {
            reason: reason(error, &name),
            name,
        }
    }

    /// Whether the file could not be read at all, which may be otherwise the next time.
    pub fn may_be_read_later(&self) -> bool {
        self.reason.contains("(os error ")
    }
}

fn fitted(decoded: Decoded, fit: &Fit) -> Work {
    let Decoded { image, facts } = decoded;
    let size = [image.width(), image.height()];
    let colour = image.color();
    let sixteen_bit = matches!(
        colour,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16
    );
    let highest_level = if sixteen_bit {
        let levels = |samples: &[u16]| samples.iter().copied().max().unwrap_or_default();
        match &image {
            DynamicImage::ImageLuma16(image) => levels(image.as_raw()),
            DynamicImage::ImageRgb16(image) => levels(image.as_raw()),
            _ => u16::MAX,
        }
    } else {
        0
    };
    let is_transparent = is_transparent(&image);
    let bytes = fit.bytes(image);
    let at_the_ends = bytes
        .iter()
        .filter(|level| **level <= GREY_WITHIN || **level >= 255 - GREY_WITHIN)
        .count();
    let summary = ImageSummary {
        images: 1,
        smallest: size,
        largest: size,
        colour: usize::from(has_colours(&bytes, fit.shape)),
        rotated: usize::from(facts.rotated),
        animated: usize::from(facts.animated),
        cmyk: usize::from(facts.cmyk),
        alpha: usize::from(is_transparent),
        sixteen_bit: usize::from(sixteen_bit),
        highest_level,
        values: bytes.len() as u64,
        values_at_the_ends: at_the_ends as u64,
    };
    Work {
        hash: Md5::digest(&bytes).into(),
        bytes,
        summary,
    }
}

/// Returns whether a part of an image lets the background through. Some decoders give every image an alpha channel.
fn is_transparent(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel.0[1] < u8::MAX),
        other => other.color().has_alpha(),
    }
}

/// Returns whether the channels of an image differ. `bytes`: `[C, H, W]`.
fn has_colours(bytes: &[u8], [channels, height, width]: [usize; 3]) -> bool {
    if channels != 3 {
        return false;
    }
    let plane = height * width;
    let (red, rest) = bytes.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    red.iter().zip(green).zip(blue).any(|((red, green), blue)| {
        let (low, high) = (*red.min(green).min(blue), *red.max(green).max(blue));
        high - low > GREY_WITHIN
    })
}

impl ImageSummary {
    fn add(&mut self, other: &Self) {
        let pixels = |[width, height]: [u32; 2]| u64::from(width) * u64::from(height);
        if self.images == 0 || pixels(other.smallest) < pixels(self.smallest) {
            self.smallest = other.smallest;
        }
        if self.images == 0 || pixels(other.largest) > pixels(self.largest) {
            self.largest = other.largest;
        }
        self.images += other.images;
        self.colour += other.colour;
        self.rotated += other.rotated;
        self.animated += other.animated;
        self.cmyk += other.cmyk;
        self.alpha += other.alpha;
        self.sixteen_bit += other.sixteen_bit;
        self.highest_level = self.highest_level.max(other.highest_level);
        self.values += other.values;
        self.values_at_the_ends += other.values_at_the_ends;
    }

    /// Whether nearly all values are black or white.
    pub fn is_black_and_white(&self) -> bool {
        self.values_at_the_ends as f64 >= 0.95 * self.values as f64
    }
}
