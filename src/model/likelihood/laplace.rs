//! p(x | z) = e^(-|x - m| / b) / (2 b) a pixel, m from the decoder (Laplace 1774): with A the sum of the absolute errors of a
//! image of P values, log p(x | z) = -A / b - P log(2 b). Its most likely m is the median of what x may be, and one pixel
//! that is far off costs less than under a Gaussian.
//!
//! One scale b for all values of all images: fixed, or trained as one more weight. The model's file holds it as every sigma,
//! the standard deviation, which is sqrt(2) b.

use std::f64::consts::{LN_2, SQRT_2};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LikelihoodKind, Mean, Sigma, density_caveat};
use crate::check::above_zero;
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Laplace {
    /// b, of a value whose range is [0, 1]: a number or "learned".
    pub scale: Scale,
    /// How m follows from the decoder's output.
    pub mean: Mean,
}

/// Where a Laplace distribution's scale comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number above 0 or \"learned\"")]
pub enum Scale {
    Fixed(f64),
    Named(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// One log sigma, trained with the weights and saved with them.
    Learned,
}

impl Scale {
    pub const LEARNED: Self = Self::Named(Name::Learned);
}

impl Default for Laplace {
    fn default() -> Self {
        // Nothing to choose: a fixed scale weighs the reconstruction against the rate as beta does.
        Self {
            scale: Scale::LEARNED,
            mean: Mean::Sigmoid,
        }
    }
}

impl LikelihoodKind for Laplace {
    fn log_prob(
        &self,
        x: Tensor<2>,
        decoded: Tensor<3>,
        log_sigma: Option<Tensor<1>>,
    ) -> Tensor<2> {
        let p = x.dims()[1] as f64;
        let errors = (self.mean.of(decoded) - x.without_autodiff().unsqueeze::<3>()).abs();
        let errors = errors.sum_dim(2).squeeze_dim::<2>(2); // [K, B]
        match (self.scale, log_sigma) {
            (Scale::Fixed(b), _) => errors * (-1.0 / b) - p * (2.0 * b).ln(),
            (Scale::Named(Name::Learned), Some(log_sigma)) => {
                // b = sigma / sqrt(2).
                let log_b = log_sigma.unsqueeze::<2>() - 0.5 * LN_2; // [1, 1]
                errors * log_b.clone().neg().exp().neg() - (log_b + LN_2) * p
            }
            (Scale::Named(Name::Learned), None) => {
                unreachable!("a model with a learned scale holds it")
            }
        }
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        self.mean.of(decoded)
    }

    fn takes_logits(&self) -> bool {
        self.mean == Mean::Sigmoid
    }

    fn sigma(&self) -> Option<Sigma> {
        Some(match self.scale {
            Scale::Fixed(b) => Sigma::Fixed(SQRT_2 * b),
            Scale::Named(Name::Learned) => Sigma::Learned,
        })
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        Some(density_caveat(binary_pixels))
    }

    fn check(&self) -> Result<()> {
        match self.scale {
            Scale::Fixed(b) => above_zero("likelihood.laplace.scale", b),
            Scale::Named(Name::Learned) => Ok(()),
        }
    }
}
