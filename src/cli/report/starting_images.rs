//! The test images of a page, as the model sees them.

use crate::cli::images::{AT_A_TIME, rasters};
use crate::cli::loaded_model::LoadedModel;
use crate::data::{Choice, Dataset, Part, Split};
use crate::error::{Error, Result};
use crate::figure::sprite::Sprite;
use crate::figure::{Raster, encode_small};
use crate::model::rows;
use crate::report::page::PageImages;
use crate::ui;

/// The number of images unless `--images` names another.
const USUAL: usize = 400;

/// The most images. A page with more would take seconds to draw its points.
const MOST: usize = 5000;

/// The most values of all images together. They become a PNG of up to some megabytes.
const MOST_VALUES: usize = 5_000_000;

/// Images with their latents and classes.
pub struct StartingImages {
    pub images: Vec<Raster>,
    /// `[N][D]`: their posterior means.
    pub latents: Vec<Vec<f32>>,
    pub labels: Option<Vec<u32>>,
}

/// Returns the number of images that a page shows, where `--images` asks for `wanted`.
///
/// # Errors
/// Returns an error if `wanted` images of this shape would make the page too large.
pub fn count_of_images(wanted: Option<usize>, shape: [usize; 3]) -> Result<usize> {
    let most = (MOST_VALUES / shape.iter().product::<usize>()).clamp(16, MOST);
    let Some(wanted) = wanted else {
        return Ok(USUAL.min(most));
    };
    if wanted > most {
        let [channels, height, width] = shape;
        return Err(Error::request(format!(
            "--images {wanted}: expected at most {most} images of {channels}x{height}x{width} in a page"
        )));
    }
    Ok(wanted)
}

impl StartingImages {
    /// Reads test images at random, the same ones every time, and encodes them. What is encoded is what the page shows:
    /// values rounded to bytes.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if a latent is not finite.
    pub fn read(model: &LoadedModel, dataset: &Dataset, count: usize) -> Result<Self> {
        let part = Part::new(&dataset.test, Choice::AtRandom(count));
        let mut images = Vec::new();
        for ids in part.ids.chunks(AT_A_TIME) {
            let batch = model.read(&dataset.test, ids)?;
            images.extend(rasters(&model.vae, &rows(batch.x))?);
        }
        let labels = part.labels();
        let pixels = images.iter().flat_map(|image| &image.pixels);
        let mut shown = Split::in_memory(pixels.copied().collect(), dataset.test.shape);
        if let Some(labels) = &labels {
            shown = shown.with_labels(labels.clone());
        }
        let bar = ui::image_bar("encoding", images.len());
        let ids = shown.first_ids(images.len());
        let latents = model.latents(&shown, &ids, |seen| bar.set_position(seen as u64));
        bar.finish_and_clear();
        Ok(Self {
            images,
            latents: latents?,
            labels,
        })
    }

    /// Returns the images as the page holds them; `None` if there are none.
    ///
    /// # Errors
    /// Returns an error if the PNG cannot be made.
    pub fn on_page(&self) -> Result<Option<PageImages>> {
        let Some(first) = self.images.first() else {
            return Ok(None);
        };
        let image = |index: usize| Ok(self.images[index].clone());
        let sprite = Sprite::draw(self.images.len(), first.shape, image)?;
        Ok(Some(PageImages {
            latents: self.latents.clone(),
            labels: self.labels.clone(),
            png: encode_small(&sprite.image)?,
            cell: sprite.cell,
            columns: sprite.columns,
        }))
    }

    /// Returns the class of each image; 0 where classes are not known.
    pub fn classes(&self) -> Vec<u32> {
        let labels = self.labels.clone();
        labels.unwrap_or_else(|| vec![0; self.images.len()])
    }
}
