//! p(x | z) = N(x; m, sigma^2 I), m from the decoder (Kingma, Welling 2014, appendix C.2): with S the squared error of a
//! image of P values, log p(x | z) = -S / (2 sigma^2) - P (log sigma + 1/2 log 2 pi).
//!
//! One sigma for all values of all images: fixed; trained as one more weight; or, each batch, the one that makes the batch
//! most likely, sigma^2 = mean of S / P (the optimal sigma of Rybkin et al. 2021). That one is a function of the images,
//! so an image that is measured never gives its own: the model that is written holds the optimal sigma of its training
//! images.

use std::fmt;

use burn::tensor::{Tensor, activation::sigmoid};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{LikelihoodKind, density_caveat};
use crate::check::above_zero;
use crate::error::Result;
use crate::ops::squared_error;

const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// The smallest optimal sigma, squared: a quarter of the step between two grey levels, below which bytes say nothing. A
/// batch known by heart would otherwise have a density without bound.
const SMALLEST_VARIANCE: f64 = (0.25 / 255.0) * (0.25 / 255.0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gaussian {
    /// The standard deviation of a value, whose range is [0, 1]: a number, "learned" or "optimal".
    pub sigma: Sigma,
    /// How the mean follows from the decoder's output.
    pub mean: Mean,
}

/// Where a Gaussian's standard deviation comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sigma {
    Fixed(f64),
    /// One log sigma, trained with the weights and saved with them.
    Learned,
    /// The batch's in training; that of the training images in the model that is measured and saved.
    Optimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// Its logistic function: in (0, 1), as pixels are.
    Sigmoid,
    /// The output itself.
    Linear,
}

impl Default for Gaussian {
    fn default() -> Self {
        // Nothing to choose: a fixed sigma weighs the reconstruction against the rate as beta does (Rybkin et al. 2021).
        Self {
            sigma: Sigma::Optimal,
            mean: Mean::Sigmoid,
        }
    }
}

impl Mean {
    /// # Shapes
    /// `decoded` and the result alike.
    pub(super) fn of<const D: usize>(self, decoded: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Sigmoid => sigmoid(decoded),
            Self::Linear => decoded,
        }
    }
}

impl Sigma {
    /// log sigma that makes images most likely.
    ///
    /// # Shapes
    /// `squares`: the squared errors of any number of images of `values` values each, `[K, B]`; result: `[1]`.
    fn optimal(squares: Tensor<2>, values: usize) -> Tensor<1> {
        (squares.mean() / values as f64)
            .clamp_min(SMALLEST_VARIANCE)
            .log()
            * 0.5
    }

    /// [`Sigma::optimal`] for a mean squared error that is known.
    pub fn log_optimal(mean_squared_error: f64) -> f64 {
        0.5 * mean_squared_error.max(SMALLEST_VARIANCE).ln()
    }
}

impl LikelihoodKind for Gaussian {
    fn log_prob(
        &self,
        x: Tensor<2>,
        decoded: Tensor<3>,
        log_sigma: Option<Tensor<1>>,
    ) -> Tensor<2> {
        let [_, values] = x.dims();
        let p = values as f64;
        let squares = squared_error(x, decoded, self.mean == Mean::Sigmoid);
        if let Sigma::Fixed(sigma) = self.sigma {
            return squares * (-0.5 / (sigma * sigma)) - p * (sigma.ln() + HALF_LOG_TWO_PI);
        }
        // Of the batch's optimal sigma the gradient is none: at a maximum the slope in sigma is 0.
        let log_sigma =
            log_sigma.unwrap_or_else(|| Sigma::optimal(squares.clone().detach(), values));
        let log_sigma = log_sigma.unsqueeze::<2>(); // [1, 1]
        squares * ((log_sigma.clone() * -2.0).exp() * -0.5) - (log_sigma + HALF_LOG_TWO_PI) * p
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        self.mean.of(decoded)
    }

    fn takes_logits(&self) -> bool {
        self.mean == Mean::Sigmoid
    }

    fn sigma(&self) -> Option<Sigma> {
        Some(self.sigma)
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        Some(density_caveat(binary_pixels))
    }

    fn check(&self) -> Result<()> {
        match self.sigma {
            Sigma::Fixed(sigma) => above_zero("likelihood.gaussian.sigma", sigma),
            Sigma::Learned | Sigma::Optimal => Ok(()),
        }
    }
}

impl Serialize for Sigma {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(sigma) => to.serialize_f64(*sigma),
            Self::Learned => to.serialize_str("learned"),
            Self::Optimal => to.serialize_str("optimal"),
        }
    }
}

impl<'de> Deserialize<'de> for Sigma {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Sigma;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number above 0, \"learned\" or \"optimal\"")
            }

            fn visit_f64<E: de::Error>(self, sigma: f64) -> Result<Sigma, E> {
                Ok(Sigma::Fixed(sigma))
            }

            fn visit_i64<E: de::Error>(self, sigma: i64) -> Result<Sigma, E> {
                Ok(Sigma::Fixed(sigma as f64))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Sigma, E> {
                match name {
                    "learned" => Ok(Sigma::Learned),
                    "optimal" => Ok(Sigma::Optimal),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }
        }
        from.deserialize_any(Reader)
    }
}
