//! Sheets of images that a model decodes.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::draw::Format;
use super::loaded_model::LoadedModel;
use crate::check::count;
use crate::data::Split;
use crate::data::image_file::{self, Fit};
use crate::error::{Error, Result};
use crate::figure::Raster;
use crate::figure::sheet::Sheet;
use crate::model::Vae;
use crate::ui;

/// The number of images that go through a network together. It is small enough to keep a convolution's maps small.
pub const AT_A_TIME: usize = 250;

/// The most frames in an animation. More would take hundreds of megabytes of memory.
pub const MOST_FRAMES: usize = 200;

/// The fault of a model that decodes to numbers that are no pixels, for [`LoadedModel::broken`].
pub const BROKEN: &str = "images are NaN or infinite";

/// Checks `--steps`, the number of images from one end to the other. A GIF goes there and back.
pub fn check_steps(steps: usize, format: Format) -> Result<()> {
    if steps < 2 {
        return Err(Error::request(format!(
            "--steps is {steps}; expected at least 2, the two ends"
        )));
    }
    let most = match format {
        Format::Gif => MOST_FRAMES / 2,
        _ => 1000,
    };
    count("--steps", steps, most)
}

/// Returns the labels of values. They have one decimal, or up to four if neighbours would otherwise look the same.
pub fn labels(values: &[f32]) -> Vec<String> {
    let rounded = |decimals: i32| {
        let (scale, places) = (10_f32.powi(decimals), decimals as usize);
        // Adding zero turns -0 into 0.
        let label = |value: &f32| format!("{:.places$}", (value * scale).round() / scale + 0.0);
        values.iter().map(label).collect::<Vec<_>>()
    };
    let all_differ = |labels: &Vec<String>| labels.windows(2).all(|pair| pair[0] != pair[1]);
    (1..4)
        .map(rounded)
        .find(all_differ)
        .unwrap_or_else(|| rounded(4))
}

/// Returns a sheet with the images of several kinds below each other, each kind in one row or more of `columns` images.
pub fn below_each_other(kinds: &[(&str, Vec<Raster>)], columns: usize) -> RgbImage {
    let count = kinds.first().map_or(0, |(_, images)| images.len());
    let columns = columns.min(count).max(1);
    let mut cells = Vec::new();
    let mut labels = Vec::new();
    for first in (0..count).step_by(columns) {
        for (label, images) in kinds {
            let line = &images[first..(first + columns).min(count)];
            cells.extend_from_slice(line);
            // The last row must be full, or it would pull the next image up.
            let blank = Raster {
                pixels: vec![255; line[0].pixels.len()],
                ..line[0].clone()
            };
            cells.resize(cells.len().next_multiple_of(columns), blank);
            labels.push((*label).to_owned());
        }
    }
    Sheet {
        images: &cells,
        columns,
        row_labels: Some(&labels),
        column_labels: None,
    }
    .draw()
}

/// Returns the posterior means of the images `ids`, `[N][D]`, and shows a bar meanwhile.
///
/// # Errors
/// Returns an error if an image cannot be read, or if a mean is not finite.
pub fn encoded(model: &LoadedModel, images: &Split, ids: &[u32]) -> Result<Vec<Vec<f32>>> {
    let bar = ui::image_bar("encoding", ids.len());
    let latents = model.latents(images, ids, |seen| bar.set_position(seen as u64));
    bar.finish_and_clear();
    latents
}

/// Reads the user's image files as images that `fit` makes of them. Prints a note if they look like ink on paper; `what` names them
/// in it.
pub fn image_files(paths: &[PathBuf], what: &Path, fit: &Fit) -> Result<Split> {
    let mut pixels = Vec::new();
    for path in paths {
        pixels.extend(image_file::read(path, fit)?);
    }
    if pixels.iter().map(|&byte| usize::from(byte)).sum::<usize>() > 127 * pixels.len() {
        ui::note(format_args!(
            "note: {} is light for the most part; for a model of light strokes on black, invert it first",
            what.display()
        ));
    }
    Ok(Split::in_memory(pixels, fit.shape))
}

/// Converts rows of `P` numbers in [0, 1] to images.
///
/// # Errors
/// Returns an error if a number is not finite.
pub fn rasters(vae: &Vae, rows: &[Vec<f32>]) -> Result<Vec<Raster>> {
    rows.iter()
        .map(|row| Raster::from_unit(vae.network().image_shape, row))
        .collect()
}

/// Converts rows that `model` decoded, or read, to images.
///
/// # Errors
/// Returns an error that names the model if a number is not finite.
pub fn rasters_of(model: &LoadedModel, rows: &[Vec<f32>]) -> Result<Vec<Raster>> {
    rasters(&model.vae, rows).map_err(|_| model.broken(BROKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_as_few_decimals_as_tell_them_apart() {
        assert_eq!(
            labels(&[-1.644_85, -0.04, 0.04, 3.0]),
            ["-1.64", "-0.04", "0.04", "3.00"]
        );
        assert_eq!(labels(&[-1.644_85, -0.04, 1.0]), ["-1.6", "0.0", "1.0"]);
        assert_eq!(labels(&[0.001, 0.002]), ["0.001", "0.002"]);
        assert_eq!(labels(&[0.0, 0.0]), ["0.0000", "0.0000"]);
    }
}
