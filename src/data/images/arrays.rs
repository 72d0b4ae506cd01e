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
mod tree_key;

use std::path::Path;

use super::archive::Container;
use super::file_tree::FileTree;
use super::image_source::ImageSource;
use super::scratch::Scratch;
use crate::data::bytes::Bytes;
use crate::error::Result;

pub use plain_files::PlainFiles;

/// The kind of the place that may hold arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayPlace {
    /// A zip archive that is itself a `.npz`.
    Npz,
    /// Files, of which several may each be a class.
    Files,
}

/// The endings of image files. Arrays beside such files are no images of the set.
const IMAGE_FILES: [&str; 15] = [
    "png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff", "pnm", "pgm", "ppm", "pbm", "qoi",
    "tga", "heic",
];

/// Returns the images of the arrays in `tree`; `None` if there are no arrays in it, or image files beside them.
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
    if !has_ending(tree, &["npy", "npz"]) || has_image_files(tree) {
        return Ok(None);
    }
    let arrays = collect::collect(tree, place == ArrayPlace::Npz, scratch)?;
    let by_file = place == ArrayPlace::Files;
    let key = tree_key::tree_key(tree);
    let images = assemble::assemble(tree.root(), arrays, by_file, key)?;
    Ok(Some(Box::new(images)))
}

/// Returns the images of the array in the `.npy` file `path`.
///
/// # Errors
/// The array is damaged, or its values are no images.
pub fn find_in_file(path: &Path, file: Bytes) -> Result<Box<dyn ImageSource>> {
    let key = tree_key::tree_key(&PlainFiles::of_file(path));
    let arrays = vec![collect::single(path, file)?];
    Ok(Box::new(assemble::assemble(path, arrays, false, key)?))
}

/// Returns whether a file of `tree` is an image by its ending.
pub fn has_image_files(tree: &dyn FileTree) -> bool {
    has_ending(tree, &IMAGE_FILES)
}

/// Returns whether a file of `tree` has one of the endings.
fn has_ending(tree: &dyn FileTree, endings: &[&str]) -> bool {
    tree.files().iter().any(|file| {
        let ending = file.path.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| endings.contains(&&*ending.to_lowercase()))
    })
}
