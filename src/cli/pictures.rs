//! From numbers in [0, 1] to the files that a person looks at.

use std::path::Path;

use image::RgbImage;

use crate::error::{Error, Result};
use crate::figure::Picture;
use crate::figure::sheet::{Sheet, square_columns};
use crate::model::Vae;
use crate::rng::Rng;

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

/// Which classes the pictures of a sheet of samples are of.
#[derive(Clone, Copy, Debug)]
pub enum Classes<'a> {
    /// All of one; of none where the model is not conditional.
    One(Option<u8>),
    /// Drawn uniformly, the names below the pictures.
    Drawn(&'a [String]),
    /// A row of each, with the same codes in every row.
    Each(&'a [String]),
}

impl<'a> Classes<'a> {
    /// A row of each where the model is conditional: what is shown of it unasked.
    pub fn every(vae: &Vae, names: &'a [String]) -> Self {
        if vae.classes().is_some() { Self::Each(names) } else { Self::One(None) }
    }

    pub fn rows(self) -> usize {
        if let Self::Each(names) = self { names.len() } else { 1 }
    }

    /// Pictures on a sheet, or in a row of it, where nobody says how many.
    pub fn usual_count(self) -> usize {
        if let Self::Each(_) = self { 10 } else { 64 }
    }
}

/// A sheet of pictures drawn from the prior, `count` of them or `count` a row: E[x | z] for codes that depend on `seed`
/// and their place alone.
pub fn sample_sheet(vae: &Vae, seed: u64, count: usize, classes: Classes) -> RgbImage {
    let keys = 0..count as u32;
    let sheet = Sheet { pictures: &[], columns: square_columns(count), row_labels: None, column_labels: None };
    match classes {
        Classes::One(class) => {
            let codes: Vec<(u32, u8)> = keys.map(|key| (key, class.unwrap_or_default())).collect();
            Sheet { pictures: &samples(vae, seed, &codes), ..sheet }.draw()
        }
        Classes::Drawn(names) => {
            let rng = Rng::new(seed).stream("sample class");
            let codes: Vec<(u32, u8)> =
                keys.map(|key| (key, rng.below(u64::from(key), names.len() as u64) as u8)).collect();
            let captions: Vec<String> = codes.iter().map(|(_, class)| names[usize::from(*class)].clone()).collect();
            Sheet { pictures: &samples(vae, seed, &codes), ..sheet }.draw_captioned(&captions)
        }
        Classes::Each(names) => {
            let of_class = |(class, _)| keys.clone().map(move |key| (key, class));
            let codes: Vec<(u32, u8)> = (0..=u8::MAX).zip(names).flat_map(of_class).collect();
            let pictures = samples(vae, seed, &codes);
            Sheet { pictures: &pictures, columns: count, row_labels: Some(names), ..sheet }.draw()
        }
    }
}

/// Pictures of codes from the prior, each by its key, of the class beside it, which only a conditional model looks at.
fn samples(vae: &Vae, seed: u64, codes: &[(u32, u8)]) -> Vec<Picture> {
    let rng = Rng::new(seed).stream("sample");
    let draw = |codes: &[(u32, u8)]| {
        let (keys, classes): (Vec<u32>, Vec<u8>) = codes.iter().copied().unzip();
        let z = crate::batch::noise(rng, &keys, 1, vae.blueprint().latent, &vae.device()).squeeze_dim::<2>(0);
        pictures(vae, &crate::model::rows(vae.picture(z, vae.labels(&classes))))
    };
    codes.chunks(AT_A_TIME).flat_map(draw).collect()
}

/// Rows of `P` numbers in [0, 1] as pictures.
pub fn pictures(vae: &Vae, rows: &[Vec<f32>]) -> Vec<Picture> {
    rows.iter().map(|row| Picture::from_unit(vae.blueprint().picture, row)).collect()
}
