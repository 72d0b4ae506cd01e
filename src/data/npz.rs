//! MNIST as Keras stores it: one zip archive (`mnist.npz`) of four NumPy arrays of bytes.
//!
//! No bytes make the reader panic, or keep more than the archive can hold.

use std::path::Path;

use super::Split;
use super::fault::{ANOTHER_FILE, DAMAGED, Fault};
use crate::error::Result;
use crate::files;

mod npy;
mod zip;

use npy::{Array, product};
use zip::Zip;

/// The names of the arrays to train on: images `[N, H, W]` and labels `[N]`.
pub const TRAIN: [&str; 2] = ["x_train", "y_train"];
/// The names of the arrays to test on.
pub const TEST: [&str; 2] = ["x_test", "y_test"];

/// Images without labels, `[N, 1, H, W]`, and the label of each, `[N]`.
pub type ImagesAndLabels = (Split, Vec<u8>);

/// Reads the images and labels to train on and to test on.
///
/// # Errors
/// Exit code 2, naming the file, the array, what was expected and what was found.
pub fn splits(path: &Path) -> Result<[ImagesAndLabels; 2]> {
    parse(&files::read(path)?).map_err(|fault| fault.at(path))
}

/// Does what [`splits`] does with bytes in memory.
///
/// # Errors
/// They say what was expected and what was found.
pub fn parse(bytes: &[u8]) -> Result<[ImagesAndLabels; 2], Fault> {
    let zip = Zip::new(bytes)?;
    let array = |name: &str| {
        let values = zip.member(&format!("{name}.npy"))?;
        npy::parse(values).map_err(|fault| fault.inside(name))
    };
    let labelled = |[images, labels]: [&str; 2]| {
        Ok((
            into_images(array(images)?, images)?,
            into_labels(array(labels)?, labels)?,
        ))
    };
    Ok([labelled(TRAIN)?, labelled(TEST)?])
}

fn into_images(array: Array, name: &str) -> Result<Split, Fault> {
    match array.shape[..] {
        [_, height, width] if !array.values.is_empty() => {
            Ok(Split::in_memory(array.values, [1, height, width]))
        }
        _ => Err(other_shape(&array, "images (N x height x width)").inside(name)),
    }
}

fn into_labels(array: Array, name: &str) -> Result<Vec<u8>, Fault> {
    match array.shape[..] {
        [_] if !array.values.is_empty() => Ok(array.values),
        _ => Err(other_shape(&array, "labels (N)").inside(name)),
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
