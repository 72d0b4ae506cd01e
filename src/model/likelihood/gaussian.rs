//! p(x | z) = N(x; m, sigma^2 I), with m from the decoder (Kingma, Welling 2014, appendix C.2). With S the squared
//! error of an image of P values, log p(x | z) = -S / (2 sigma^2) - P (log sigma + 1/2 log 2 pi).
//!
//! One sigma holds for all values of all images. It is either fixed, or trained as one more weight, or set in each
//! batch to the value that makes the batch most likely, sigma^2 = mean of S / P (the optimal sigma of Rybkin et al.
//! 2021). The optimal sigma is a function of the images, and an image that is measured must not choose its own sigma.
//! Therefore the saved model holds the optimal sigma of its training images.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ImageDistribution, LikelihoodKind, LikelihoodModule, OutputMap, Sigma, density_caveat,
};
use crate::check::above_zero;
use crate::error::Result;
use crate::model::initialisation::scalar;
use crate::model::{Features, Graph, Init, NodeId, ParameterShape};
use crate::ops::{repeat_last_axis, squared_error, sum_last_axis};

const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// The square of the smallest optimal sigma, a quarter of the step between two grey levels; bytes carry no information
/// below it. Without this bound the density of a perfectly reconstructed batch would be infinite.
const SMALLEST_VARIANCE: f64 = (0.25 / 255.0) * (0.25 / 255.0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gaussian {
    /// The standard deviation of a value, whose range is [0, 1]: a number, "learned" or "optimal".
    pub sigma: Sigma,
    /// The map from the decoder's output to the mean.
    pub mean: OutputMap,
}

impl Default for Gaussian {
    fn default() -> Self {
        // A fixed sigma would be one more number to tune: it weighs the reconstruction against the KL as beta does
        // (Rybkin et al. 2021).
        Self {
            sigma: Sigma::Optimal,
            mean: OutputMap::Sigmoid,
        }
    }
}

impl LikelihoodKind for Gaussian {
    fn parameters(&self) -> Vec<ParameterShape> {
        match self.sigma {
            Sigma::Learned => vec![ParameterShape::new("log_sigma", [1])],
            Sigma::Fixed(_) | Sigma::Optimal => Vec::new(),
        }
    }

    fn module(&self, init: &Init) -> LikelihoodModule {
        let learned = self.sigma == Sigma::Learned;
        GaussianLikelihood {
            log_sigma: learned.then(|| init.scalar(0.0)),
            settings: self.clone(),
        }
        .into()
    }

    fn trace_mean(&self, decoded: NodeId, _image: Features, graph: &mut Graph) -> NodeId {
        self.mean.trace(decoded, graph)
    }

    fn is_fitted(&self) -> bool {
        self.sigma == Sigma::Optimal
    }

    /// Returns `false` for the optimal sigma, which is a function of the batch.
    fn separable(&self) -> bool {
        self.sigma != Sigma::Optimal
    }

    fn takes_logits(&self) -> bool {
        self.mean == OutputMap::Sigmoid
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

/// A Gaussian with its sigma.
#[derive(Module, Debug)]
pub struct GaussianLikelihood {
    /// The log sigma, `[1]`, if it is trained or was fitted to the training images.
    log_sigma: Option<Param<Tensor<1>>>,
    #[module(skip)]
    settings: Gaussian,
}

impl ImageDistribution for GaussianLikelihood {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        let [count, values] = x.dims();
        let p = values as f64;
        let squares = squared_error(x, decoded, self.settings.mean == OutputMap::Sigmoid);
        if let Sigma::Fixed(sigma) = self.settings.sigma {
            return squares * (-0.5 / (sigma * sigma)) - p * (sigma.ln() + HALF_LOG_TWO_PI);
        }
        // The optimal sigma of the batch needs no gradient, because the slope in sigma is 0 at a maximum.
        let log_sigma = self.log_sigma.as_ref().map_or_else(
            || log_optimal_sigma(squares.clone().detach(), values),
            Param::val,
        );
        let log_sigma = repeat_last_axis(log_sigma, count).unsqueeze::<2>(); // [1, B]
        squares * ((log_sigma.clone() * -2.0).exp() * -0.5) - (log_sigma + HALF_LOG_TWO_PI) * p
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        self.settings.mean.apply(decoded)
    }

    fn sigma(&self) -> Option<f64> {
        match (self.settings.sigma, &self.log_sigma) {
            (Sigma::Fixed(sigma), _) => Some(sigma),
            (_, Some(log_sigma)) => Some(f64::from(log_sigma.val().into_scalar::<f32>()).exp()),
            (_, None) => None,
        }
    }

    fn fit(&mut self, mean_squared_error: f64, device: &Device) {
        let log_sigma = 0.5 * mean_squared_error.max(SMALLEST_VARIANCE).ln();
        self.log_sigma = Some(scalar(log_sigma as f32, device));
    }
}

/// Returns the log sigma that makes images most likely.
///
/// # Shapes
/// `squares`: `[K, B]`, the squared errors of images of `values` values each; result: `[1]`.
fn log_optimal_sigma(squares: Tensor<2>, values: usize) -> Tensor<1> {
    let squares = squares.flatten::<1>(0, 1);
    let count = squares.dims()[0] * values;
    (sum_last_axis(squares) / count as f64)
        .clamp_min(SMALLEST_VARIANCE)
        .log()
        * 0.5
}
