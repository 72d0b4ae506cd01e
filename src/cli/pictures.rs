//! From numbers in [0, 1] to the files that a person looks at.

use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::batch::noise;
use crate::data::Images;
use crate::error::{Error, Result};
use crate::eval::draw_in_box;
use crate::figure::sheet::{Sheet, square_columns};
use crate::figure::{self, Picture};
use crate::model::Vae;
use crate::rng::Rng;
use crate::ui;

/// The most pictures on one sheet: beyond, each would be smaller than it was drawn.
pub const MOST_PICTURES: usize = 10_000;

/// Pictures that go through a network together: as many as keep a convolution's maps small.
pub const AT_A_TIME: usize = 250;

/// What a file's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Gif,
}

impl Format {
    /// # Errors
    /// For any other ending.
    pub fn of(path: &Path, allowed: &[Self]) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let format = match ending.as_str() {
            "png" => Some(Self::Png),
            "gif" => Some(Self::Gif),
            _ => None,
        };
        format.filter(|format| allowed.contains(format)).ok_or_else(|| {
            let names = allowed.iter().map(|format| match format {
                Self::Png => "`.png`",
                Self::Gif => "`.gif`",
            });
            Error::file(path, format!("expected a name that ends in {}", names.collect::<Vec<_>>().join(" or ")))
        })
    }
}

/// Where codes are drawn from.
#[derive(Clone, Copy, Debug)]
pub enum Codes<'a> {
    Prior,
    /// Uniformly between a lowest and a highest value of each latent.
    Box(&'a [[f32; 2]]),
}

/// A sheet of pictures drawn from the prior or from a box: E[x | z] for codes that depend on `seed` alone.
pub fn sample_sheet(vae: &Vae, codes: Codes<'_>, seed: u64, count: usize) -> RgbImage {
    let pictures = samples(vae, codes, seed, count);
    Sheet { pictures: &pictures, columns: square_columns(count), row_labels: None, column_labels: None }.draw()
}

fn samples(vae: &Vae, codes: Codes<'_>, seed: u64, count: usize) -> Vec<Picture> {
    let keys: Vec<u32> = (0..count as u32).collect();
    let rng = Rng::new(seed).stream("sample");
    let part = |keys: &[u32]| {
        let z = match codes {
            Codes::Prior => noise(rng, keys, 1, vae.blueprint().latent, &vae.device()).squeeze_dim::<2>(0),
            Codes::Box(bounds) => draw_in_box(bounds, rng.stream("box"), keys, &vae.device()),
        };
        pictures(vae, &crate::model::rows(vae.picture(z, None)))
    };
    keys.chunks(AT_A_TIME).flat_map(part).collect()
}

/// A person's picture files as pictures of `shape`. Says so where they look like ink on paper; `what` names them all.
pub fn picture_files(paths: &[PathBuf], what: &Path, shape: [usize; 3]) -> Result<Images> {
    let mut pixels = Vec::new();
    for path in paths {
        pixels.extend(figure::read(path, shape)?.pixels);
    }
    if pixels.iter().map(|&byte| usize::from(byte)).sum::<usize>() > 127 * pixels.len() {
        ui::note(format_args!(
            "note: {} is light for the most part; for a model of light strokes on black, invert it first",
            what.display()
        ));
    }
    Ok(Images::new(pixels, shape))
}

/// Rows of `P` numbers in [0, 1] as pictures.
pub fn pictures(vae: &Vae, rows: &[Vec<f32>]) -> Vec<Picture> {
    rows.iter().map(|row| Picture::from_unit(vae.blueprint().picture, row)).collect()
}
