//! Which of several arrays are the images, and which are their labels.

use super::array_images::{ArrayImages, ImageArray};
use super::collect::NamedArray;
use super::factors::factors;
use super::labels::classes;
use super::layout::ImageLayout;
use super::levels::{Levels, ValueRange};
use super::roles::{ArrayRole, class_of};
use crate::error::{Error, Result};
use std::path::Path;

/// The largest number of images: the name of each is kept in memory.
const MOST_IMAGES: usize = 10_000_000;

/// The hint where the names do not say what is what.
const NAME_THEM: &str = "name them: `numpy.savez(\"new.npz\", train_images=..., train_labels=..., test_images=..., test_labels=...)`";

/// Returns the images of `arrays`, which are all at `place`. With `classes_by_file`, arrays that no name tells apart are a class
/// each. `key` differs if a file does.
///
/// # Errors
/// There are no images, the names do not say which, or the values are no grey levels.
pub fn assemble(
    place: &Path,
    arrays: Vec<NamedArray>,
    classes_by_file: bool,
    key: Vec<u8>,
) -> Result<ArrayImages> {
    let (images, others) = divided(arrays);
    if images.is_empty() {
        return Err(no_images(place, &others));
    }
    let one_a_class = classes_by_file
        && images.len() > 1
        && images
            .iter()
            .all(|array| array.parts.role == ArrayRole::Unknown && array.parts.split.is_none());
    if !one_a_class {
        check_splits(place, &images)?;
    }
    let (levels, mut notes) = levels(&images)?;
    let (mut parts, mut count) = (Vec::new(), 0_usize);
    for (named, levels) in images.iter().zip(levels) {
        let layout = ImageLayout::of_array(&named.array)?;
        count = layout.count.saturating_add(count);
        if count > MOST_IMAGES {
            let what = format!("expected at most {MOST_IMAGES} images, found {count}");
            return Err(named
                .array
                .error(what, "take a part of them: `array[:1000000]`"));
        }
        let classes = if one_a_class {
            Some(vec![class_of(&named.stem).to_owned(); layout.count])
        } else {
            labels(named, &others, layout.count, &mut notes)?
        };
        parts.push(ImageArray {
            array: named.array.clone(),
            layout,
            levels,
            split: named.parts.split,
            classes,
        });
    }
    let known = match (&parts[..], of_role(&others, ArrayRole::Factors).next()) {
        ([only], Some(table)) => match factors(&table.array, only.layout.count)? {
            Ok(factors) => Some(factors),
            Err(why) => {
                notes.push(format!("no factors: {why}"));
                None
            }
        },
        _ => None,
    };
    let left_out: Vec<String> = of_role(&others, ArrayRole::Unknown)
        .map(|other| format!("{}, {}", other.array.name, other.array.described()))
        .collect();
    if !left_out.is_empty() {
        notes.push(format!("not used: {}", left_out.join("; ")));
    }
    let mut all = ArrayImages::new(parts, key);
    all.notes = notes;
    all.factors = known;
    Ok(all)
}

/// Returns the arrays of images and all others. Where no name says "images", the shapes do.
fn divided(arrays: Vec<NamedArray>) -> (Vec<NamedArray>, Vec<NamedArray>) {
    let is_named = arrays
        .iter()
        .any(|array| array.parts.role == ArrayRole::Images);
    arrays
        .into_iter()
        .partition(|named| match named.parts.role {
            ArrayRole::Images => true,
            ArrayRole::Unknown => {
                !is_named
                    && named.array.dtype.is_number()
                    && ImageLayout::of(&named.array.shape).is_some()
            }
            _ => false,
        })
}

fn of_role(arrays: &[NamedArray], role: ArrayRole) -> impl Iterator<Item = &NamedArray> {
    arrays.iter().filter(move |array| array.parts.role == role)
}

fn no_images(place: &Path, arrays: &[NamedArray]) -> Error {
    // One array was meant, whatever it is called: its shape is what is wrong.
    if let [only] = arrays
        && only.parts.role == ArrayRole::Unknown
        && let Err(error) = ImageLayout::of_array(&only.array)
    {
        return error;
    }
    let what = format!("has no array of images; it holds {}", listed(arrays));
    Error::file(place, what).with_hint(NAME_THEM)
}

fn listed(arrays: &[NamedArray]) -> String {
    let described =
        |named: &NamedArray| format!("{}, {}", named.array.name, named.array.described());
    let mut all: Vec<String> = arrays.iter().take(8).map(described).collect();
    if arrays.len() > all.len() {
        all.push("...".to_owned());
    }
    if all.is_empty() {
        return "none".to_owned();
    }
    all.join("; ")
}

/// Checks that no two arrays are the images of one split.
fn check_splits(place: &Path, images: &[NamedArray]) -> Result<()> {
    let same = |a: &NamedArray, b: &NamedArray| a.parts.split == b.parts.split;
    let twice = images
        .iter()
        .enumerate()
        .any(|(number, a)| images[..number].iter().any(|b| same(a, b)));
    if !twice {
        return Ok(());
    }
    let what = format!("several arrays may be the images: {}", listed(images));
    Err(Error::file(place, what).with_hint(NAME_THEM))
}

/// Returns what the values of each array mean. Arrays of one type belong together, so that few images of a kind do not
/// change the scale of that kind. Returns a note as well for each meaning that is not plain.
fn levels(images: &[NamedArray]) -> Result<(Vec<Levels>, Vec<String>)> {
    let mut ranges = Vec::new();
    for named in images {
        if !named.array.dtype.is_number() {
            let what = format!("expected numbers, found text: {}", named.array.described());
            return Err(named.array.error(what, NAME_THEM));
        }
        ranges.push(ValueRange::of(&named.array)?);
    }
    let (mut levels, mut notes) = (Vec::new(), Vec::new());
    for (named, own) in images.iter().zip(&ranges) {
        let alike = images
            .iter()
            .zip(&ranges)
            .filter(|(other, _)| other.array.dtype == named.array.dtype)
            .map(|(_, range)| *range);
        let range = alike.fold(*own, ValueRange::joined);
        let meaning = Levels::of(&named.array, range)?;
        levels.push(meaning);
        notes.extend(
            meaning
                .note(named.array.dtype, range)
                .filter(|note| !notes.contains(note)),
        );
    }
    Ok((levels, notes))
}

/// Returns the classes of the images in `named`; a reason why there are none becomes a note.
fn labels(
    named: &NamedArray,
    others: &[NamedArray],
    count: usize,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<String>>> {
    let mut fitting =
        of_role(others, ArrayRole::Labels).filter(|labels| labels.parts.split == named.parts.split);
    let Some(labels) = fitting.next() else {
        return Ok(None);
    };
    if let Some(second) = fitting.next() {
        notes.push(format!(
            "no classes: both {} and {} may be the labels of {}",
            labels.array.name, second.array.name, named.array.name
        ));
        return Ok(None);
    }
    match classes(&labels.array, count, &named.array.name)? {
        Ok(classes) => Ok(Some(classes)),
        Err(why) => {
            notes.push(format!("no classes: {why}"));
            Ok(None)
        }
    }
}
