//! Grey levels of values: an array may hold 0 and 1, numbers from 0 to 1 or to 255, or 16 bits.

use super::stored_array::StoredArray;
use crate::data::npy::{Dtype, DtypeKind};
use crate::error::Result;

/// How far a float may lie outside its range and still be rounded into it; scaling images leaves such values.
const ROUNDING: f64 = 0.005;

/// The meanings that values can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    /// From 0 to 1.
    Unit,
    /// From 0 to 255.
    Eight,
    /// From 0 to 65 535.
    Sixteen,
}

/// The values that occur.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    pub least: f64,
    pub most: f64,
    /// Whether there is a value that is no number.
    has_nan: bool,
}

impl ValueRange {
    const EMPTY: Self = Self {
        least: f64::INFINITY,
        most: f64::NEG_INFINITY,
        has_nan: false,
    };

    /// Returns the range of all values of `array`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn of(array: &StoredArray) -> Result<Self> {
        let dtype = array.dtype;
        if (dtype.kind, dtype.size) == (DtypeKind::Unsigned, 1) {
            // Nothing is read after the first larger value, which nearly all images begin with.
            let is_large = array.any(|bytes| bytes.iter().any(|byte| *byte > 1))?;
            return Ok(Self {
                least: 0.0,
                most: if is_large { 255.0 } else { 1.0 },
                has_nan: false,
            });
        }
        let range = |bytes: &[u8]| {
            let values = bytes
                .chunks_exact(dtype.size)
                .map(|bytes| dtype.number(bytes));
            values.fold(Self::EMPTY, |range, value| Self {
                least: range.least.min(value),
                most: range.most.max(value),
                has_nan: range.has_nan || value.is_nan(),
            })
        };
        array.fold(|| Self::EMPTY, range, Self::joined)
    }

    /// Returns the range of the values of both.
    pub fn joined(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            has_nan: self.has_nan || other.has_nan,
        }
    }
}

impl Levels {
    /// Returns what the values of `array` mean, if these and all others that belong to them have the range `range`.
    ///
    /// # Errors
    /// They are no grey levels.
    pub fn of(array: &StoredArray, range: ValueRange) -> Result<Self> {
        let ValueRange {
            least,
            most,
            has_nan,
        } = range;
        if has_nan {
            return Err(array.error(
                "holds values that are no numbers (NaN)",
                "put a number in their place: `numpy.nan_to_num(array)`",
            ));
        }
        let is_float = array.dtype.kind == DtypeKind::Float;
        // A wider range below 0 would take in values that were shifted to the mean 0.
        let below = if is_float { -ROUNDING } else { 0.0 };
        let within = |limit: f64| {
            let above = if is_float { limit * ROUNDING } else { 0.0 };
            least >= below && most <= limit + above
        };
        if within(1.0) {
            Ok(Self::Unit)
        } else if within(255.0) {
            Ok(Self::Eight)
        } else if within(65_535.0) {
            Ok(Self::Sixteen)
        } else {
            let what =
                format!("expected values from 0 to 1, 255 or 65535, found {least} to {most}");
            Err(array.error(
                what,
                "scale it: `array = (array - array.min()) / (array.max() - array.min())`; from -1 to 1: `(array + 1) / 2`",
            ))
        }
    }

    /// Returns whether `values` of this type are the levels already.
    pub fn are_bytes(self, dtype: Dtype) -> bool {
        self == Self::Eight && (dtype.kind, dtype.size) == (DtypeKind::Unsigned, 1)
    }

    /// Returns a note on what values of this type and range are taken for; `None` if they can mean nothing else.
    pub fn note(self, dtype: Dtype, range: ValueRange) -> Option<String> {
        if self.are_bytes(dtype) || dtype.kind == DtypeKind::Bool {
            return None;
        }
        Some(match self {
            Self::Unit => {
                format!("no value of type {dtype} is above 1: 0 to 1 become the levels 0 to 255")
            }
            Self::Eight => {
                format!("no value of type {dtype} is above 255: they are the levels 0 to 255")
            }
            Self::Sixteen => format!(
                "the values of type {dtype} reach {:.0}: they are levels of 16 bits, 0 to 65535, divided by 257 unless `data.images.levels` spreads them",
                range.most
            ),
        })
    }

    /// Returns the level of `value`: of 8 bits, or of 16 ([`Levels::Sixteen`]).
    pub fn level(self, value: f64) -> u16 {
        let (value, most) = match self {
            Self::Unit => (value * 255.0, 255.0),
            Self::Eight => (value, 255.0),
            Self::Sixteen => (value, 65_535.0),
        };
        value.round().clamp(0.0, most) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(least: f64, most: f64) -> ValueRange {
        ValueRange {
            least,
            most,
            has_nan: false,
        }
    }

    fn levels(descr: &str, range: ValueRange) -> Option<Levels> {
        let array = StoredArray {
            name: "x".to_owned(),
            path: "x.npy".into(),
            shape: vec![1],
            dtype: Dtype::parse(descr).unwrap(),
            values: crate::data::bytes::Bytes::in_memory(Vec::new()),
        };
        Levels::of(&array, range).ok()
    }

    #[test]
    fn the_range_of_the_values_tells_what_they_mean() {
        assert_eq!(levels("|u1", range(0.0, 1.0)), Some(Levels::Unit));
        assert_eq!(levels("|u1", range(0.0, 2.0)), Some(Levels::Eight));
        assert_eq!(levels("<f4", range(-0.001, 1.004)), Some(Levels::Unit));
        assert_eq!(levels("<f4", range(0.0, 255.5)), Some(Levels::Eight));
        assert_eq!(levels("<u2", range(0.0, 4095.0)), Some(Levels::Sixteen));
        assert_eq!(levels("<i8", range(0.0, 255.0)), Some(Levels::Eight));
        assert_eq!(levels("<f4", range(-1.0, 1.0)), None);
        assert_eq!(levels("<f4", range(-0.42, 2.82)), None);
        assert_eq!(levels("|i1", range(-128.0, 127.0)), None);
        assert_eq!(levels("<f8", range(0.0, f64::INFINITY)), None);
        assert_eq!(
            levels(
                "<f8",
                ValueRange {
                    has_nan: true,
                    ..range(0.0, 1.0)
                }
            ),
            None
        );
    }

    #[test]
    fn values_become_levels_by_rounding() {
        assert_eq!(
            [0.0, 0.5, 1.0, 1.01].map(|value| Levels::Unit.level(value)),
            [0, 128, 255, 255]
        );
        assert_eq!(
            [-0.2, 3.4, 255.4].map(|value| Levels::Eight.level(value)),
            [0, 3, 255]
        );
        assert_eq!(Levels::Sixteen.level(4095.0), 4095);
    }
}
