//! NumPy's format of one array, as far as it holds bytes: versions 1 to 3, uint8, row after row.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use super::super::fault::{ANOTHER_FILE, DAMAGED, Fault};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The numpy names of uint8. Bytes have no order, so any order may stand before it.
const UINT8: [&str; 5] = ["|u1", "u1", "<u1", ">u1", "=u1"];

/// The most sizes of an array.
const MOST_SIZES: usize = 8;

/// An array of bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Array {
    /// The sizes, the slowest first.
    pub shape: Vec<usize>,
    pub values: Vec<u8>,
}

/// Parses a `.npy` file.
///
/// # Errors
/// The bytes are no such file, or it holds something other than uint8 in row-major order.
pub fn parse(bytes: Vec<u8>) -> Result<Array, Fault> {
    let header = header(&bytes)?;
    let text = std::str::from_utf8(&bytes[header.clone()])
        .map_err(|_| Fault::content("its header is no text", DAMAGED))?;
    let kind = quoted(value(text, "descr")?)?;
    if !UINT8.contains(&kind) {
        return Err(Fault::content(
            format!("expected an array of uint8, found the type {kind:?}"),
            "convert it: `array.astype(numpy.uint8)`",
        ));
    }
    if !value(text, "fortran_order")?.starts_with("False") {
        return Err(Fault::content(
            "expected an array in C order (row after row), found Fortran order",
            "convert it: `numpy.ascontiguousarray(array)`",
        ));
    }
    let shape = shape(value(text, "shape")?)?;
    let found = bytes.len() - header.end;
    let count = shape
        .iter()
        .try_fold(1_usize, |all, size| all.checked_mul(*size));
    if count != Some(found) {
        return Err(Fault::content(
            format!("expected {} bytes, found {found}", product(&shape)),
            DAMAGED,
        ));
    }
    let mut values = bytes;
    values.drain(..header.end);
    Ok(Array { shape, values })
}

/// Returns the place of the header's text.
fn header(bytes: &[u8]) -> Result<std::ops::Range<usize>, Fault> {
    let cut = || Fault::content("the array ends within its header", DAMAGED);
    if !bytes.starts_with(MAGIC) {
        return Err(Fault::content(
            "expected a NumPy array, found other bytes",
            ANOTHER_FILE,
        ));
    }
    let version = *bytes.get(6).ok_or_else(cut)?;
    let (start, length) = match version {
        1 => {
            let length = bytes.get(8..10).and_then(|bytes| bytes.try_into().ok());
            (10, usize::from(u16::from_le_bytes(length.ok_or_else(cut)?)))
        }
        2 | 3 => {
            let length = bytes.get(8..12).and_then(|bytes| bytes.try_into().ok());
            (12, u32::from_le_bytes(length.ok_or_else(cut)?) as usize)
        }
        _ => {
            return Err(Fault::content(
                format!("expected version 1, 2 or 3 of NumPy's format, found {version}"),
                ANOTHER_FILE,
            ));
        }
    };
    let end = start + length;
    if end > bytes.len() {
        return Err(cut());
    }
    Ok(start..end)
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

/// Returns the word in quotes that `text` starts with. A type of several fields is a list, and is returned as it is.
fn quoted(text: &str) -> Result<&str, Fault> {
    match text
        .strip_prefix('\'')
        .and_then(|text| text.split_once('\''))
    {
        Some((word, _)) => Ok(word),
        None => Err(Fault::content(
            "expected an array of uint8, found one of several fields",
            ANOTHER_FILE,
        )),
    }
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

    const ABOUT: &str = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";

    #[test]
    fn every_version_of_the_format_is_read() {
        for version in [1, 2, 3] {
            let found = parse(array(version, ABOUT, &[1, 2, 3, 4, 5, 6])).unwrap();
            assert_eq!(
                (found.shape, found.values),
                (vec![2, 3], vec![1, 2, 3, 4, 5, 6])
            );
        }
        let one = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(parse(array(1, one, &[7, 8])).unwrap().shape, [2]);
    }

    #[test]
    fn other_types_and_orders_are_named() {
        let fails = |about: &str, expected: &str| {
            let message = parse(array(1, about, &[0; 6])).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        fails(
            &ABOUT.replace("|u1", "<i8"),
            "expected an array of uint8, found the type \"<i8\"",
        );
        fails(&ABOUT.replace("'|u1'", "[('a', '|u1')]"), "several fields");
        fails(&ABOUT.replace("False", "True"), "Fortran order");
        fails(
            &ABOUT.replace("(2, 3)", "(2, 4)"),
            "expected 2 x 4 bytes, found 6",
        );
        fails(
            &ABOUT.replace("(2, 3)", &format!("({0}, {0}, {0})", usize::MAX)),
            "bytes, found 6",
        );
        fails(&ABOUT.replace("(2, 3)", "two"), "no shape");
        fails(&ABOUT.replace("shape", "size"), "no shape");
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
