//! The types of a NumPy array's values.

use std::fmt;

use crate::data::fault::Fault;

/// The type of a value and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dtype {
    pub kind: DtypeKind,
    /// The bytes of a value, at least 1.
    pub size: usize,
    pub is_big_endian: bool,
}

/// The kinds of values that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtypeKind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// Text of one byte a character.
    Bytes,
    /// Text of four bytes a character.
    Unicode,
}

/// The longest text of a label.
const LONGEST_TEXT: usize = 1 << 16;

impl Dtype {
    /// Parses NumPy's name of a type: `<f4`.
    ///
    /// # Errors
    /// The type is not read.
    pub fn parse(descr: &str) -> Result<Self, Fault> {
        let (order, name) = match descr.chars().next() {
            Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
            _ => ('=', descr),
        };
        if name.starts_with('O') {
            return Err(Fault::content(
                "holds Python objects (a pickle), which are never run",
                "write numbers instead: `array = numpy.load(\"old.npy\", allow_pickle=True); numpy.save(\"new.npy\", numpy.stack(list(array)))`",
            ));
        }
        let size = name.get(1..).and_then(|size| size.parse::<usize>().ok());
        let (kind, size) = match (name.chars().next(), size) {
            (Some('b'), Some(1)) => (DtypeKind::Bool, 1),
            (Some('u'), Some(size @ (1 | 2 | 4 | 8))) => (DtypeKind::Unsigned, size),
            (Some('i'), Some(size @ (1 | 2 | 4 | 8))) => (DtypeKind::Signed, size),
            (Some('f'), Some(size @ (2 | 4 | 8))) => (DtypeKind::Float, size),
            (Some('S'), Some(size @ 1..=LONGEST_TEXT)) => (DtypeKind::Bytes, size),
            (Some('U'), Some(size @ 1..=LONGEST_TEXT)) => (DtypeKind::Unicode, 4 * size),
            _ => {
                return Err(Fault::content(
                    format!("has values of the type {descr:?}, which are not read"),
                    "convert it: `array.astype(\"float32\")`",
                ));
            }
        };
        Ok(Self {
            kind,
            size,
            is_big_endian: order == '>',
        })
    }

    /// Returns whether the values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self.kind, DtypeKind::Bytes | DtypeKind::Unicode)
    }

    /// Returns the number that `bytes` are, which are [`Dtype::size`] many.
    pub fn number(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        for (slot, byte) in word.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        if self.is_big_endian {
            word[..self.size.min(8)].reverse();
        }
        let bits = u64::from_le_bytes(word);
        match (self.kind, self.size) {
            (DtypeKind::Bool, _) => f64::from(u8::from(bits != 0)),
            (DtypeKind::Signed, size) => {
                let unused = 64 - 8 * size.clamp(1, 8) as u32;
                ((bits << unused).cast_signed() >> unused) as f64
            }
            (DtypeKind::Float, 2) => half(bits as u16),
            (DtypeKind::Float, 4) => f32::from_bits(bits as u32).into(),
            (DtypeKind::Float, _) => f64::from_bits(bits),
            _ => bits as f64,
        }
    }

    /// Returns the text that `bytes` are, without the zeros that fill it up.
    pub fn text(self, bytes: &[u8]) -> String {
        let text = if self.kind == DtypeKind::Unicode {
            let (words, _) = bytes.as_chunks::<4>();
            let character = |word: &[u8; 4]| {
                let code = if self.is_big_endian {
                    u32::from_be_bytes(*word)
                } else {
                    u32::from_le_bytes(*word)
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            words.iter().map(character).collect()
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        };
        text.trim_end_matches('\0').trim().to_owned()
    }
}

/// NumPy's name of the type: `<f4`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.size, self.is_big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let (kind, size) = match self.kind {
            DtypeKind::Bool => ('b', self.size),
            DtypeKind::Unsigned => ('u', self.size),
            DtypeKind::Signed => ('i', self.size),
            DtypeKind::Float => ('f', self.size),
            DtypeKind::Bytes => ('S', self.size),
            DtypeKind::Unicode => ('U', self.size / 4),
        };
        write!(f, "{order}{kind}{size}")
    }
}

/// Returns the value of a float of 16 bits (IEEE 754).
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(descr: &str, bytes: &[u8]) -> f64 {
        Dtype::parse(descr).unwrap().number(bytes)
    }

    #[test]
    fn numbers_of_every_type_and_order_are_read() {
        assert_eq!(number("|u1", &[200]), 200.0);
        assert_eq!(number("|b1", &[1]), 1.0);
        assert_eq!(number("|i1", &[0xff]), -1.0);
        assert_eq!(number("<u2", &[1, 2]), 513.0);
        assert_eq!(number(">u2", &[1, 2]), 258.0);
        assert_eq!(number("<i4", &(-70_000_i32).to_le_bytes()), -70_000.0);
        assert_eq!(number(">i8", &(-5_i64).to_be_bytes()), -5.0);
        assert_eq!(number("<u8", &[255; 8]), u64::MAX as f64);
        assert_eq!(number("<f4", &0.25_f32.to_le_bytes()), 0.25);
        assert_eq!(number(">f8", &(-1.5_f64).to_be_bytes()), -1.5);
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (1, 2_f64.powi(-24)),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(number("<f2", &u16::to_le_bytes(bits)), value);
        }
        assert!(number("<f2", &[1, 0x7c]).is_nan());
    }

    #[test]
    fn text_of_both_kinds_is_read() {
        let text = |descr: &str, bytes: &[u8]| Dtype::parse(descr).unwrap().text(bytes);
        assert_eq!(text("|S4", b"cat\0"), "cat");
        assert_eq!(text("<U2", &[0xfc, 0, 0, 0, 0, 0, 0, 0]), "ü");
        assert_eq!(text(">U1", &[0, 1, 0xf9, 0x80]), "\u{1f980}");
        assert_eq!(text("<U1", &[255; 4]), "\u{fffd}");
    }

    #[test]
    fn a_type_is_written_as_numpy_writes_it() {
        for descr in ["|u1", "<f4", ">i8", "<U3", "|b1"] {
            assert_eq!(Dtype::parse(descr).unwrap().to_string(), descr);
        }
    }

    #[test]
    fn types_that_are_not_read_are_refused() {
        for descr in [
            "",
            "<",
            "O",
            "|O8",
            "<c16",
            "<M8[ns]",
            "f3",
            "<U0",
            "|S99999999",
            "ü1",
            "<ü",
        ] {
            assert!(Dtype::parse(descr).is_err(), "{descr}");
        }
    }
}
