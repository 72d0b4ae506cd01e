//! p(x | z): the distribution over images that the decoder's output describes. A likelihood is one file with its
//! settings and, if it has parameters, the module that holds them.

mod bernoulli;
mod continuous_bernoulli;
mod discretised_logistic;
mod gaussian;
mod laplace;
mod sigma;
#[cfg(test)]
mod toy;

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation::sigmoid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, Features, Graph, Init, NodeId, ParameterShape};
use crate::error::Result;
use crate::ops::PixelLikelihood;
use crate::registry::registry_of_modules;

pub use bernoulli::Bernoulli;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use discretised_logistic::DiscretisedLogistic;
pub use gaussian::{Gaussian, GaussianLikelihood};
pub use laplace::{Laplace, LaplaceLikelihood, Scale};
pub use sigma::Sigma;
#[cfg(test)]
use toy::{Toy, ToyLikelihood};

/// The settings of a likelihood.
pub trait LikelihoodKind {
    /// Returns `O`, the number of values that the decoder gives for each value of an image, as `[O, C, H, W]`. The
    /// config describes the decoder's last layer for `O = 1`, and that layer is widened `O`-fold.
    fn outputs_per_value(&self) -> usize {
        1
    }

    /// Returns the trained parameters, with their names below `likelihood`.
    fn parameters(&self) -> Vec<ParameterShape> {
        Vec::new()
    }

    /// Returns the likelihood with its parameters.
    fn module(&self, init: &Init) -> LikelihoodModule;

    /// Appends the operations of E[x | z] to a graph, and returns the node of the mean. `decoded` is the decoder's output;
    /// it has the shape `image` if there is one output per value.
    fn trace_mean(&self, decoded: NodeId, image: Features, graph: &mut Graph) -> NodeId;

    /// Returns whether the model that is measured and saved holds a value fitted to the training images
    /// ([`ImageDistribution::fit`]).
    fn is_fitted(&self) -> bool {
        false
    }

    /// Returns whether log p(x | z) of an image depends on this image alone, not on the other images of its batch.
    fn separable(&self) -> bool {
        true
    }

    /// Returns whether the decoder's output is the logit of E[x | z].
    fn takes_logits(&self) -> bool {
        false
    }

    /// Returns the reason why log p(x) of this likelihood is not a log-likelihood of such pixels, or `None` if it is
    /// one.
    fn caveat(&self, binary_pixels: bool) -> Option<&'static str>;

    /// Checks every setting.
    ///
    /// # Errors
    /// Returns an error if a value is out of its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// p(x | z) with its parameters.
pub trait ImageDistribution {
    /// Returns log p(x | z), summed over the values of an image, in nats, with all its constants.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `decoded`: `[K, B, O P]`; result: `[K, B]`.
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2>;

    /// Returns E[x | z], the image to look at.
    ///
    /// # Shapes
    /// `decoded`: `[N, O P]`; result: `[N, P]`.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2>;

    /// Returns the likelihood as a [`PixelLikelihood`], or `None` if it is not one of those.
    fn pixels(&self) -> Option<PixelLikelihood> {
        None
    }

    /// Returns the standard deviation of a value, or `None` if it is not the same for all values of all images.
    fn sigma(&self) -> Option<f64> {
        None
    }

    /// Sets a parameter that is neither fixed nor trained from the mean squared error of the reconstructions
    /// ([`LikelihoodKind::is_fitted`]).
    fn fit(&mut self, _mean_squared_error: f64, _device: &Device) {}
}

/// The map from the decoder's output to a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputMap {
    /// The logistic function of the output, which is in (0, 1) like the pixels.
    Sigmoid,
    /// The output itself.
    Linear,
}

impl OutputMap {
    /// Returns the mean for a decoder's output.
    ///
    /// # Shapes
    /// `decoded` and the result have the same shape.
    fn apply<const D: usize>(self, decoded: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Sigmoid => sigmoid(decoded),
            Self::Linear => decoded,
        }
    }

    /// Appends the map to a graph.
    fn trace(self, decoded: NodeId, graph: &mut Graph) -> NodeId {
        match self {
            Self::Sigmoid => graph.activated(decoded, Activation::Sigmoid),
            Self::Linear => decoded,
        }
    }
}

registry_of_modules! {
    /// p(x | z).
    pub enum Likelihood: LikelihoodKind;
    /// p(x | z) with its parameters.
    pub enum LikelihoodModule: ImageDistribution;
    "bernoulli" => Bernoulli, Bernoulli, "a coin per pixel, on logits";
    "gaussian" => Gaussian, GaussianLikelihood, "a normal distribution per pixel, its sigma fixed, learned, or the optimal one";
    "continuous-bernoulli" => ContinuousBernoulli, ContinuousBernoulli, "a Bernoulli of values from 0 to 1 with the normaliser that makes it a density";
    "discretised-logistic" => DiscretisedLogistic, DiscretisedLogistic, "the probability of each byte under a logistic distribution or a mixture";
    "laplace" => Laplace, LaplaceLikelihood, "a Laplace distribution per pixel, its scale fixed or learned";
    #[cfg(test)]
    "toy" => Toy, ToyLikelihood, "a toy: a normal distribution with a trained shift of its mean";
}

/// Returns the reason why a density is not a log-likelihood of byte or binary pixels.
fn density_caveat(binary_pixels: bool) -> &'static str {
    if binary_pixels {
        "it is a density, and binary pixels have a probability: `[likelihood.bernoulli]` gives it"
    } else {
        "it is a density of pixels in [0, 1], not a probability of bytes, which needs log2(255) = 7.99 bits per dim more and \
         is what `[likelihood.discretised-logistic]` gives"
    }
}

impl Default for Likelihood {
    fn default() -> Self {
        Self::Bernoulli(Bernoulli {})
    }
}

#[cfg(test)]
mod tests;
