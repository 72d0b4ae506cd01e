//! Images in NumPy's arrays and in CIFAR's files, found by their names and shapes.

mod array_images;
mod assemble;
mod cifar;
mod collect;
mod factors;
mod labels;
mod layout;
mod levels;
mod plain_files;
mod roles;
mod stored_array;

use std::path::Path;

use super::archive::Container;
use super::image_source::ImageSource;
use super::scratch::Scratch;
use super::tree_key::tree_key;
use crate::data::bytes::Bytes;
use crate::data::image_file::ending;
use crate::error::Result;

pub use plain_files::PlainFiles;

/// The kind of the place that may hold arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayPlace {
    /// A zip archive that is itself a `.npz`.
    Npz,
    /// Files; where there are several, each may be a class.
    Files,
}

/// Returns the images of the arrays in `tree`; `None` if there are no arrays in it, or image files beside or below them.
///
/// # Errors
/// An array is damaged, or its values are no images.
pub fn find(
    tree: &dyn Container,
    place: ArrayPlace,
    scratch: &Scratch,
) -> Result<Option<Box<dyn ImageSource>>> {
    if let Some(images) = cifar::find(tree, scratch)? {
        return Ok(Some(Box::new(images)));
    }
    if !has_arrays(tree) || tree.has_image_files() {
        return Ok(None);
    }
    let arrays = collect::collect(tree, place == ArrayPlace::Npz, scratch)?;
    let by_file = place == ArrayPlace::Files;
    let key = tree_key(tree);
    let images = assemble::assemble(tree.root(), arrays, by_file, key)?;
    Ok(Some(Box::new(images)))
}

/// Returns the images of the array in the `.npy` file `path`.
///
/// # Errors
/// The array is damaged, or its values are no images.
pub fn find_in_file(path: &Path, file: Bytes) -> Result<Box<dyn ImageSource>> {
    let key = tree_key(&PlainFiles::of_file(path));
    let arrays = vec![collect::single(path, file)?];
    Ok(Box::new(assemble::assemble(path, arrays, false, key)?))
}

/// Returns whether a file of `tree` holds arrays by its ending.
fn has_arrays(tree: &dyn Container) -> bool {
    let mut files = tree.files().iter();
    files.any(|file| ["npy", "npz"].contains(&ending(&file.path).as_str()))
}
