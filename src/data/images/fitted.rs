//! Fitted images as examples, in memory if they are few, else in a file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::cache::CacheIndex;
use super::image_source::ImageEntry;
use super::pixels_file::PixelsFile;
use crate::data::Split;
use crate::data::examples::{Example, ExampleShape, Examples};
use crate::error::Result;

/// The images of a split.
pub struct FittedImages {
    shape: [usize; 3],
    pixels: FittedPixels,
    /// The MD5 of each image: a hash of the set is made of them, so that a large one is not read for it.
    hashes: Vec<[u8; 16]>,
}

/// The place of the bytes of a split's images.
pub enum FittedPixels {
    /// `[N, C, H, W]`.
    Memory(Vec<u8>),
    /// The rows of a file.
    File(Arc<PixelsFile>, Vec<u32>),
}

/// The most bytes of a split that are kept in memory.
const IN_MEMORY: usize = 128 << 20;

impl FittedPixels {
    /// Returns the images `rows` of a file: read at once if they are few.
    ///
    /// # Errors
    /// The file was changed or damaged since it was written.
    pub fn of(file: &Arc<PixelsFile>, rows: Vec<u32>) -> Result<Self> {
        if rows.len().saturating_mul(file.width()) > IN_MEMORY {
            return Ok(Self::File(Arc::clone(file), rows));
        }
        let mut bytes = Vec::with_capacity(rows.len() * file.width());
        for row in rows {
            bytes.extend(file.read(row as usize)?);
        }
        Ok(Self::Memory(bytes))
    }
}

impl FittedImages {
    /// `hashes`: `[N]`, the MD5 of each image.
    pub fn new(shape: [usize; 3], pixels: FittedPixels, hashes: Vec<[u8; 16]>) -> Self {
        Self {
            shape,
            pixels,
            hashes,
        }
    }
}

/// Returns the images `rows` of a set as a split with their names, in that order. `file` holds the set's bytes.
///
/// # Errors
/// The file was changed or damaged since it was written.
pub fn split_of(
    index: &CacheIndex,
    file: &Arc<PixelsFile>,
    rows: &[usize],
    entries: &[ImageEntry],
) -> Result<Split> {
    let pixels = FittedPixels::of(file, rows.iter().map(|&row| row as u32).collect())?;
    let images = || rows.iter().map(|&row| &index.images[row]);
    let hashes = images().map(|image| image.hash).collect();
    let mut split = Split::new(FittedImages::new(index.shape, pixels, hashes));
    let names = images().map(|image| entries[image.entry].name.clone());
    split.names = Some(names.collect());
    Ok(split)
}

impl fmt::Debug for FittedImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fitted images of {:?}", self.len(), self.shape)
    }
}

impl Examples for FittedImages {
    fn len(&self) -> usize {
        self.hashes.len()
    }

    fn shape(&self) -> ExampleShape {
        ExampleShape::Image(self.shape)
    }

    fn read(&self, index: usize) -> Result<Example<'_>> {
        let width: usize = self.shape.iter().product();
        Ok(Example::Bytes(match &self.pixels {
            FittedPixels::Memory(bytes) => Cow::Borrowed(&bytes[index * width..][..width]),
            FittedPixels::File(file, rows) => Cow::Owned(file.read(rows[index] as usize)?),
        }))
    }

    fn may_block(&self) -> bool {
        matches!(self.pixels, FittedPixels::File(..))
    }

    fn bytes(&self) -> Option<&[u8]> {
        match &self.pixels {
            FittedPixels::Memory(bytes) => Some(bytes),
            FittedPixels::File(..) => None,
        }
    }

    fn fingerprint(&self, range: Range<usize>, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.hashes[range].iter().for_each(|hash| sink(hash));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::bytes::Bytes;

    #[test]
    fn images_in_memory_and_in_a_file_are_the_same_examples() {
        let shape = [1, 2, 3];
        let bytes: Vec<u8> = (0..60).collect();
        let checksums = bytes.chunks(6).map(crc32fast::hash).collect();
        let file = Arc::new(PixelsFile::new(Bytes::in_memory(bytes), 6, checksums, None));
        let rows = vec![7, 0, 3];
        let hashes = vec![[1; 16], [2; 16], [3; 16]];
        let held = FittedPixels::of(&file, rows.clone()).unwrap();
        let held = FittedImages::new(shape, held, hashes.clone());
        let read = FittedImages::new(shape, FittedPixels::File(file, rows), hashes);
        assert!(!held.may_block() && read.may_block());
        for index in 0..3 {
            assert_eq!(held.read(index).unwrap(), read.read(index).unwrap());
        }
        assert_eq!(held.read(1).unwrap().values()[5], 5.0 / 255.0);
        let print = |images: &FittedImages| {
            let mut all = Vec::new();
            images
                .fingerprint(1..3, &mut |bytes| all.extend_from_slice(bytes))
                .unwrap();
            all
        };
        assert_eq!(print(&held), print(&read));
    }

    #[test]
    fn a_file_that_was_changed_is_an_error() {
        let file = PixelsFile::new(Bytes::in_memory(vec![0; 12]), 6, vec![0, 0], None);
        let error = file.read(1).unwrap_err();
        assert_eq!(error.code(), 1);
        assert!(error.to_string().contains("image 1 was changed"), "{error}");
        let short = PixelsFile::new(Bytes::in_memory(vec![0; 5]), 6, vec![0], None);
        assert!(
            short
                .read(0)
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }
}
