//! The two ends of an interpolation: classes, test images or image files.

use std::path::{Path, PathBuf};

use crate::cli::figure_context::class_named;
use crate::cli::images::{encoded, image_files};
use crate::cli::loaded_model::LoadedModel;
use crate::data::{Batch, Dataset};
use crate::error::{Error, Result};
use crate::model::{nearest_to_mean, rows};

/// The images at one end of an interpolation, each with its latent.
pub struct End {
    /// The images, `[rows][P]`, in [0, 1].
    pub images: Vec<Vec<f32>>,
    /// The posterior means, `[rows][D]`.
    pub latents: Vec<Vec<f32>>,
}

/// The images that `--from` or `--to` names.
pub enum Named {
    Class(u32),
    Index(u32),
    File(PathBuf),
}

impl Named {
    /// Returns the class of the named images, or `None` if it is not known.
    pub fn class(&self, dataset: Option<&Dataset>) -> Option<u32> {
        match self {
            Self::Class(class) => Some(*class),
            Self::Index(index) => dataset?.test.labels.as_ref()?.get(*index as usize).copied(),
            Self::File(_) => None,
        }
    }
}

/// Reads `--from` or `--to`.
///
/// # Errors
/// Returns an error if the text is neither a class nor a test image nor a file.
pub fn named(flag: &str, text: &str, classes: &[String]) -> Result<Named> {
    if let Some(index) = text.strip_prefix('#') {
        let index = index.parse().map_err(|_| {
            Error::request(format!("{flag} {text}: expected a number after `#`"))
                .with_hint("for instance `#12`")
        })?;
        return Ok(Named::Index(index));
    }
    if let Some(class) = class_named(classes, text) {
        return Ok(Named::Class(class));
    }
    if Path::new(text).is_file() {
        return Ok(Named::File(PathBuf::from(text)));
    }
    let error = Error::request(format!("{flag} {text}: no such class, and no such file"));
    Err(error.with_hint(if classes.is_empty() {
        "this run's data has no labels, so no class can be named: pass `#12` for a test image, or an image file"
            .into()
    } else {
        format!("the classes are {}; or pass `#12` for a test image, or an image file", classes.join(", "))
    }))
}

/// Returns one end of the interpolation, with at most `rows` images. `class` is used for images of unknown class.
pub fn end(
    model: &LoadedModel,
    dataset: Option<&Dataset>,
    flag: &str,
    named: &Named,
    rows: usize,
    class: Option<u32>,
) -> Result<End> {
    match (named, dataset) {
        (Named::File(path), _) => {
            let images = image_files(std::slice::from_ref(path), path, &model.fit())?;
            let images = class
                .into_iter()
                .fold(images, |images, class| images.with_labels(vec![class]));
            End::new(model, model.read(&images, &[0])?)
        }
        (Named::Index(index), Some(dataset)) => {
            if *index as usize >= dataset.test.len() {
                let last = dataset.test.len() - 1;
                return Err(Error::request(format!(
                    "{flag} #{index}: the test images are numbered #0 to #{last}"
                )));
            }
            End::new(model, model.read(&dataset.test, &[*index])?)
        }
        (Named::Class(class), Some(dataset)) => {
            let typical = typical(model, dataset, *class, rows)?;
            if typical.is_empty() {
                let name = &model.card.classes[*class as usize];
                return Err(Error::request(format!(
                    "{flag} {name}: the test set has no image of this class"
                )));
            }
            End::new(model, model.read(&dataset.test, &typical)?)
        }
        (_, None) => Err(Error::failed(format!(
            "{flag}: the data set was not loaded"
        ))),
    }
}

/// Returns the test images of a class whose latents are nearest to the class's mean, in order of distance.
fn typical(model: &LoadedModel, dataset: &Dataset, class: u32, count: usize) -> Result<Vec<u32>> {
    let members = dataset.test.members(class);
    let latents = encoded(model, &dataset.test, &members)?;
    Ok(nearest_to_mean(&latents)
        .into_iter()
        .take(count)
        .map(|index| members[index])
        .collect())
}

impl End {
    fn new(model: &LoadedModel, batch: Batch) -> Result<Self> {
        let images = rows(batch.x.clone());
        let latents = rows(model.vae.encode(batch.x, batch.labels).mean);
        model.check_finite(&latents)?;
        Ok(Self { images, latents })
    }

    /// Returns the same end with `rows` images, which repeats a single image.
    pub fn repeated(mut self, rows: usize) -> Self {
        if self.latents.len() == 1 {
            self.images = vec![self.images.remove(0); rows];
            self.latents = vec![self.latents.remove(0); rows];
        }
        self.images.truncate(rows);
        self.latents.truncate(rows);
        self
    }
}
