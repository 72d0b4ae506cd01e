//! Sheets of images whose latents are drawn at random.

use image::RgbImage;

use super::images::{AT_A_TIME, rasters};
use crate::error::Result;
use crate::eval::LatentSampler;
use crate::figure::Raster;
use crate::figure::grid::square_columns;
use crate::figure::sheet::Sheet;
use crate::model::Vae;
use crate::rng::Rng;

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
    from: LatentSampler<'_>,
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
            let latents: Vec<(u32, u32)> = image_ids
                .map(|key| (key, drawn_class(seed, key, names.len())))
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

/// Returns the random stream of the latents of samples.
pub fn sample_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("sample")
}

/// Returns the class of a sample of a conditional model that is asked for none.
pub fn drawn_class(seed: u64, key: u32, class_count: usize) -> u32 {
    let rng = Rng::new(seed).stream("sample class");
    rng.below(u64::from(key), class_count as u64) as u32
}

/// Returns the images of latents. Each latent is a pair of its image id, which keys the noise, and its class, which a
/// model that is not conditional ignores.
fn samples(
    vae: &Vae,
    from: LatentSampler<'_>,
    seed: u64,
    latents: &[(u32, u32)],
) -> Result<Vec<Raster>> {
    let rng = sample_rng(seed);
    let draw = |latents: &[(u32, u32)]| {
        let (image_ids, classes): (Vec<u32>, Vec<u32>) = latents.iter().copied().unzip();
        let z = from.draw(vae, rng, &image_ids);
        rasters(
            vae,
            &crate::model::rows(vae.decode_mean(z, vae.labels(&classes))),
        )
    };
    let images = latents.chunks(AT_A_TIME).map(draw);
    Ok(images.collect::<Result<Vec<_>>>()?.concat())
}
