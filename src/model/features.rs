//! The values that flow between two layers, for one image.

use std::fmt;

/// The largest number of values that one image may have between two layers: far more than a VAE of small images needs,
/// and few enough for one machine. A typing mistake should be an error, not a full memory.
const MOST_FEATURES: usize = 4_000_000;

/// The shape of a layer's input or output, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    Flat(usize),
    /// `[C, H, W]`.
    Map([usize; 3]),
}

impl Features {
    /// Returns the number of values.
    pub fn count(self) -> usize {
        match self {
            Self::Flat(count) => count,
            Self::Map(shape) => shape.iter().product(),
        }
    }

    /// Returns `[units]` or `[C, H, W]`.
    pub fn lengths(self) -> Vec<usize> {
        match self {
            Self::Flat(count) => vec![count],
            Self::Map(shape) => shape.to_vec(),
        }
    }

    /// Returns the same shape with another number of units or, for a map, of channels.
    #[must_use]
    pub fn with_channels(self, count: usize) -> Self {
        match self {
            Self::Flat(_) => Self::Flat(count),
            Self::Map([_, h, w]) => Self::Map([count, h, w]),
        }
    }

    /// Checks that the number of values is sensible.
    ///
    /// # Errors
    /// Returns an error if there are no values or too many; the text says what was expected.
    pub fn check(self) -> Result<(), String> {
        let lengths = match self {
            Self::Flat(count) => vec![count],
            Self::Map(shape) => shape.to_vec(),
        };
        let count = lengths
            .iter()
            .try_fold(1_usize, |count, &length| count.checked_mul(length));
        match count {
            Some(1..=MOST_FEATURES) => Ok(()),
            _ => Err(format!(
                "gives {self} numbers per image; expected from 1 to {MOST_FEATURES}"
            )),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(count) => write!(f, "{count}"),
            Self::Map([c, h, w]) => write!(f, "{c}x{h}x{w}"),
        }
    }
}
