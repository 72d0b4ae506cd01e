//! p(x | z) = p^x (1 - p)^(1 - x) per pixel, with p the logistic function of the decoder's output (Kingma, Welling
//! 2014, appendix C.1).

use burn::module::Module;
use burn::tensor::{Tensor, activation::sigmoid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageDistribution, LikelihoodKind, LikelihoodModule};
use crate::model::{Activation, Features, Graph, Init, NodeId};
use crate::ops::{PixelLikelihood, bernoulli_log_prob};

#[derive(Module, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bernoulli {}

impl LikelihoodKind for Bernoulli {
    fn module(&self, _init: &Init) -> LikelihoodModule {
        self.clone().into()
    }

    fn trace_mean(&self, decoded: NodeId, _image: Features, graph: &mut Graph) -> NodeId {
        graph.activated(decoded, Activation::Sigmoid)
    }

    fn takes_logits(&self) -> bool {
        true
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        (!binary_pixels)
            .then_some("pixel values between 0 and 1 under a Bernoulli make it a cross-entropy; binarise them with pixels = \"dynamic\"")
    }
}

impl ImageDistribution for Bernoulli {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        bernoulli_log_prob(x, decoded)
    }

    fn pixels(&self) -> Option<PixelLikelihood> {
        Some(PixelLikelihood::Bernoulli)
    }

    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        sigmoid(decoded)
    }
}
