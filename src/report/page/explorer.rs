//! The explorer of a page: the networks, and the latents and images that it starts from, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::networks::PageNetworks;
use super::section::png_uri;
use crate::data::image_file::Fit;

/// The number of latents that the page decodes to test itself.
pub const TESTED: usize = 16;

/// Everything that the explorer needs.
#[derive(Clone, Debug)]
pub struct Explorer {
    /// The name of the run, for the files that a person saves.
    pub name: String,
    /// `[C, H, W]`.
    pub image_shape: [usize; 3],
    pub networks: PageNetworks,
    /// The names of the classes; empty if there are none.
    pub classes: Vec<String>,
    pub is_conditional: bool,
    /// The latents, those that carry most first.
    pub axes: Vec<LatentAxis>,
    /// The name of the number that says what a latent carries.
    pub carried: &'static str,
    /// The meaning of the marks on a slider; `None` if there are no marks.
    pub marks: Option<String>,
    /// The source of random latents.
    pub random: RandomLatents,
    /// The images to start from; `None` if there are none.
    pub test: Option<PageImages>,
    /// How an image of one's own is fitted.
    pub fit: Fit,
    /// Whether each pixel is black or white.
    pub is_binary: bool,
    pub self_test: SelfTest,
    /// Sentences below the explorer.
    pub notes: Vec<String>,
}

/// A latent and its slider.
#[derive(Clone, Debug)]
pub struct LatentAxis {
    /// The number of the latent.
    pub index: usize,
    /// The KL, or the standard deviation; `None` if it is not known.
    pub carried: Option<f64>,
    /// The ends of the slider.
    pub range: [f32; 2],
    /// The values between which most latents lie.
    pub marks: Option<[f32; 2]>,
}

/// The latents of the button "random".
#[derive(Clone, Debug)]
pub enum RandomLatents {
    /// The page draws them from N(0, I).
    Normal,
    /// These, drawn by the program.
    Drawn(Vec<Vec<f32>>),
    /// There is no prior.
    None,
}

/// Images with their latents.
#[derive(Clone, Debug)]
pub struct PageImages {
    /// `[N][D]`.
    pub latents: Vec<Vec<f32>>,
    pub labels: Option<Vec<u32>>,
    /// All images side by side and below each other, as a PNG file.
    pub png: Vec<u8>,
    /// The width and the height of an image in it, and the number in a row.
    pub cell: [usize; 2],
    pub columns: usize,
}

/// Latents with the images that the program decodes from them.
#[derive(Clone, Debug)]
pub struct SelfTest {
    /// Up to [`TESTED`] latents.
    pub latents: Vec<Vec<f32>>,
    pub classes: Vec<u32>,
    /// Their images, in [0, 1].
    pub images: Vec<Vec<f32>>,
    /// The largest difference that is allowed.
    pub tolerance: f64,
}

impl Explorer {
    /// Returns everything but the weights.
    pub(super) fn json(&self) -> Value {
        let axis = |axis: &LatentAxis| {
            json!({
                "index": axis.index, "carried": axis.carried, "range": axis.range, "marks": axis.marks,
            })
        };
        let test = self.test.as_ref().map(|images| {
            json!({
                "count": images.latents.len(),
                "latents": floats(&images.latents),
                "labels": images.labels,
                "sprite": png_uri(&images.png),
                "cell": images.cell,
                "columns": images.columns,
            })
        });
        let (random, drawn) = match &self.random {
            RandomLatents::Normal => ("normal", None),
            RandomLatents::Drawn(latents) => ("drawn", Some(floats(latents))),
            RandomLatents::None => ("none", None),
        };
        let Fit {
            mode,
            background,
            invert,
            ..
        } = self.fit;
        json!({
            "name": self.name,
            "image": self.image_shape,
            "latent": self.axes.len(),
            "model": self.networks.json(),
            "classes": self.classes,
            "conditional": self.is_conditional,
            "axes": self.axes.iter().map(axis).collect::<Vec<_>>(),
            "carried": self.carried,
            "random": random,
            "drawn": drawn,
            "test": test,
            "fit": { "mode": mode, "background": background, "invert": invert },
            "binary": self.is_binary,
            "selfTest": {
                "count": self.self_test.latents.len(),
                "latents": floats(&self.self_test.latents),
                "classes": self.self_test.classes,
                "images": levels_of(&self.self_test.images),
                "tolerance": self.self_test.tolerance,
            },
        })
    }
}

/// Returns numbers as base64 of float32, little endian.
fn floats(rows: &[Vec<f32>]) -> String {
    let bytes = rows.iter().flatten().flat_map(|value| value.to_le_bytes());
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}

/// Returns numbers in [0, 1] as base64 of 16-bit levels, little endian. They are exact to 8e-6, in half the bytes.
fn levels_of(rows: &[Vec<f32>]) -> String {
    let level = |value: &f32| (value.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16;
    let bytes = rows
        .iter()
        .flatten()
        .flat_map(|value| level(value).to_le_bytes());
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}
