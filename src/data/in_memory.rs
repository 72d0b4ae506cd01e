//! Examples in memory, one byte a value.

use std::borrow::Cow;
use std::ops::Range;

use super::examples::{Example, ExampleShape, Examples};
use crate::error::Result;

/// `N` images, their bytes one after another.
pub struct InMemory {
    /// `[N, C, H, W]`.
    pixels: Vec<u8>,
    shape: [usize; 3],
    /// `C * H * W`.
    width: usize,
}

impl InMemory {
    /// `pixels`: `[N, C, H, W]`, one byte a value; `shape`: `[C, H, W]`.
    pub fn new(pixels: Vec<u8>, shape: [usize; 3]) -> Self {
        Self {
            pixels,
            shape,
            width: shape.iter().product(),
        }
    }
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} images of {:?} in memory", self.len(), self.shape)
    }
}

impl Examples for InMemory {
    fn len(&self) -> usize {
        // An image of no pixels has no place among them.
        self.pixels.len().checked_div(self.width).unwrap_or(0)
    }

    fn shape(&self) -> ExampleShape {
        ExampleShape::Image(self.shape)
    }

    fn read(&self, index: usize) -> Result<Example<'_>> {
        let image = &self.pixels[index * self.width..][..self.width];
        Ok(Example::Bytes(Cow::Borrowed(image)))
    }

    fn bytes(&self) -> Option<&[u8]> {
        Some(&self.pixels)
    }

    fn fingerprint(&self, range: Range<usize>, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        sink(&self.pixels[range.start * self.width..range.end * self.width]);
        Ok(())
    }
}
