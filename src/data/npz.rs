//! MNIST as Keras stores it: one zip archive (`mnist.npz`) of four NumPy arrays of bytes.
//!
//! No bytes make the reader panic, or keep more than the archive can hold.

use std::path::Path;

use super::Split;
use super::bytes::Bytes;
use super::fault::{ANOTHER_FILE, DAMAGED, Fault};
use super::images::{FileTree, ZipTree};
use super::npy::{DtypeKind, Header, product};
use crate::error::{Error, Result};
use crate::files;

/// The names of the arrays to train on: images `[N, H, W]` and labels `[N]`.
pub const TRAIN: [&str; 2] = ["x_train", "y_train"];
/// The names of the arrays to test on.
pub const TEST: [&str; 2] = ["x_test", "y_test"];

/// Images without labels, `[N, 1, H, W]`, and the label of each, `[N]`.
pub type ImagesAndLabels = (Split, Vec<u8>);

/// An array of bytes.
struct Array {
    /// The sizes, the slowest first.
    shape: Vec<usize>,
    values: Vec<u8>,
}

/// Reads the images and labels to train on and to test on.
///
/// # Errors
/// Exit code 2, naming the file, the array, what was expected and what was found.
pub fn splits(path: &Path) -> Result<[ImagesAndLabels; 2]> {
    parse(path, files::read(path)?)
}

/// Does what [`splits`] does with the content of the file, whose `path` goes into messages.
///
/// # Errors
/// They are those of [`splits`].
pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<[ImagesAndLabels; 2]> {
    if !bytes.starts_with(b"PK") {
        let what = "expected a zip archive, as numpy.savez writes, found other bytes";
        return Err(Error::file(path, what).with_hint(ANOTHER_FILE));
    }
    let zip = ZipTree::new(path, Bytes::in_memory(bytes), 0)?;
    let labelled = |[images, labels]: [&str; 2]| -> Result<ImagesAndLabels> {
        let images = array(&zip, images, into_images)?;
        Ok((images, array(&zip, labels, into_labels)?))
    };
    Ok([labelled(TRAIN)?, labelled(TEST)?])
}

/// Reads the array `name`, and makes of it what `into` does.
fn array<T>(zip: &ZipTree, name: &str, into: impl Fn(Array) -> Result<T, Fault>) -> Result<T> {
    let member = format!("{name}.npy");
    let names = || zip.files().iter().map(|file| &*file.path);
    let Some(index) = names().position(|path| path == member) else {
        let listed: Vec<&str> = names().take(8).collect();
        let what = format!("has no {member}; it holds {}", listed.join(", "));
        return Err(Error::file(zip.root(), what).with_hint(ANOTHER_FILE));
    };
    let values = zip.read(index)?;
    uint8(values)
        .and_then(into)
        .map_err(|fault| fault.inside(name).at(zip.root()))
}

/// Returns the array of bytes in a `.npy` file.
fn uint8(file: Vec<u8>) -> Result<Array, Fault> {
    let bytes = Bytes::in_memory(file);
    let header = Header::read(&bytes)?;
    if (header.dtype.kind, header.dtype.size) != (DtypeKind::Unsigned, 1) {
        return Err(Fault::content(
            format!(
                "expected an array of uint8, found the type \"{}\"",
                header.dtype
            ),
            "convert it: `array.astype(numpy.uint8)`",
        ));
    }
    if header.is_fortran {
        return Err(Fault::content(
            "expected an array in C order (row after row), found Fortran order",
            "convert it: `numpy.ascontiguousarray(array)`",
        ));
    }
    let mut values = bytes.into_vec().map_err(Fault::Read)?;
    values.drain(..header.start as usize);
    Ok(Array {
        shape: header.shape,
        values,
    })
}

fn into_images(array: Array) -> Result<Split, Fault> {
    match array.shape[..] {
        [_, height, width] if !array.values.is_empty() => {
            Ok(Split::in_memory(array.values, [1, height, width]))
        }
        _ => Err(other_shape(&array, "images (N x height x width)")),
    }
}

fn into_labels(array: Array) -> Result<Vec<u8>, Fault> {
    match array.shape[..] {
        [_] if !array.values.is_empty() => Ok(array.values),
        _ => Err(other_shape(&array, "labels (N)")),
    }
}

fn other_shape(array: &Array, expected: &str) -> Fault {
    let found = product(&array.shape);
    let hint = if array.values.is_empty() {
        DAMAGED
    } else {
        ANOTHER_FILE
    };
    Fault::content(
        format!("expected {expected}, found an array of {found:?}"),
        hint,
    )
}
