//! Sheets of images that a model decodes.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::draw::Format;
use super::loaded_model::LoadedModel;
use crate::check::count;
use crate::data::Split;
use crate::data::image_file::{self, Fit};
use crate::error::{Error, Result};
use crate::eval::draw_in_box;
use crate::figure::Raster;
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::model::Vae;
use crate::rng::Rng;
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

/// The distribution of the latents to decode.
#[derive(Clone, Copy, Debug)]
pub enum LatentSource<'a> {
    /// The prior, with its noise multiplied by the temperature: N(0, I) becomes N(0, temperature²).
    Prior { temperature: f32 },
    /// The uniform distribution between a lowest and a highest value of each latent.
    Box(&'a [[f32; 2]]),
}

/// The classes of the images on a sheet of samples.
#[derive(Clone, Copy, Debug)]
pub enum Classes<'a> {
    /// One class for all images; `None` if the model is not conditional.
    One(Option<u32>),
    /// A class for each image, chosen uniformly, with its name below the image.
    Drawn(&'a [String]),
    /// A row for each class, with the same latents in every row.
    Each(&'a [String]),
}

impl<'a> Classes<'a> {
    /// Returns a row for each class if the model is conditional. This is the default.
    pub fn every(vae: &Vae, names: &'a [String]) -> Self {
        if vae.class_count().is_some() {
            Self::Each(names)
        } else {
            Self::One(None)
        }
    }

    pub fn rows(self) -> usize {
        if let Self::Each(names) = self {
            names.len()
        } else {
            1
        }
    }

    /// Returns the default number of images on a sheet or, with a row for each class, in a row.
    pub fn usual_count(self) -> usize {
        if let Self::Each(_) = self { 10 } else { 64 }
    }
}

/// Returns a sheet of samples: E[x | z] for `count` latents from the prior or a box, or `count` in each row. A latent
/// depends on `seed` and its index alone.
///
/// # Errors
/// Returns an error if a decoded value is not finite.
pub fn sample_sheet(
    vae: &Vae,
    from: LatentSource<'_>,
    seed: u64,
    count: usize,
    classes: Classes,
) -> Result<RgbImage> {
    let image_ids = 0..count as u32;
    let sheet = Sheet {
        images: &[],
        columns: square_columns(count),
        row_labels: None,
        column_labels: None,
    };
    Ok(match classes {
        Classes::One(class) => {
            let latents: Vec<(u32, u32)> = image_ids
                .map(|key| (key, class.unwrap_or_default()))
                .collect();
            Sheet {
                images: &samples(vae, from, seed, &latents)?,
                ..sheet
            }
            .draw()
        }
        Classes::Drawn(names) => {
            let rng = Rng::new(seed).stream("sample class");
            let latents: Vec<(u32, u32)> = image_ids
                .map(|key| (key, rng.below(u64::from(key), names.len() as u64) as u32))
                .collect();
            let captions: Vec<String> = latents
                .iter()
                .map(|(_, class)| names[*class as usize].clone())
                .collect();
            Sheet {
                images: &samples(vae, from, seed, &latents)?,
                ..sheet
            }
            .draw_captioned(&captions)
        }
        Classes::Each(names) => {
            let of_class = |(class, _)| image_ids.clone().map(move |key| (key, class));
            let latents: Vec<(u32, u32)> = (0_u32..).zip(names).flat_map(of_class).collect();
            let images = samples(vae, from, seed, &latents)?;
            Sheet {
                images: &images,
                columns: count,
                row_labels: Some(names),
                ..sheet
            }
            .draw()
        }
    })
}

/// Returns the images of latents. Each latent is a pair of its image id, which keys the noise, and its class, which a
/// model that is not conditional ignores.
fn samples(
    vae: &Vae,
    from: LatentSource<'_>,
    seed: u64,
    latents: &[(u32, u32)],
) -> Result<Vec<Raster>> {
    let rng = Rng::new(seed).stream("sample");
    let draw = |latents: &[(u32, u32)]| {
        let (image_ids, classes): (Vec<u32>, Vec<u32>) = latents.iter().copied().unzip();
        let z = match from {
            LatentSource::Prior { temperature } => vae.sample_prior(rng, &image_ids, temperature),
            LatentSource::Box(bounds) => {
                draw_in_box(bounds, rng.stream("box"), &image_ids, &vae.device())
            }
        };
        rasters(
            vae,
            &crate::model::rows(vae.decode_mean(z, vae.labels(&classes))),
        )
    };
    let images = latents.chunks(AT_A_TIME).map(draw);
    Ok(images.collect::<Result<Vec<_>>>()?.concat())
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
