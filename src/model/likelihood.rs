//! p(x | z): how the decoder's output becomes a distribution over images.

mod bernoulli;
mod continuous_bernoulli;
mod decay;
mod discretised_logistic;
mod gaussian;
mod laplace;

use burn::tensor::Tensor;

use crate::error::Result;
use crate::registry::registry;

pub use bernoulli::Bernoulli;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use discretised_logistic::DiscretisedLogistic;
pub use gaussian::{Gaussian, Mean, Sigma};
pub use laplace::{Laplace, Scale};

/// What a likelihood does with the decoder's output.
pub trait LikelihoodKind {
    /// `O`: how many numbers the decoder gives for each value of an image. They come as `[O, C, H, W]`: all images of the
    /// first number, then of the second. What a config says of the decoder's last layer is for one; it is widened `O`-fold.
    fn outputs_per_value(&self) -> usize {
        1
    }

    /// log p(x | z), summed over the values of an image, in nats, with all its constants.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `decoded`: `[K, B, O P]`; `log_sigma`: `[1]`, where the model holds one; result: `[K, B]`.
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>, log_sigma: Option<Tensor<1>>)
    -> Tensor<2>;

    /// E[x | z]: the image to look at.
    ///
    /// # Shapes
    /// `decoded`: `[N, O P]`; result: `[N, P]`.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2>;

    /// Whether the decoder's output is the logit of E[x | z].
    fn takes_logits(&self) -> bool {
        false
    }

    /// Where the standard deviation of a value comes from; nothing for a likelihood that has none.
    fn sigma(&self) -> Option<Sigma> {
        None
    }

    /// Why log p(x) of this likelihood is not a log-likelihood of such pixels; nothing where it is one.
    fn caveat(&self, binary_pixels: bool) -> Option<&'static str>;

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

registry! {
    /// p(x | z).
    pub enum Likelihood: LikelihoodKind {
        "bernoulli" => Bernoulli, "a coin a pixel, on logits";
        "gaussian" => Gaussian, "a normal distribution a pixel, its sigma fixed, learned, or the optimal one";
        "continuous-bernoulli" => ContinuousBernoulli, "a Bernoulli of grey pixels with the normaliser that makes it a density";
        "discretised-logistic" => DiscretisedLogistic, "the probability of each byte under a logistic distribution or a mixture";
        "laplace" => Laplace, "a Laplace distribution a pixel, its scale fixed or learned";
    }
}

/// Why a density is not a log-likelihood of pixels that are bytes, or binary.
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
