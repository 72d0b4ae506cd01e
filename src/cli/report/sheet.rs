//! The sheet of test images above their reconstructions.

use image::RgbImage;

use super::starting_images::StartingImages;
use crate::cli::images::{below_each_other, rasters_of};
use crate::cli::loaded_model::LoadedModel;
use crate::data::Dataset;
use crate::error::Result;
use crate::model::decode_each;

/// The number of test images above their reconstructions, and the most in a row.
const RECONSTRUCTED: usize = 20;
const COLUMNS: usize = 10;

/// Returns a sheet of test images above their reconstructions, and their number.
///
/// # Errors
/// Returns an error if an image cannot be read, or if a value is not finite.
pub fn reconstruction_sheet(model: &LoadedModel, dataset: &Dataset) -> Result<(RgbImage, usize)> {
    let found = StartingImages::read(model, dataset, RECONSTRUCTED)?;
    let decoded = decode_each(&model.vae, &found.latents, &found.classes());
    let decoded = rasters_of(model, &decoded)?;
    let count = found.images.len();
    let kinds = [("image", found.images), ("decoded", decoded)];
    Ok((below_each_other(&kinds, COLUMNS), count))
}
