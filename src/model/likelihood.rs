//! p(x | z): how the decoder's output becomes a distribution over pictures.

mod bernoulli;
mod gaussian;

use burn::tensor::Tensor;

use crate::error::Result;
use crate::registry::registry;

pub use bernoulli::Bernoulli;
pub use gaussian::{Gaussian, Mean, Sigma};

/// What a likelihood does with the decoder's output.
pub trait LikelihoodKind {
    /// log p(x | z), summed over the values of a picture, in nats, with all its constants.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `decoded`: `[K, B, P]`; `log_sigma`: `[1]`, where the model holds one; result: `[K, B]`.
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>, log_sigma: Option<Tensor<1>>) -> Tensor<2>;

    /// E[x | z]: the picture to look at.
    ///
    /// # Shapes
    /// `decoded` and the result: `[N, P]`.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2>;

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
    }
}

impl Default for Likelihood {
    fn default() -> Self {
        Self::Bernoulli(Bernoulli {})
    }
}
