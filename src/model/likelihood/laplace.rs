//! p(x | z) = e^(-|x - m| / b) / (2 b) per pixel, with m from the decoder (Laplace 1774). With A the sum of the
//! absolute errors of an image of P values, log p(x | z) = -A / b - P log(2 b). The most likely m is the median of x,
//! and an outlying pixel costs less than under a Gaussian.
//!
//! One scale b, fixed or trained as one more weight, holds for all values of all images. The model file stores it as a
//! standard deviation, sqrt(2) b, like every sigma.

use std::f64::consts::{LN_2, SQRT_2};

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageDistribution, LikelihoodKind, LikelihoodModule, OutputMap, density_caveat};
use crate::check::above_zero;
use crate::error::Result;
use crate::model::{Features, Graph, Init, NodeId, ParameterShape};
use crate::ops::{absolute_error, repeat_last_axis};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Laplace {
    /// The scale b of a value whose range is [0, 1]: a number or "learned".
    pub scale: Scale,
    /// The map from the decoder's output to m.
    pub mean: OutputMap,
}

/// The source of a Laplace distribution's scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenScale", into = "WrittenScale")]
#[schemars(with = "WrittenScale")]
pub enum Scale {
    Fixed(f64),
    /// One log sigma that is trained and saved with the weights.
    Learned,
}

/// A scale as TOML represents it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number above 0 or \"learned\"")]
enum WrittenScale {
    Fixed(f64),
    Named(NamedScale),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NamedScale {
    Learned,
}

impl From<WrittenScale> for Scale {
    fn from(written: WrittenScale) -> Self {
        match written {
            WrittenScale::Fixed(scale) => Self::Fixed(scale),
            WrittenScale::Named(NamedScale::Learned) => Self::Learned,
        }
    }
}

impl From<Scale> for WrittenScale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Fixed(scale) => Self::Fixed(scale),
            Scale::Learned => Self::Named(NamedScale::Learned),
        }
    }
}

impl Default for Laplace {
    fn default() -> Self {
        // A fixed scale would be one more number to tune: it weighs the reconstruction against the KL as beta does.
        Self {
            scale: Scale::Learned,
            mean: OutputMap::Sigmoid,
        }
    }
}

impl LikelihoodKind for Laplace {
    fn parameters(&self) -> Vec<ParameterShape> {
        match self.scale {
            Scale::Learned => vec![ParameterShape::new("log_sigma", [1])],
            Scale::Fixed(_) => Vec::new(),
        }
    }

    fn module(&self, init: &Init) -> LikelihoodModule {
        let (log_sigma, fixed_scale) = match self.scale {
            Scale::Learned => (Some(init.scalar(0.0)), 1.0 / SQRT_2),
            Scale::Fixed(scale) => (None, scale),
        };
        LaplaceLikelihood {
            log_sigma,
            fixed_scale,
            mean: self.mean,
        }
        .into()
    }

    fn trace_mean(&self, decoded: NodeId, _image: Features, graph: &mut Graph) -> NodeId {
        self.mean.trace(decoded, graph)
    }

    fn takes_logits(&self) -> bool {
        self.mean == OutputMap::Sigmoid
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        Some(density_caveat(binary_pixels))
    }

    fn check(&self) -> Result<()> {
        match self.scale {
            Scale::Fixed(scale) => above_zero("likelihood.laplace.scale", scale),
            Scale::Learned => Ok(()),
        }
    }
}

/// A Laplace distribution with its scale.
#[derive(Module, Debug)]
pub struct LaplaceLikelihood {
    /// The log sigma, `[1]`, if it is trained.
    log_sigma: Option<Param<Tensor<1>>>,
    /// The fixed b, used if no log sigma is trained.
    #[module(skip)]
    fixed_scale: f64,
    #[module(skip)]
    mean: OutputMap,
}

impl ImageDistribution for LaplaceLikelihood {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        let p = x.dims()[1] as f64;
        let errors = absolute_error(x, decoded, self.mean == OutputMap::Sigmoid); // [K, B]
        match &self.log_sigma {
            Some(log_sigma) => {
                // b = sigma / sqrt(2).
                let [_, count] = errors.dims();
                let log_sigma = repeat_last_axis(log_sigma.val(), count).unsqueeze::<2>();
                let log_b = log_sigma - 0.5 * LN_2; // [1, B]
                errors * log_b.clone().neg().exp().neg() - (log_b + LN_2) * p
            }
            None => {
                let b = self.fixed_scale;
                errors * (-1.0 / b) - p * (2.0 * b).ln()
            }
        }
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        self.mean.apply(decoded)
    }

    fn sigma(&self) -> Option<f64> {
        Some(match &self.log_sigma {
            Some(log_sigma) => f64::from(log_sigma.val().into_scalar::<f32>()).exp(),
            None => SQRT_2 * self.fixed_scale,
        })
    }
}
