//! The masks of an anomaly data set, which mark the defects of images.

use std::collections::{HashMap, HashSet};

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

/// Returns the file of the mask of each image that has one, by the path of the image. Of several images that a mask may belong
/// to, it belongs to the one whose folders are most like its own.
pub fn pairs(masks: &[Found], images: &[Found]) -> HashMap<String, usize> {
    let mut named: HashMap<&str, Vec<&Found>> = HashMap::new();
    for image in images {
        named.entry(stem(image.path)).or_default().push(image);
    }
    let mut pairs = HashMap::new();
    for mask in masks {
        let name = stem(mask.path);
        let named = SUFFIXES.iter().filter_map(|suffix| {
            let images = named.get(name.strip_suffix(suffix)?)?;
            let common = |image: &&&Found| {
                let is_shared = |folder: &&&str| mask.folders.contains(*folder);
                image.folders.iter().filter(is_shared).count()
            };
            // The first one of several.
            images.iter().rev().max_by_key(common)
        });
        if let Some(image) = named.into_iter().next() {
            pairs.insert(image.path.to_owned(), mask.file);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_belongs_to_the_image_of_its_name_in_the_folders_that_are_most_like_its_own() {
        let paths = [
            "nut/test/bent/0.png",
            "nut/test/good/0.png",
            "screw/test/bent/0.png",
            "nut/ground_truth/bent/0_mask.png",
            "screw/ground_truth/bent/0_mask.png",
            "screw/ground_truth/bent/7_mask.png",
        ];
        let found = |file: usize| {
            let mut folders: Vec<&str> = paths[file].split('/').collect();
            folders.pop();
            Found {
                file,
                path: paths[file],
                folders,
            }
        };
        let images: Vec<Found> = (0..3).map(found).collect();
        let masks: Vec<Found> = (3..6).map(found).collect();
        let pairs = pairs(&masks, &images);
        assert_eq!(pairs.len(), 2);
        assert_eq!((pairs[paths[0]], pairs[paths[2]]), (3, 4));
    }
}
