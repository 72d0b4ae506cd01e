//! The arrays in the files of a folder or an archive.

use std::path::Path;

use super::roles::{ArrayRole, NameParts};
use super::stored_array::StoredArray;
use crate::data::bytes::Bytes;
use crate::data::images::archive::{Container, ZipTree};
use crate::data::images::scratch::{IN_MEMORY, Scratch};
use crate::error::Result;

/// An array, and what its name says.
#[derive(Clone, Debug)]
pub struct NamedArray {
    /// The name without the ending of the file: `cat`, `train_images`.
    pub stem: String,
    pub parts: NameParts,
    pub array: StoredArray,
}

/// Reads the headers of all arrays in the `.npy` and `.npz` files of `tree`. `is_npz` says whether the tree is itself a
/// `.npz`, whose arrays are named without an ending.
///
/// # Errors
/// A file is damaged, or holds values that are not read. A file whose name says that it is not needed is not looked at.
pub fn collect(tree: &dyn Container, is_npz: bool, scratch: &Scratch) -> Result<Vec<NamedArray>> {
    let mut found = Vec::new();
    for (index, file) in tree.files().iter().enumerate() {
        let last = file.path.rsplit('/').next().unwrap_or(&file.path);
        let Some((stem, ending)) = last.rsplit_once('.') else {
            continue;
        };
        let path = tree.full_path(index);
        match &*ending.to_lowercase() {
            "npy" => {
                let parts = NameParts::of(stem);
                if parts.role == ArrayRole::Unneeded {
                    continue;
                }
                let name = if is_npz { stem } else { last };
                let path = if is_npz { tree.root().join(stem) } else { path };
                let values = tree.open(index, scratch)?;
                found.push(NamedArray {
                    stem: stem.to_owned(),
                    parts,
                    array: StoredArray::new(name.to_owned(), path, values, IN_MEMORY)?,
                });
            }
            // Not within another, or an archive that holds itself would never end.
            "npz" if !is_npz => found.extend(inner(tree, index, stem, &path, scratch)?),
            _ => {}
        }
    }
    Ok(found)
}

/// Returns the array in the `.npy` file `path`, whatever the ending of its name.
///
/// # Errors
/// It is damaged, or holds values that are not read.
pub fn single(path: &Path, file: Bytes) -> Result<NamedArray> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(NamedArray {
        stem: stem.into_owned(),
        // Alone it can only be the images.
        parts: NameParts {
            split: None,
            role: ArrayRole::Images,
        },
        array: StoredArray::new(name.into_owned(), path.to_owned(), file, IN_MEMORY)?,
    })
}

/// Reads the arrays of the `.npz` file `index` of `tree`. A single array has the name of the file, as in KMNIST.
fn inner(
    tree: &dyn Container,
    index: usize,
    stem: &str,
    path: &Path,
    scratch: &Scratch,
) -> Result<Vec<NamedArray>> {
    let bytes = tree.open(index, scratch)?;
    let zip = ZipTree::new(path, bytes, tree.files()[index].modified)?;
    let mut arrays = collect(&zip, true, scratch)?;
    if let [only] = &mut arrays[..] {
        only.stem = stem.to_owned();
        only.parts = NameParts::of(stem);
        only.array.name = tree.files()[index].path.clone();
    }
    Ok(arrays)
}
