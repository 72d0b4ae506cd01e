//! Recognises how a person's image files are laid out, and so which split and which class each of them belongs to.

use std::collections::HashMap;

use super::file_tree::FileTree;
use super::image_source::ImageEntry;
use crate::data::image_file::{FORMATS, FileKind, ending};
use crate::error::{Error, Result};

mod arrangement;
mod folder_names;
mod masks;
mod table;

use arrangement::Found;
pub use arrangement::{ArrangeOptions, Arrangement, LabelsFrom, Layout};
use folder_names::{ABNORMAL, MASKS, NORMAL, class_name, is_one_of, split_of};
pub use folder_names::{is_normal, tells_abnormal_apart};

/// Recognises the layout of the image files in `tree`, or takes that of `options`.
///
/// # Errors
/// Returns an error if there is no image file, or if the files do not have the layout that is wanted.
pub fn arrange(tree: &dyn FileTree, options: ArrangeOptions) -> Result<Arrangement> {
    let ArrangeOptions {
        layout: wanted,
        labels,
        skips_missing,
    } = options;
    let found = image_files(tree);
    if found.is_empty() {
        return Err(without_images(tree));
    }
    let tables = match wanted {
        Layout::Auto | Layout::Table => table::candidates(tree)?,
        _ => Vec::new(),
    };
    let (masks, images): (Vec<_>, Vec<_>) = found.into_iter().partition(is_mask);
    masks::check(tree, &masks, &images)?;
    let folders = |test: &dyn Fn(&str) -> bool| {
        images
            .iter()
            .all(|found| found.folders.first().is_some_and(|name| test(name)))
    };
    let is_split = |name: &str| split_of(name).is_some();
    let has = |names: &[&str]| {
        images.iter().any(|found| {
            found
                .folders
                .first()
                .is_some_and(|name| is_one_of(name, names))
        })
    };
    let tops = top_folders(&images);
    let layout = match wanted {
        Layout::Auto if !tables.is_empty() => Layout::Table,
        Layout::Auto if folders(&is_split) => Layout::Splits,
        Layout::Auto
            if has(&NORMAL)
                && has(&ABNORMAL)
                && folders(&|name| is_one_of(name, &NORMAL) || is_one_of(name, &ABNORMAL)) =>
        {
            Layout::Anomaly
        }
        Layout::Auto if tops.len() > 1 && folders(&|_| true) => Layout::Classes,
        Layout::Auto => Layout::Flat,
        wanted => wanted,
    };
    let refuse = |what: &str, hint: &str| {
        Err(Error::file(tree.root(), what)
            .with_hint(format!("{hint}, or leave `layout` out: it is recognised")))
    };
    match layout {
        Layout::Table => return table::arrange(tree, &tables, &images, skips_missing),
        Layout::Splits if !folders(&is_split) => {
            return refuse(
                "layout is \"splits\", and an image lies outside of the folders train, validation and test",
                "move the images into such folders",
            );
        }
        Layout::Anomaly if !has(&NORMAL) => {
            return refuse(
                "layout is \"anomaly\", and there is no folder of normal images",
                "call their folder `normal` or `good`",
            );
        }
        Layout::Classes if !folders(&|_| true) => {
            return refuse(
                "layout is \"classes\", and an image lies in no folder",
                "move the images into folders, one for each class",
            );
        }
        _ => {}
    }
    let mut arrangement = Arrangement {
        layout,
        entries: Vec::new(),
        files: Vec::new(),
        has_defects: !masks.is_empty(),
        missing: Vec::new(),
        notes: Vec::new(),
    };
    if wanted == Layout::Auto {
        arrangement.notes.extend(table::unused(tree));
    }
    for found in &images {
        let (split, folders) = match layout {
            Layout::Splits => (
                found.folders.first().and_then(|name| split_of(name)),
                &found.folders[1..],
            ),
            Layout::Anomaly if !is_one_of(found.folders.first().unwrap_or(&""), &NORMAL) => {
                (Some(crate::data::SplitName::Test), &found.folders[..])
            }
            _ => (None, &found.folders[..]),
        };
        let class = match layout {
            Layout::Flat => None,
            _ => class_name(folders, labels),
        };
        arrangement.files.push(found.file);
        arrangement.entries.push(ImageEntry {
            name: found.path.to_owned(),
            split,
            class,
        });
    }
    arrangement.has_defects |= tells_abnormal_apart(&arrangement.entries);
    if layout == Layout::Flat && wanted == Layout::Auto && !tops.is_empty() {
        arrangement.notes.push(format!(
            "images lie in folders and outside of them, so that folders name no classes ({})",
            tops.join(", ")
        ));
    }
    Ok(arrangement)
}

/// Returns the file of the mask of each image of a tree that has one, by the path of the image.
pub fn masks_of(tree: &dyn FileTree) -> HashMap<String, usize> {
    let (masks, images): (Vec<_>, Vec<_>) = image_files(tree).into_iter().partition(is_mask);
    masks::pairs(&masks, &images)
}

fn is_mask(found: &Found) -> bool {
    found.folders.iter().any(|name| is_one_of(name, &MASKS))
}

/// Returns the image files of a tree. A folder that holds all others is passed over.
fn image_files(tree: &dyn FileTree) -> Vec<Found<'_>> {
    let mut found: Vec<Found> = tree
        .files()
        .iter()
        .enumerate()
        .filter(|(_, entry)| FileKind::of(&entry.path) != FileKind::Other)
        .map(|(file, entry)| {
            let mut folders: Vec<&str> = entry.path.split('/').collect();
            folders.pop();
            Found {
                file,
                path: &entry.path,
                folders,
            }
        })
        .collect();
    while let Some(&top) = found.first().and_then(|found| found.folders.first())
        && split_of(top).is_none()
        && found
            .iter()
            .all(|found| found.folders.first() == Some(&top))
    {
        for found in &mut found {
            found.folders.remove(0);
        }
    }
    found
}

/// Returns the names of the uppermost folders, each once.
fn top_folders<'a>(images: &[Found<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = images
        .iter()
        .filter_map(|found| found.folders.first().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the error for a folder without images, which says what was found instead.
fn without_images(tree: &dyn FileTree) -> Error {
    let mut endings: Vec<String> = tree
        .files()
        .iter()
        .map(|entry| ending(&entry.path))
        .collect();
    endings.sort_unstable();
    let mut kinds = Vec::new();
    for same in endings.chunk_by(|a, b| a == b) {
        let name = if same[0].is_empty() {
            "without an ending".to_owned()
        } else {
            format!(".{}", same[0])
        };
        kinds.push((same.len(), name));
    }
    kinds.sort_by(|a, b| b.cmp(a));
    let kinds: Vec<String> = kinds
        .iter()
        .take(5)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let what = match kinds.is_empty() {
        true => "expected images, found no files".to_owned(),
        false => format!("expected images, found {}", kinds.join(", ")),
    };
    Error::file(tree.root(), what).with_hint(FORMATS)
}
