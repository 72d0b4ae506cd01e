//! The class of each image, from an array of labels.

use super::stored_array::StoredArray;
use crate::error::Result;
use crate::files;

/// The names of the classes of all images, or the reason why the labels give none.
pub type LabelClasses = std::result::Result<Vec<String>, String>;

/// The hint where images and labels do not fit.
pub const SAME_SET: &str = "both have to come from one data set";

/// Reads the labels of `count` images in `images`. Numbers stay numbers: "3".
///
/// # Errors
/// The labels are of another number of images, or cannot be read.
pub fn classes(array: &StoredArray, count: usize, images: &str) -> Result<LabelClasses> {
    let found = array.shape.first().copied().unwrap_or_default();
    if found != count {
        let what =
            format!("expected {count} labels, one for each image in {images}, found {found}");
        return Err(array.error(what, SAME_SET));
    }
    let each: usize = array.shape[1..].iter().product();
    if each == 0 {
        return Ok(Err(format!("{}: it is empty", array.name)));
    }
    let bytes = array.values.clone().into_vec();
    let bytes = bytes.map_err(|error| files::unreadable(&array.path, &error))?;
    let dtype = array.dtype;
    if each == 1 && !dtype.is_number() {
        let texts = bytes
            .chunks_exact(dtype.size)
            .map(|bytes| dtype.text(bytes));
        return Ok(Ok(texts.collect()));
    }
    if !dtype.is_number() {
        return Ok(Err(format!(
            "{}: there are {each} labels for each image",
            array.name
        )));
    }
    let numbers = || {
        bytes
            .chunks_exact(dtype.size)
            .map(|bytes| dtype.number(bytes))
    };
    if let Some(other) = numbers().find(|number| number.fract() != 0.0) {
        let what = format!(
            "{}: they are no classes but numbers such as {other}",
            array.name
        );
        return Ok(Err(what));
    }
    if each == 1 {
        return Ok(Ok(numbers().map(|number| number.to_string()).collect()));
    }
    let all: Vec<f64> = numbers().collect();
    let one_hot =
        all.chunks_exact(each).map(
            |row| match row.iter().filter(|value| **value != 0.0).count() {
                1 => row.iter().position(|value| *value == 1.0),
                _ => None,
            },
        );
    match one_hot.collect::<Option<Vec<usize>>>() {
        Some(classes) => Ok(Ok(classes.iter().map(ToString::to_string).collect())),
        None => Ok(Err(format!(
            "{}: there are {each} labels for each image, of which several or none may hold",
            array.name
        ))),
    }
}
