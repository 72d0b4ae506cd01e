//! The masks of an anomaly data set, which mark the defects of images.

use std::collections::HashSet;

use super::arrangement::Found;
use super::folder_names::{MASKS, is_one_of};
use crate::data::image_file::stem;
use crate::data::images::file_tree::FileTree;
use crate::error::{Error, Result};

/// The endings that names of masks have beside those of their images.
const SUFFIXES: [&str; 3] = ["_mask", "_gt", ""];

/// Checks that every mask belongs to an image: one of the same name, in a folder of the same name (`crack/3_mask.png`
/// and `crack/3.jpg`).
///
/// # Errors
/// Returns an error that names the first mask without an image.
pub fn check(tree: &dyn FileTree, masks: &[Found], images: &[Found]) -> Result<()> {
    let key = |found: &Found| {
        let folder = found.folders.last().copied().unwrap_or_default();
        (folder.to_owned(), stem(found.path).to_owned())
    };
    let known: HashSet<(String, String)> = images.iter().map(key).collect();
    let names: HashSet<&str> = images.iter().map(|found| stem(found.path)).collect();
    let is_known = |mask: &&Found| {
        let (folder, name) = key(mask);
        SUFFIXES.iter().any(|suffix| {
            let Some(name) = name.strip_suffix(suffix) else {
                return false;
            };
            known.contains(&(folder.clone(), name.to_owned()))
                || is_one_of(&folder, &MASKS) && names.contains(name)
        })
    };
    match masks.iter().find(|mask| !is_known(mask)) {
        None => Ok(()),
        Some(mask) => Err(Error::file(
            tree.full_path(mask.file),
            "a mask without an image of its name",
        )
        .with_hint(
            "a mask is called as its image is, with `_mask` behind it, and lies in a folder of the same name: test/crack/3.png and ground_truth/crack/3_mask.png",
        )),
    }
}
