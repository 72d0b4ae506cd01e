//! The classes of a person's images.

use std::collections::HashMap;
use std::path::Path;

use super::fitting::FittedImage;
use super::image_source::ImageEntry;
use super::natural_order;
use crate::error::{Error, Result};

/// The classes of the images.
#[derive(Debug, Default)]
pub struct ImageClasses {
    /// In the order that a person expects: 2 before 10.
    pub names: Vec<String>,
    /// The number of each entry's class; `None` without classes.
    pub numbers: Option<Vec<u32>>,
}

/// Returns the classes of the entries that were fitted. There are none if an image has no class, or if all have the same.
///
/// # Errors
/// Returns an error if two classes' names differ in case or spaces alone: they are one class, or their names should differ
/// more.
pub fn classes(
    root: &Path,
    entries: &[ImageEntry],
    images: &[FittedImage],
) -> Result<ImageClasses> {
    let named: Option<Vec<&str>> = images
        .iter()
        .map(|image| entries[image.entry].class.as_deref())
        .collect();
    let Some(mut names) = named else {
        return Ok(ImageClasses::default());
    };
    names.sort_unstable_by(|a, b| natural_order::compare(a, b));
    names.dedup();
    if names.len() < 2 {
        return Ok(ImageClasses::default());
    }
    let mut same: HashMap<String, &str> = HashMap::new();
    for &name in &names {
        let key: String = name.to_lowercase().split_whitespace().collect();
        if let Some(other) = same.insert(key, name) {
            return Err(Error::file(
                root,
                format!("the classes `{other}` and `{name}` differ in case or spaces alone"),
            )
            .with_hint("give them one name, or names that differ"));
        }
    }
    let number: HashMap<&str, u32> = (0..).zip(&names).map(|(i, &name)| (name, i)).collect();
    let of = |entry: &ImageEntry| {
        let class = entry.class.as_deref().and_then(|name| number.get(name));
        // Entries that were not fitted have no part in any split.
        class.copied().unwrap_or_default()
    };
    Ok(ImageClasses {
        numbers: Some(entries.iter().map(of).collect()),
        names: names.into_iter().map(str::to_owned).collect(),
    })
}
