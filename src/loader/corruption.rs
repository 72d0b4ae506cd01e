//! Corrupted input of a denoising autoencoder (Vincent et al. 2010, sections 2.3 and 3.3).
//!
//! Whether the encoder sees corrupted images is decided here, once, by what a command does. Where the model is trained or
//! measured (`train`, `eval`, `doctor`, `reconstruct`) the input is corrupted as in training, for a number is to say how
//! well corrupted images are cleaned. Where latents are looked at (`embed`, `traverse`, `edit`, `interpolate`, `sample
//! --box`, `disentangle`) the images are clean, for a latent is to say what an image is, not what was done to it.

use std::fmt;

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, within};
use crate::error::Result;
use crate::ops::noise::{Distribution, fill};
use crate::rng::Rng;

/// A change of an image before it is encoded; the clean image is to be reconstructed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Corruption {
    /// Normal noise of this standard deviation is added to each value; the sum is not cut to [0, 1].
    Gaussian(f64),
    /// Each value becomes 0 with this probability.
    Mask(f64),
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gaussian(sigma) => write!(f, "normal noise of sigma {sigma}"),
            Self::Mask(share) => write!(f, "setting values to 0 with probability {share}"),
        }
    }
}

impl Corruption {
    pub fn check(self, key: &str) -> Result<()> {
        match self {
            Self::Gaussian(sigma) => above_zero(&format!("{key}.gaussian"), sigma),
            Self::Mask(share) => within(&format!("{key}.mask"), share, 0.0, 1.0),
        }
    }

    /// Returns `x` corrupted. An image's noise depends on `rng` and its id alone.
    ///
    /// # Shapes
    /// `x` and the result: `[B, P]`; `image_ids`: `[B]`.
    pub fn apply(self, x: Tensor<2>, rng: Rng, image_ids: &[u32]) -> Tensor<2> {
        let [_, values] = x.dims();
        let rngs = rng.stream("corruption").at_each(image_ids);
        let noise = fill(self.noise(), &rngs, values, &x.device());
        match self {
            Self::Gaussian(_) => x + noise,
            Self::Mask(_) => x * noise,
        }
    }

    /// Returns the distribution of what is added to a value, or what it is multiplied by.
    pub fn noise(self) -> Distribution {
        match self {
            Self::Gaussian(sigma) => Distribution::Normal(sigma),
            Self::Mask(share) => Distribution::Mask(share),
        }
    }
}
