//! What stands for an image: a draw from q(z | x), or an autoencoder's one latent, of an image that was first corrupted if
//! it is to learn how to clean it (Vincent et al. 2010, sections 2.3 and 3.3).

use std::fmt;

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, within};
use crate::error::Result;
use crate::ops::vector::wide;
use crate::ops::{random, team};
use crate::rng::Rng;

/// Why an autoencoder reports none.
pub const NO_ELBO: &str =
    "an autoencoder has no ELBO: its latent is a point, not a distribution, and has no KL";

/// What to think of an autoencoder's samples.
pub const NO_PRIOR: &str = "an autoencoder's latents have no prior: nothing made them look like the N(0, I) drawn from here";

/// Images that one core takes at a time.
const ROWS: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LatentMode {
    /// Drawn from q(z | x).
    #[default]
    Sampled,
    /// The mean that the encoder gives, as it is: an autoencoder's. The image is corrupted before it is encoded, if so
    /// asked.
    Deterministic(Option<Corruption>),
}

/// What is done to an image before it is encoded; the clean one is what is to be found again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Corruption {
    /// Normal noise of this standard deviation is added to each value; the sum is not cut to [0, 1].
    Gaussian(f64),
    /// Each value becomes 0 with this probability.
    Mask(f64),
}

impl LatentMode {
    pub fn is_sampled(self) -> bool {
        self == Self::Sampled
    }

    pub fn corruption(self) -> Option<Corruption> {
        match self {
            Self::Sampled => None,
            Self::Deterministic(corruption) => corruption,
        }
    }

    /// What the encoder sees of `x`.
    ///
    /// # Shapes
    /// `x` and the result: `[B, P]`; `image_ids`: `[B]`.
    pub fn input(self, x: Tensor<2>, rng: Rng, image_ids: &[u32]) -> Tensor<2> {
        match self.corruption() {
            Some(corruption) => corruption.apply(x, rng, image_ids),
            None => x,
        }
    }
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

    /// `x` corrupted. An image's noise depends on `rng` and its own key alone.
    ///
    /// # Shapes
    /// `x` and the result: `[B, P]`; `image_ids`: `[B]`.
    pub fn apply(self, x: Tensor<2>, rng: Rng, image_ids: &[u32]) -> Tensor<2> {
        let ([b, p], device) = (x.dims(), x.device());
        let rng = rng.stream("corruption");
        let noise = if random::belong_on(&device, b * p) {
            self.noise_on_gpu(&rng.at_each(image_ids), p, &device)
        } else {
            let mut values = vec![0.0; b * p];
            team::for_each(
                values.chunks_mut(ROWS * p).zip(image_ids.chunks(ROWS)),
                |(rows, image_ids)| {
                    wide(
                        #[inline(always)]
                        || {
                            for (row, &key) in rows.chunks_exact_mut(p).zip(image_ids) {
                                self.fill(rng.at(u64::from(key)), row);
                            }
                        },
                    );
                },
            );
            Tensor::from_data(TensorData::new(values, [b, p]), &device)
        };
        match self {
            Self::Gaussian(_) => x + noise,
            Self::Mask(_) => x * noise,
        }
    }

    /// What is added to images, or what they are multiplied by, made on `device`.
    ///
    /// # Shapes
    /// `rngs`: `[B]`; result: `[B, values]`.
    pub fn noise_on_gpu(self, rngs: &[Rng], values: usize, device: &Device) -> Tensor<2> {
        match self {
            Self::Gaussian(sigma) => random::normals(rngs, values, device) * sigma,
            Self::Mask(share) => random::uniforms(rngs, values, device)
                .greater_equal_elem(share as f32)
                .float(),
        }
    }

    /// What is added to an image, or what it is multiplied by.
    #[inline(always)]
    fn fill(self, rng: Rng, row: &mut [f32]) {
        match self {
            Self::Gaussian(sigma) => {
                rng.fill_normal(row);
                row.iter_mut().for_each(|value| *value *= sigma as f32);
            }
            Self::Mask(share) => {
                rng.fill_uniform(row);
                row.iter_mut()
                    .for_each(|value| *value = f32::from(*value >= share as f32));
            }
        }
    }
}
