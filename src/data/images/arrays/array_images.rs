//! Images in arrays.

use std::io;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, Luma, Pixel, Rgb, Rgba};

use super::layout::ImageLayout;
use super::levels::Levels;
use super::stored_array::StoredArray;
use crate::data::images::image_source::{Decoded, ImageEntry, ImageSource};
use crate::data::{GenerativeFactors, SplitName};
use crate::error::{Error, Result};
use crate::files;

/// The images of one array.
#[derive(Clone, Debug)]
pub struct ImageArray {
    pub array: StoredArray,
    pub layout: ImageLayout,
    pub levels: Levels,
    pub split: Option<SplitName>,
    /// The class of each image; `None` if they have none.
    pub classes: Option<Vec<String>>,
}

/// The images of all arrays.
#[derive(Debug)]
pub struct ArrayImages {
    arrays: Vec<ImageArray>,
    /// The number of the first image of each array.
    firsts: Vec<usize>,
    entries: Vec<ImageEntry>,
    key: Vec<u8>,
    pub notes: Vec<String>,
    pub factors: Option<GenerativeFactors>,
}

impl ArrayImages {
    /// Returns the images of `arrays`, in their order. `key` differs if a file does.
    pub fn new(mut arrays: Vec<ImageArray>, mut key: Vec<u8>) -> Self {
        let mut entries = Vec::new();
        let mut firsts = Vec::new();
        for part in &mut arrays {
            firsts.push(entries.len());
            let mut classes = part.classes.take().map(Vec::into_iter);
            let split = part.split;
            let name = &part.array.name;
            entries.extend((0..part.layout.count).map(|index| ImageEntry {
                name: format!("{name}[{index}]"),
                split,
                class: classes.as_mut().and_then(Iterator::next),
            }));
            key.extend(format!("{:?} {:?}\n", part.layout, part.levels).bytes());
        }
        Self {
            arrays,
            firsts,
            entries,
            key,
            notes: Vec::new(),
            factors: None,
        }
    }
}

impl ImageSource for ArrayImages {
    fn entries(&self) -> &[ImageEntry] {
        &self.entries
    }

    fn decode(&self, index: usize) -> Result<Decoded> {
        let number = self.firsts.partition_point(|first| *first <= index) - 1;
        let part = &self.arrays[number];
        let image = part.decode(index - self.firsts[number]);
        image
            .map(Decoded::plain)
            .map_err(|fault| fault.at(&part.array.path, &self.entries[index].name))
    }

    fn key(&self) -> Vec<u8> {
        self.key.clone()
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn factors(&self) -> Option<GenerativeFactors> {
        self.factors.clone()
    }
}

/// A reason why an image of an array cannot be given.
enum ImageFault {
    Read(io::Error),
    TooLarge,
}

impl ImageFault {
    fn at(self, path: &Path, name: &str) -> Error {
        match self {
            Self::Read(error) => files::unreadable(path, &error),
            Self::TooLarge => Error::file(path, format!("{name}: the image is too large"))
                .with_hint("write smaller images: nothing is learned from images of that size"),
        }
    }
}

impl ImageArray {
    fn decode(&self, index: usize) -> Result<DynamicImage, ImageFault> {
        let layout = self.layout;
        let [height, width] = [layout.height, layout.width]
            .map(|length| u32::try_from(length).map_err(|_| ImageFault::TooLarge));
        let size = [width?, height?];
        let dtype = self.array.dtype;
        let start = ((layout.before + index * layout.step) * dtype.size) as u64;
        // The file has this many bytes, but one image may be all of them.
        let mut bytes = Vec::new();
        let count = layout.values() * dtype.size;
        if bytes.try_reserve_exact(count).is_err() {
            return Err(ImageFault::TooLarge);
        }
        bytes.resize(count, 0);
        let read = self.array.values.read_at(start, &mut bytes);
        read.map_err(ImageFault::Read)?;
        if self.levels == Levels::Sixteen {
            let values = self.values(&bytes, |level| level);
            return match layout.channels {
                1 => image::<Luma<u16>>(size, values).map(DynamicImage::ImageLuma16),
                3 => image::<Rgb<u16>>(size, values).map(DynamicImage::ImageRgb16),
                _ => image::<Rgba<u16>>(size, values).map(DynamicImage::ImageRgba16),
            };
        }
        let values = if self.levels.are_bytes(dtype) && !layout.has_planes {
            bytes
        } else {
            self.values(&bytes, |level| level as u8)
        };
        match layout.channels {
            1 => image::<Luma<u8>>(size, values).map(DynamicImage::ImageLuma8),
            3 => image::<Rgb<u8>>(size, values).map(DynamicImage::ImageRgb8),
            _ => image::<Rgba<u8>>(size, values).map(DynamicImage::ImageRgba8),
        }
    }

    /// Returns the levels of an image, the channels of each pixel together.
    fn values<T: Copy>(&self, bytes: &[u8], into: impl Fn(u16) -> T) -> Vec<T> {
        let dtype = self.array.dtype;
        if dtype.size == 1 {
            // Far faster than to convert every value.
            let table: Vec<T> = (0..=u8::MAX)
                .map(|byte| into(self.levels.level(dtype.number(&[byte]))))
                .collect();
            return self.ordered(bytes.len(), |place| table[usize::from(bytes[place])]);
        }
        let level = |place: usize| {
            let value = dtype.number(&bytes[place * dtype.size..][..dtype.size]);
            into(self.levels.level(value))
        };
        self.ordered(bytes.len() / dtype.size, level)
    }

    /// Returns the `count` values of an image by their places, the channels of each pixel together.
    fn ordered<T>(&self, count: usize, value: impl Fn(usize) -> T) -> Vec<T> {
        if !self.layout.has_planes {
            return (0..count).map(value).collect();
        }
        let ImageLayout { channels, .. } = self.layout;
        let plane = count / channels;
        let mut values = Vec::with_capacity(count);
        for pixel in 0..plane {
            values.extend((0..channels).map(|channel| value(channel * plane + pixel)));
        }
        values
    }
}

fn image<P: Pixel>(
    [width, height]: [u32; 2],
    values: Vec<P::Subpixel>,
) -> Result<ImageBuffer<P, Vec<P::Subpixel>>, ImageFault> {
    ImageBuffer::from_raw(width, height, values).ok_or(ImageFault::TooLarge)
}
