//! Checks that a person's images are enough to train on, and the errors if they are not.

use std::path::Path;

use super::cache::FittedSet;
use super::image_source::ImageSource;
use super::settings::Broken;
use super::splitting::Division;
use crate::data::image_file::{FORMATS, ending};
use crate::error::{Error, Result, shell_word};
use crate::files::folder_of;
use crate::words::counted;

/// The fewest images that a model can be trained on and tested on.
const FEWEST: usize = 20;

/// Broken images that are an error, unless they are to be skipped: more than this many, and more than one in a hundred.
const MOST_BROKEN: usize = 10;

/// Checks the number of images before they are read.
///
/// # Errors
/// Returns an error if there are too few.
pub fn check_count(root: &Path, count: usize) -> Result<()> {
    if count < FEWEST {
        return Err(too_few(root, count, ""));
    }
    Ok(())
}

/// Checks the number of broken images.
///
/// # Errors
/// Returns an error if there are too many, or too few others.
pub fn check_broken(broken: Broken, root: &Path, set: &FittedSet) -> Result<()> {
    let (good, skipped) = (set.index.images.len(), &set.index.skipped);
    if broken == Broken::Stop
        && skipped.len() > MOST_BROKEN
        && 100 * skipped.len() > good + skipped.len()
    {
        let first = &skipped[0];
        return Err(Error::file(
            root,
            format!(
                "{} of {} images cannot be read; the first one: {}: {}",
                skipped.len(),
                good + skipped.len(),
                first.name,
                first.reason
            ),
        )
        .with_hint("mend or remove them, or leave them out by `--set data.images.broken=skip`"));
    }
    if good < FEWEST {
        return Err(too_few(root, good, "readable "));
    }
    Ok(())
}

/// Checks that there are images to train on and to test on.
///
/// # Errors
/// Returns an error if there are none of either.
pub fn check_division(root: &Path, division: &Division) -> Result<()> {
    if division.by_hash && division.train.is_empty() {
        return Err(Error::file(
            root,
            "all images are equal, so that none is left to test on",
        )
        .with_hint("expected different images, or groups of images, to train on and to test on"));
    }
    if division.train.is_empty() || division.test.is_empty() {
        return Err(Error::file(
            root,
            format!(
                "{} to train on and {} to test on; expected at least one of each",
                counted(division.train.len(), "image"),
                division.test.len()
            ),
        )
        .with_hint("the splits are those of the folders or the table: name images of both"));
    }
    Ok(())
}

/// Returns the error for a file that is no place of images.
pub fn no_source(root: &Path) -> Error {
    let what = "neither a folder of images nor an archive or arrays of them";
    let kind = ending(&root.to_string_lossy());
    Error::file(root, what).with_hint(if ["csv", "tsv", "jsonl"].contains(&kind.as_str()) {
        format!(
            "a table of images is found in their folder: name that, {}",
            shell_word(folder_of(root))
        )
    } else {
        "`--data` takes a folder, a .zip or .tar of one, a .npy or a .npz file".to_owned()
    })
}

/// Returns the error for a set without a readable image, with the reason of the first image.
pub fn no_readable(images: &dyn ImageSource, root: &Path) -> Error {
    let count = images.entries().len();
    let first = images.decode(0).err();
    let reason = first
        .as_ref()
        .map_or_else(String::new, |error| format!("; the first one: {error}"));
    let hint = first.as_ref().and_then(Error::hint).unwrap_or(FORMATS);
    Error::file(
        root,
        format!("none of the {count} images can be read{reason}"),
    )
    .with_hint(hint)
}

fn too_few(root: &Path, count: usize, kind: &str) -> Error {
    let found = counted(count, &format!("{kind}image"));
    Error::file(
        root,
        format!(
            "{found}; expected at least {FEWEST}, and hundreds for a useful model"
        ),
    )
    .with_hint("`vae reconstruct` and the other commands take a few images of yours as arguments; a training needs more")
}
