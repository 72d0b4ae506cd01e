//! Reads a matrix of numbers in NumPy's format: versions 1 to 3, float32 or float64, in C or Fortran order.
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::path::Path;

use crate::error::{Error, Result};

/// The bytes that every such file starts with.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The advice for an array of another kind.
const CONVERT: &str = "write it with `numpy.save(\"latents.npy\", latents.astype(\"float32\"))`, latents of shape [N, D]";

/// Returns the rows of the matrix.
///
/// # Errors
/// Returns an error if the bytes are not such a file.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Vec<f32>>> {
    let (text, values) = header(bytes).ok_or_else(|| {
        Error::file(
            path,
            "its header is cut or damaged: expected a whole .npy file",
        )
    })?;
    let kind = value(text, "descr").unwrap_or_default();
    let kind = kind
        .strip_prefix('\'')
        .and_then(|kind| kind.split_once('\''));
    let kind = kind.map_or("one of several fields", |(kind, _)| kind);
    if kind.ends_with('O') {
        return Err(Error::file(
            path,
            "holds Python objects (a pickle), which can run any program, and are not read",
        )
        .with_hint(CONVERT));
    }
    let read: fn(&[u8]) -> f32 = match kind {
        "<f4" => |bytes| f32::from_le_bytes(word(bytes)),
        ">f4" => |bytes| f32::from_be_bytes(word(bytes)),
        "<f8" => |bytes| f64::from_le_bytes(word(bytes)) as f32,
        ">f8" => |bytes| f64::from_be_bytes(word(bytes)) as f32,
        _ => {
            let what = format!("holds an array of type {kind}; expected float32 or float64");
            return Err(Error::file(path, what).with_hint(CONVERT));
        }
    };
    let size = if kind.ends_with('4') { 4 } else { 8 };
    let sizes = sizes(value(text, "shape").unwrap_or_default());
    let Some(&[count, width]) = sizes.as_deref() else {
        let found = value(text, "shape").unwrap_or("none");
        let found = found.split_inclusive(')').next().unwrap_or_default();
        let what =
            format!("holds an array of shape {found}; expected [N, D], one row for each latent");
        return Err(Error::file(path, what).with_hint(CONVERT));
    };
    let expected = count
        .checked_mul(width)
        .and_then(|all| all.checked_mul(size));
    if expected != Some(values.len()) || width == 0 {
        return Err(Error::file(
            path,
            format!(
                "its header says {count} x {width} numbers of {size} bytes, and it holds {} bytes: it is cut or damaged",
                values.len()
            ),
        ));
    }
    let numbers: Vec<f32> = values.chunks_exact(size).map(read).collect();
    let is_fortran = value(text, "fortran_order").is_some_and(|order| order.starts_with("True"));
    Ok(if is_fortran {
        let row = |row: usize| numbers.iter().skip(row).step_by(count).copied().collect();
        (0..count).map(row).collect()
    } else {
        numbers.chunks_exact(width).map(<[f32]>::to_vec).collect()
    })
}

/// Returns the first bytes as a word; `chunks_exact` gives as many as there must be.
fn word<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Returns the header, a Python dictionary, and the values behind it.
fn header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let bytes = bytes.strip_prefix(MAGIC)?;
    let (version, bytes) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if version[0] == 1 {
        let (length, rest) = bytes.split_first_chunk()?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = bytes.split_first_chunk()?;
        (u32::from_le_bytes(*length) as usize, rest)
    };
    let (text, values) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, values))
}

/// Returns the text behind a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, behind) = header.split_once(&format!("'{key}'"))?;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

/// Parses a tuple of sizes: `(10000, 20)`.
fn sizes(text: &str) -> Option<Vec<usize>> {
    let (sizes, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = sizes
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    sizes.map(|size| size.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(version: u8, descr: &str, fortran: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let about =
            format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = match version {
            1 => (about.len() as u16).to_le_bytes().to_vec(),
            _ => (about.len() as u32).to_le_bytes().to_vec(),
        };
        [MAGIC, &[version, 0], &length, about.as_bytes(), values].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<f32>>> {
        parse(bytes, Path::new("z.npy"))
    }

    #[test]
    fn both_precisions_byte_orders_and_layouts_give_the_same_rows() {
        let rows = vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, -0.5]];
        let (c, fortran) = (
            [1.0, 2.0, 3.0, 4.0, 5.0, -0.5],
            [1.0, 4.0, 2.0, 5.0, 3.0, -0.5],
        );
        for version in [1, 2, 3] {
            for (order, values) in [("False", c), ("True", fortran)] {
                let of = |descr: &str, bytes: Vec<u8>| {
                    read(&array(version, descr, order, "(2, 3)", &bytes)).unwrap()
                };
                let single = values.map(|value| value as f32);
                assert_eq!(of("'<f4'", single.map(f32::to_le_bytes).concat()), rows);
                assert_eq!(of("'>f4'", single.map(f32::to_be_bytes).concat()), rows);
                assert_eq!(of("'<f8'", values.map(f64::to_le_bytes).concat()), rows);
                assert_eq!(of("'>f8'", values.map(f64::to_be_bytes).concat()), rows);
            }
        }
    }

    #[test]
    fn any_other_array_is_refused_by_what_it_is() {
        let values = [0; 24];
        for (bytes, part) in [
            (
                array(1, "'|O'", "False", "(2, 3)", b"\x80\x04"),
                "Python objects (a pickle)",
            ),
            (
                array(1, "'<i8'", "False", "(1, 3)", &values),
                "type <i8; expected float32",
            ),
            (
                array(1, "[('a', '<f4')]", "False", "(6,)", &values),
                "several fields",
            ),
            (
                array(1, "'<f4'", "False", "(6,)", &values),
                "shape (6,); expected [N, D]",
            ),
            (
                array(1, "'<f4'", "False", "(1, 2, 3)", &values),
                "shape (1, 2, 3)",
            ),
            (
                array(1, "'<f4'", "False", "(2, 4)", &values),
                "says 2 x 4 numbers of 4 bytes, and it holds 24",
            ),
            (
                array(1, "'<f8'", "False", "(18446744073709551615, 9)", &values),
                "cut or damaged",
            ),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn no_cut_makes_the_reader_panic() {
        for version in [1, 2] {
            let whole = array(version, "'<f4'", "False", "(2, 3)", &[0; 24]);
            for end in 0..whole.len() {
                assert!(read(&whole[..end]).is_err());
            }
        }
    }
}
