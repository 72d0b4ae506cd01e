//! The seam where data comes in: a source is whatever can read example `i`.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use crate::error::{Error, Result};

/// The shape that all examples of a source share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExampleShape {
    /// `[C, H, W]`.
    Image([usize; 3]),
    /// `[D]`.
    Vector(usize),
}

impl ExampleShape {
    /// Returns the shape as `[C, H, W]`; a vector is one row of one channel.
    pub fn as_image(self) -> [usize; 3] {
        match self {
            Self::Image(shape) => shape,
            Self::Vector(length) => [1, 1, length],
        }
    }
}

/// The values of one example, borrowed if the source has them in memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Example<'a> {
    /// Levels: 0 is black, 255 is white. The loader scales or binarises them.
    Bytes(Cow<'a, [u8]>),
    /// Values in [0, 1], read by the network as they are.
    Floats(Cow<'a, [f32]>),
}

impl<'a> Example<'a> {
    /// Returns the same values without copying them.
    pub fn borrowed(&self) -> Example<'_> {
        match self {
            Self::Bytes(bytes) => Example::Bytes(Cow::Borrowed(bytes)),
            Self::Floats(floats) => Example::Floats(Cow::Borrowed(floats)),
        }
    }

    pub fn into_owned(self) -> Example<'static> {
        match self {
            Self::Bytes(bytes) => Example::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Floats(floats) => Example::Floats(Cow::Owned(floats.into_owned())),
        }
    }

    /// Returns the values in [0, 1].
    pub fn values(&self) -> Vec<f32> {
        match self {
            Self::Bytes(bytes) => bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect(),
            Self::Floats(floats) => floats.to_vec(),
        }
    }

    /// Returns the levels, 0 to 255; values in [0, 1] are rounded to levels.
    pub fn into_levels(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Floats(floats) => floats
                .iter()
                .map(|value| (value * 255.0).round() as u8)
                .collect(),
        }
    }

    /// Calls `sink` with the bytes that the example is stored as.
    fn hash(&self, sink: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Bytes(bytes) => sink(bytes),
            Self::Floats(floats) => floats.iter().for_each(|value| sink(&value.to_le_bytes())),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Floats(floats) => floats.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A source of examples: in memory, generated or on disk. The same index always gives the same example.
pub trait Examples: Debug + Send + Sync {
    /// Returns `N`.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shape(&self) -> ExampleShape;

    /// Reads example `index`, below `N`.
    ///
    /// # Errors
    /// The example cannot be read: a file is gone or damaged. The error names the file.
    fn read(&self, index: usize) -> Result<Example<'_>>;

    /// Whether reading waits for a disk or a network. The loader then reads ahead on another thread.
    fn may_block(&self) -> bool {
        false
    }

    /// Returns all examples one after another, `[N, P]`, if they lie in memory as bytes. A GPU then keeps a copy.
    fn bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Calls `sink` with bytes that differ if an example in `range` differs: what a data set's hash is made of. A
    /// source that can say so in fewer bytes than its examples have should.
    ///
    /// # Errors
    /// An example cannot be read.
    fn fingerprint(&self, range: Range<usize>, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        for index in range {
            self.read(index)?.hash(sink);
        }
        Ok(())
    }
}

/// Checks that an example has as many values as its source's shape says.
///
/// # Errors
/// It has not: the source is wrong.
pub fn expect_length(example: &Example, index: usize, length: usize) -> Result<()> {
    if example.len() == length {
        return Ok(());
    }
    Err(Error::failed(format!(
        "example {index} has {} values; expected {length}",
        example.len()
    )))
}
