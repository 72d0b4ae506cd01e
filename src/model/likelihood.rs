//! p(x | z): how the decoder's output becomes a distribution over pictures.

use burn::tensor::{Tensor, activation::sigmoid};
use serde::{Deserialize, Serialize};

use crate::ops::bernoulli_log_prob;
use crate::registry::registry;

/// What a likelihood does with the decoder's output.
pub trait LikelihoodKind {
    /// log p(x | z), summed over the values of a picture, in nats.
    ///
    /// # Shapes
    /// `x`: `[B, P]`; `decoded`: `[K, B, P]`; result: `[K, B]`.
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2>;

    /// E[x | z], in [0, 1]: the picture to look at.
    ///
    /// # Shapes
    /// `decoded` and the result: `[N, P]`.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2>;

    /// Why log p(x) of this likelihood is not a log-likelihood of such pixels; nothing where it is one.
    fn caveat(&self, binary_pixels: bool) -> Option<&'static str>;
}

registry! {
    /// p(x | z).
    pub enum Likelihood: LikelihoodKind {
        "bernoulli" => Bernoulli, "a coin a pixel, on logits";
    }
}

impl Default for Likelihood {
    fn default() -> Self {
        Self::Bernoulli(Bernoulli {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bernoulli {}

impl LikelihoodKind for Bernoulli {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        bernoulli_log_prob(x, decoded)
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        sigmoid(decoded)
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        (!binary_pixels)
            .then_some("grey pixels under a Bernoulli make it a cross-entropy; binarise them with pixels = \"dynamic\"")
    }
}
