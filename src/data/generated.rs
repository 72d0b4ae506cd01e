//! Examples that are generated each time they are read.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use super::examples::{Example, ExampleShape, Examples};
use crate::error::Result;

/// Draws the images of a set that is much larger than what it is drawn from.
pub trait Generator: Debug + Send + Sync {
    /// Draws image `number` on black, `[C, H, W]`; the same number always gives the same image.
    fn draw(&self, number: u32, image: &mut [u8]);

    /// Returns bytes that determine every image; hashed in place of the images.
    fn definition(&self) -> Vec<u8>;
}

/// Images of a generator, by their numbers. None of them is kept in memory.
#[derive(Debug)]
pub struct Generated {
    generator: Arc<dyn Generator>,
    /// `[N]`.
    numbers: Vec<u32>,
    shape: [usize; 3],
}

impl Generated {
    /// `numbers`: `[N]`, the generator's number of each image; `shape`: `[C, H, W]`.
    pub fn new(generator: Arc<dyn Generator>, numbers: Vec<u32>, shape: [usize; 3]) -> Self {
        Self {
            generator,
            numbers,
            shape,
        }
    }
}

impl Examples for Generated {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn shape(&self) -> ExampleShape {
        ExampleShape::Image(self.shape)
    }

    fn read(&self, index: usize) -> Result<Example<'_>> {
        let mut image = vec![0; self.shape.iter().product()];
        self.generator.draw(self.numbers[index], &mut image);
        Ok(Example::Bytes(Cow::Owned(image)))
    }

    fn fingerprint(&self, range: Range<usize>, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        sink(&self.generator.definition());
        self.numbers[range]
            .iter()
            .for_each(|number| sink(&number.to_le_bytes()));
        Ok(())
    }
}
