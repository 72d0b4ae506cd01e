//! Sheets of images that a model decodes.

use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::data::{Split, image_file};
use crate::error::Result;
use crate::eval::draw_in_box;
use crate::figure::Raster;
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::model::Vae;
use crate::rng::Rng;
use crate::ui;

/// Images that go through a network together: as many as keep a convolution's maps small.
pub const AT_A_TIME: usize = 250;

/// Frames of an animation: more are hundreds of megabytes in memory.
pub const MOST_FRAMES: usize = 200;

/// Returns the labels of values: with one decimal, or as many more, up to four, as make neighbours differ.
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

/// Images of several kinds, each kind a row below the one before; `columns` to a row, then further rows.
pub fn below_each_other(kinds: &[(&str, Vec<Raster>)], columns: usize) -> RgbImage {
    let count = kinds.first().map_or(0, |(_, images)| images.len());
    let columns = columns.min(count).max(1);
    let mut cells = Vec::new();
    let mut labels = Vec::new();
    for first in (0..count).step_by(columns) {
        for (label, images) in kinds {
            let line = &images[first..(first + columns).min(count)];
            cells.extend_from_slice(line);
            // A last line that is not full would pull the next one up.
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

/// Where latents are drawn from.
#[derive(Clone, Copy, Debug)]
pub enum LatentSource<'a> {
    /// From the prior, its noise multiplied by the temperature; of N(0, I) it is N(0, temperature²).
    Prior { temperature: f32 },
    /// Uniformly between a lowest and a highest value of each latent.
    Box(&'a [[f32; 2]]),
}

/// Which classes the images of a sheet of samples are of.
#[derive(Clone, Copy, Debug)]
pub enum Classes<'a> {
    /// All of one; of none where the model is not conditional.
    One(Option<u32>),
    /// Drawn uniformly, the names below the images.
    Drawn(&'a [String]),
    /// A row of each, with the same latents in every row.
    Each(&'a [String]),
}

impl<'a> Classes<'a> {
    /// A row of each where the model is conditional: what is shown of it unasked.
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

    /// Returns the default number of images on a sheet, or in a row of it.
    pub fn usual_count(self) -> usize {
        if let Self::Each(_) = self { 10 } else { 64 }
    }
}

/// A sheet of images of latents from the prior or a box, `count` of them or `count` a row: E[x | z] for latents that depend
/// on `seed` and their place alone.
pub fn sample_sheet(
    vae: &Vae,
    from: LatentSource<'_>,
    seed: u64,
    count: usize,
    classes: Classes,
) -> RgbImage {
    let image_ids = 0..count as u32;
    let sheet = Sheet {
        images: &[],
        columns: square_columns(count),
        row_labels: None,
        column_labels: None,
    };
    match classes {
        Classes::One(class) => {
            let latents: Vec<(u32, u32)> = image_ids
                .map(|key| (key, class.unwrap_or_default()))
                .collect();
            Sheet {
                images: &samples(vae, from, seed, &latents),
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
                images: &samples(vae, from, seed, &latents),
                ..sheet
            }
            .draw_captioned(&captions)
        }
        Classes::Each(names) => {
            let of_class = |(class, _)| image_ids.clone().map(move |key| (key, class));
            let latents: Vec<(u32, u32)> = (0_u32..).zip(names).flat_map(of_class).collect();
            let images = samples(vae, from, seed, &latents);
            Sheet {
                images: &images,
                columns: count,
                row_labels: Some(names),
                ..sheet
            }
            .draw()
        }
    }
}

/// Images of latents, each by its key, of the class beside it, which only a conditional model looks at.
fn samples(vae: &Vae, from: LatentSource<'_>, seed: u64, latents: &[(u32, u32)]) -> Vec<Raster> {
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
    latents.chunks(AT_A_TIME).flat_map(draw).collect()
}

/// A person's image files as images of `shape`. Says so where they look like ink on paper; `what` names them all.
pub fn image_files(paths: &[PathBuf], what: &Path, shape: [usize; 3]) -> Result<Split> {
    let mut pixels = Vec::new();
    for path in paths {
        pixels.extend(image_file::read(path, shape)?);
    }
    if pixels.iter().map(|&byte| usize::from(byte)).sum::<usize>() > 127 * pixels.len() {
        ui::note(format_args!(
            "note: {} is light for the most part; for a model of light strokes on black, invert it first",
            what.display()
        ));
    }
    Ok(Split::in_memory(pixels, shape))
}

/// Rows of `P` numbers in [0, 1] as images.
pub fn rasters(vae: &Vae, rows: &[Vec<f32>]) -> Vec<Raster> {
    rows.iter()
        .map(|row| Raster::from_unit(vae.network().image_shape, row))
        .collect()
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
