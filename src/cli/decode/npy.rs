//! Reads latents from an array in NumPy's format.

use std::path::Path;

use crate::data::bytes::Bytes;
use crate::data::npy::{DtypeKind, Header, product};
use crate::error::{Error, Result};
use crate::files;

/// The advice for an array of another kind.
const CONVERT: &str = "write it with `numpy.save(\"latents.npy\", latents.astype(\"float32\"))`, latents of shape [N, D]";

/// Returns the rows of the matrix in the content of the file `path`.
///
/// # Errors
/// Returns an error if the content is no matrix of floats.
pub fn parse(content: Vec<u8>, path: &Path) -> Result<Vec<Vec<f32>>> {
    let file = Bytes::in_memory(content);
    let header = Header::of(path, &file)?;
    let dtype = header.dtype;
    if dtype.kind != DtypeKind::Float {
        let what = format!("holds an array of type {dtype}; expected float32 or float64");
        return Err(Error::file(path, what).with_hint(CONVERT));
    }
    let (&[count, width], false) = (&header.shape[..], header.shape.ends_with(&[0])) else {
        let what = format!(
            "holds an array of shape ({}); expected [N, D], one row for each latent",
            product(&header.shape)
        );
        return Err(Error::file(path, what).with_hint(CONVERT));
    };
    let bytes = file
        .into_vec()
        .map_err(|error| files::unreadable(path, &error))?;
    let values = bytes.get(header.start as usize..).unwrap_or_default();
    let numbers = values.chunks_exact(dtype.size);
    let numbers: Vec<f32> = numbers.map(|bytes| dtype.number(bytes) as f32).collect();
    Ok(if header.is_fortran {
        let row = |row: usize| numbers.iter().skip(row).step_by(count).copied().collect();
        (0..count).map(row).collect()
    } else {
        numbers.chunks_exact(width).map(<[f32]>::to_vec).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::npy::MAGIC;

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
        parse(bytes.to_vec(), Path::new("z.npy"))
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
                "shape (6); expected [N, D]",
            ),
            (array(1, "'<f4'", "False", "(2, 0)", &[]), "shape (2 x 0)"),
            (
                array(1, "'<f4'", "False", "(1, 2, 3)", &values),
                "shape (1 x 2 x 3)",
            ),
            (
                array(1, "'<f4'", "False", "(2, 4)", &values),
                "expected 2 x 4 x 4 bytes, found 24",
            ),
            (
                array(1, "'<f8'", "False", "(18446744073709551615, 9)", &values),
                "expected 18446744073709551615 x 9 x 8 bytes",
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
