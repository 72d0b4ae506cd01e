//! p(x | z) = C(lambda) lambda^x (1 - lambda)^(1 - x) per pixel, with x in [0, 1] and lambda the logistic function of
//! the decoder's output l (Loaiza-Ganem, Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in
//! variational autoencoders", equations 5 to 9). It is a Bernoulli for values from 0 to 1, and the normaliser C = 2 artanh(1 -
//! 2 lambda) / (1 - 2 lambda), which is 2 at lambda = 1/2, makes it a density.
//!
//! As a function of l it is an exponential distribution, p = e^(l x) / (integral of e^(l t) over t in [0, 1]), whose
//! log is x l - max(l, 0) - g(|l|) with the g of [`decay`]. No terms cancel, neither at lambda = 1/2 (l = 0) nor
//! if lambda rounds to 0 or 1 in float32. The slope in l is x - E[x].

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageDistribution, LikelihoodKind, LikelihoodModule, density_caveat};
use crate::model::{Features, Graph, Init, NodeId, Operation};
use crate::ops::{self, PixelLikelihood, plain::decay};

#[derive(Module, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContinuousBernoulli {}

impl LikelihoodKind for ContinuousBernoulli {
    fn module(&self, _init: &Init) -> LikelihoodModule {
        self.clone().into()
    }

    fn trace_mean(&self, decoded: NodeId, image: Features, graph: &mut Graph) -> NodeId {
        graph.push(Operation::ContinuousBernoulliMean, [decoded], image)
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        Some(density_caveat(binary_pixels))
    }
}

impl ImageDistribution for ContinuousBernoulli {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        ops::continuous_bernoulli_log_prob(x, decoded)
    }

    fn pixels(&self) -> Option<PixelLikelihood> {
        Some(PixelLikelihood::ContinuousBernoulli)
    }

    /// Returns lambda / (2 lambda - 1) + 1 / (2 artanh(1 - 2 lambda)), and 1/2 at lambda = 1/2. The mean is not lambda
    /// itself.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        let [_, slope] = decay(decoded.clone().abs());
        slope
            .clone()
            .neg()
            .mask_where(decoded.without_autodiff().greater_elem(0.0), slope + 1.0)
    }
}
