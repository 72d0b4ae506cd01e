//! NumPy's format of one array, versions 1 to 3: a header, which is a Python dictionary as text, and the values.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
//!
//! No bytes make the reader panic, or allocate more than a header may have.

mod dtype;

use std::path::Path;

use super::bytes::Bytes;
use super::fault::{ANOTHER_FILE, DAMAGED, Fault};

pub use dtype::{Dtype, DtypeKind};

pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The most sizes of an array.
const MOST_SIZES: usize = 8;

/// The longest header; those that NumPy writes for plain arrays have 118 bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// The description of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub dtype: Dtype,
    /// The first size is the fastest, as in Fortran.
    pub is_fortran: bool,
    /// The sizes, the slowest first unless it is in Fortran's order.
    pub shape: Vec<usize>,
    /// The place of the first value in the file.
    pub start: u64,
}

impl Header {
    /// Reads the header of a `.npy` file and checks that all its values are there.
    ///
    /// # Errors
    /// The bytes are no such file, it is damaged, or its values are of a type that is not read.
    pub fn read(file: &Bytes) -> Result<Self, Fault> {
        let (text, start) = text(file)?;
        let descr = value(&text, "descr")?;
        let dtype = Dtype::parse(quoted(descr)?)?;
        let header = Self {
            dtype,
            is_fortran: !value(&text, "fortran_order")?.starts_with("False"),
            shape: shape(value(&text, "shape")?)?,
            start,
        };
        let found = file.length().saturating_sub(start);
        if header.byte_count() != Some(found) {
            let count = product(&header.shape);
            let each = match dtype.size {
                1 => String::new(),
                size => format!(" x {size}"),
            };
            return Err(Fault::content(
                format!("expected {count}{each} bytes, found {found}"),
                DAMAGED,
            ));
        }
        Ok(header)
    }

    /// Does what [`Header::read`] does with the content of the file `path`.
    ///
    /// # Errors
    /// They name the file.
    pub fn of(path: &Path, file: &Bytes) -> crate::error::Result<Self> {
        Self::read(file).map_err(|fault| fault.at(path))
    }

    /// Returns the number of bytes of the values, or `None` if no file can be that long.
    fn byte_count(&self) -> Option<u64> {
        let sizes = self.shape.iter().chain([&self.dtype.size]);
        sizes
            .map(|size| *size as u64)
            .try_fold(1_u64, u64::checked_mul)
    }
}

/// Reads the text of the header; also returns where it ends.
fn text(file: &Bytes) -> Result<(String, u64), Fault> {
    let cut = || Fault::content("the array ends within its header", DAMAGED);
    let mut first = [0; 12];
    let there = first.len().min(file.length() as usize);
    file.read_at(0, &mut first[..there]).map_err(Fault::Read)?;
    let first = &first[..there];
    if !first.starts_with(MAGIC) {
        return Err(Fault::content(
            "expected a NumPy array, found other bytes",
            ANOTHER_FILE,
        ));
    }
    let version = *first.get(6).ok_or_else(cut)?;
    let (start, length) = match (version, first) {
        (1, [_, _, _, _, _, _, _, _, a, b, ..]) => (10, u16::from_le_bytes([*a, *b]).into()),
        (2 | 3, [_, _, _, _, _, _, _, _, a, b, c, d]) => {
            (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize)
        }
        (1..=3, _) => return Err(cut()),
        _ => {
            return Err(Fault::content(
                format!("expected version 1, 2 or 3 of NumPy's format, found {version}"),
                ANOTHER_FILE,
            ));
        }
    };
    let end = start + length as u64;
    if end > file.length() {
        return Err(cut());
    }
    if length > LONGEST_HEADER {
        return Err(Fault::content(
            format!("its header has {length} bytes, more than the {LONGEST_HEADER} that are read"),
            "write the array without a description of its own: `numpy.save(\"new.npy\", numpy.asarray(array))`",
        ));
    }
    let mut text = vec![0; length];
    file.read_at(start, &mut text).map_err(Fault::Read)?;
    let text =
        String::from_utf8(text).map_err(|_| Fault::content("its header is no text", DAMAGED))?;
    Ok((text, end))
}

/// Returns the text behind a key of the header, which is a Python dictionary.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, Fault> {
    let behind = header
        .split_once(&format!("'{key}'"))
        .and_then(|(_, behind)| behind.trim_start().strip_prefix(':'));
    behind
        .map(str::trim_start)
        .ok_or_else(|| Fault::content(format!("its header has no {key}"), DAMAGED))
}

/// Returns the word in quotes that `text` starts with. A type of several fields is a list, and has none.
fn quoted(text: &str) -> Result<&str, Fault> {
    let word = text
        .strip_prefix('\'')
        .and_then(|text| text.split_once('\''));
    word.map(|(word, _)| word).ok_or_else(|| {
        Fault::content(
            "expected an array of numbers, found one of several fields",
            "take one field: `numpy.save(\"new.npy\", array[\"name\"])`",
        )
    })
}

/// Parses a tuple of sizes: `(60000, 28, 28)`.
fn shape(text: &str) -> Result<Vec<usize>, Fault> {
    let wrong = || Fault::content("its header has no shape", DAMAGED);
    let (sizes, _) = text
        .strip_prefix('(')
        .and_then(|text| text.split_once(')'))
        .ok_or_else(wrong)?;
    let sizes: Result<Vec<usize>, _> = sizes
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(str::parse)
        .collect();
    sizes
        .ok()
        .filter(|sizes| sizes.len() <= MOST_SIZES)
        .ok_or_else(wrong)
}

/// Describes the sizes of an array: `60000 x 28 x 28`.
pub fn product(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    sizes.join(" x ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(version: u8, about: &str, values: &[u8]) -> Vec<u8> {
        let length = match version {
            1 => (about.len() as u16).to_le_bytes().to_vec(),
            _ => (about.len() as u32).to_le_bytes().to_vec(),
        };
        [MAGIC, &[version, 0], &length, about.as_bytes(), values].concat()
    }

    fn parse(bytes: Vec<u8>) -> Result<Header, Fault> {
        Header::read(&Bytes::in_memory(bytes))
    }

    const ABOUT: &str = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";

    #[test]
    fn every_version_of_the_format_is_read() {
        for version in [1, 2, 3] {
            let file = array(version, ABOUT, &[1, 2, 3, 4, 5, 6]);
            let found = parse(file.clone()).unwrap();
            assert_eq!((found.shape, found.is_fortran), (vec![2, 3], false));
            assert_eq!(file[found.start as usize..], [1, 2, 3, 4, 5, 6]);
        }
        let one = "{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }";
        let found = parse(array(1, one, &[7, 8])).unwrap();
        assert_eq!((found.shape, found.is_fortran), (vec![2], true));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let fails = |about: &str, expected: &str| {
            let message = parse(array(2, about, &[0; 6])).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        fails(&ABOUT.replace("'|u1'", "[('a', '|u1')]"), "several fields");
        fails(&ABOUT.replace("|u1", "|O"), "Python objects");
        fails(&ABOUT.replace("|u1", "<c8"), "the type \"<c8\"");
        fails(
            &ABOUT.replace("(2, 3)", "(2, 4)"),
            "expected 2 x 4 bytes, found 6",
        );
        fails(
            &ABOUT.replace("|u1", ">i4"),
            "expected 2 x 3 x 4 bytes, found 6",
        );
        fails(
            &ABOUT.replace("(2, 3)", &format!("({0}, {0}, {0})", usize::MAX)),
            "bytes, found 6",
        );
        fails(&ABOUT.replace("(2, 3)", "two"), "no shape");
        fails(&ABOUT.replace("(2, 3)", "(2, -3)"), "no shape");
        fails(&ABOUT.replace("shape", "size"), "no shape");
        fails(&ABOUT.replace("descr", "type"), "no descr");
        let huge = format!("{ABOUT}{}", " ".repeat(LONGEST_HEADER));
        fails(&huge, "more than the 65536 that are read");
        let claims = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes(), b"{'descr'"].concat();
        let message = parse(claims).unwrap_err().to_string();
        assert!(message.contains("ends within its header"), "{message}");
    }

    #[test]
    fn no_cut_makes_the_reader_panic() {
        for version in [1, 2, 4] {
            let whole = array(version, ABOUT, &[0; 6]);
            for end in 0..whole.len() {
                assert!(parse(whole[..end].to_vec()).is_err());
            }
        }
    }
}
