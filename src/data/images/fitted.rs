//! Fitted images as examples, in memory if they are few, else in a file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::pixels_file::PixelsFile;
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
