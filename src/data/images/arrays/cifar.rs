//! CIFAR-10 and CIFAR-100 in their binary version: one or two bytes of labels and 3 x 32 x 32 bytes an image
//! (Krizhevsky 2009).

use super::array_images::{ArrayImages, ImageArray};
use super::layout::ImageLayout;
use super::levels::Levels;
use super::stored_array::StoredArray;
use crate::data::SplitName;
use crate::data::bytes::Bytes;
use crate::data::fault::DAMAGED;
use crate::data::images::archive::Container;
use crate::data::images::scratch::Scratch;
use crate::data::images::tree_key::tree_key;
use crate::data::npy::{Dtype, DtypeKind};
use crate::error::{Error, Result};
use crate::files;

const SIDE: usize = 32;
const VALUES: usize = 3 * SIDE * SIDE;

/// Returns the images of CIFAR's files in `tree`; `None` if it holds other files.
///
/// # Errors
/// A file is damaged.
pub fn find(tree: &dyn Container, scratch: &Scratch) -> Result<Option<ArrayImages>> {
    let named = |name: &str| {
        let files = tree.files().iter();
        files.clone().position(|file| file.path == name)
    };
    let hundred = named("train.bin").is_some()
        && named("test.bin").is_some()
        && named("fine_label_names.txt").is_some();
    let mut parts = Vec::new();
    for (index, file) in tree.files().iter().enumerate() {
        let split = match &*file.path {
            "train.bin" if hundred => SplitName::Train,
            "test.bin" if hundred => SplitName::Test,
            "test_batch.bin" => SplitName::Test,
            name if is_training_batch(name) => SplitName::Train,
            _ => continue,
        };
        parts.push((index, split));
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let names = ["fine_label_names.txt", "batches.meta.txt"].map(named);
    let names = match names.into_iter().flatten().next() {
        Some(index) => class_names(&tree.read(index)?),
        None => Vec::new(),
    };
    let label_bytes = if hundred { 2 } else { 1 };
    let read = |(index, split)| read(tree, index, split, label_bytes, &names, scratch);
    let arrays = parts.into_iter().map(read).collect::<Result<_>>()?;
    Ok(Some(ArrayImages::new(arrays, tree_key(tree))))
}

fn is_training_batch(name: &str) -> bool {
    let number = name
        .strip_prefix("data_batch_")
        .and_then(|rest| rest.strip_suffix(".bin"));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn class_names(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn read(
    tree: &dyn Container,
    index: usize,
    split: SplitName,
    label_bytes: usize,
    names: &[String],
    scratch: &Scratch,
) -> Result<ImageArray> {
    let path = tree.full_path(index);
    let values: Bytes = tree.open(index, scratch)?;
    let record = label_bytes + VALUES;
    let length = values.length();
    if length == 0 || !length.is_multiple_of(record as u64) {
        let what = format!(
            "expected images of {record} bytes each, as in CIFAR's binary version, found {length} bytes"
        );
        return Err(Error::file(path, what).with_hint(DAMAGED));
    }
    let count = (length / record as u64) as usize;
    let class = |place: usize| {
        let mut label = [0];
        // The fine label is the last.
        let at = place * record + label_bytes - 1;
        values.read_at(at as u64, &mut label)?;
        let name = names.get(usize::from(label[0])).cloned();
        Ok(name.unwrap_or_else(|| label[0].to_string()))
    };
    let classes: std::io::Result<Vec<String>> = (0..count).map(class).collect();
    let classes = classes.map_err(|error| files::unreadable(&path, &error))?;
    Ok(ImageArray {
        array: StoredArray {
            name: tree.files()[index].path.clone(),
            path,
            shape: vec![count, record],
            dtype: Dtype {
                kind: DtypeKind::Unsigned,
                size: 1,
                is_big_endian: false,
            },
            values,
        },
        layout: ImageLayout {
            count,
            height: SIDE,
            width: SIDE,
            channels: 3,
            has_planes: true,
            before: label_bytes,
            step: record,
        },
        levels: Levels::Eight,
        split: Some(split),
        classes: Some(classes),
    })
}
