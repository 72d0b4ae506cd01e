//! P(byte | z): the probability that a logistic distribution, or a mixture of several, gives to a byte's bin. The first
//! and the last bin include the tails (Kingma et al. 2016, "Improved variational inference with inverse autoregressive
//! flow"; Salimans et al. 2017, "PixelCNN++", equation 2). It is a probability of bytes, so its bits per dimension are
//! comparable with the literature.
//!
//! As in PixelCNN++ the decoder gives a mean m and the log of a scale s. [`ops::discretised_logistic_log_prob`] has the
//! formula.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, softmax};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageDistribution, LikelihoodKind, LikelihoodModule};
use crate::check::count;
use crate::error::Result;
use crate::model::{Features, Graph, Init, NodeId, Operation};
use crate::ops::plain::LogisticMixture;
use crate::ops::{self, outputs_per_value};

#[derive(Module, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiscretisedLogistic {
    /// `M`, the number of logistic distributions that are mixed for each value. The decoder's last layer is widened to
    /// 2 outputs per value for one distribution, and to 3 M for more.
    pub components: usize,
}

impl Default for DiscretisedLogistic {
    fn default() -> Self {
        Self { components: 1 }
    }
}

impl LikelihoodKind for DiscretisedLogistic {
    fn outputs_per_value(&self) -> usize {
        outputs_per_value(self.components)
    }

    fn module(&self, _init: &Init) -> LikelihoodModule {
        self.clone().into()
    }

    fn trace_mean(&self, decoded: NodeId, image: Features, graph: &mut Graph) -> NodeId {
        let components = self.components;
        graph.push(
            Operation::LogisticMixtureMean { components },
            [decoded],
            image,
        )
    }

    /// Returns `None`: it is a probability of bytes, and so also of binary pixels, which are the bytes 0 and 255.
    fn caveat(&self, _binary_pixels: bool) -> Option<&'static str> {
        None
    }

    fn check(&self) -> Result<()> {
        // There is no use for more components than there are bytes.
        count(
            "likelihood.discretised-logistic.components",
            self.components,
            256,
        )
    }
}

impl ImageDistribution for DiscretisedLogistic {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        ops::discretised_logistic_log_prob(x, decoded, self.components)
    }

    /// Returns the mean of the distribution clamped to the range of the bytes, before rounding:
    /// (s / 2) (log(1 + e^((m + 1) / s)) - log(1 + e^((m - 1) / s))), the integral of P(X > t). The mean after rounding
    /// to bytes differs by at most 0.16 of a grey level, at the smallest scale, and by less than 0.001 if s is more than
    /// half a level.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        let (n, outputs) = (decoded.dims()[0], self.outputs_per_value());
        let p = decoded.dims()[1] / outputs;
        let LogisticMixture {
            mean,
            log_scale,
            weight,
        } = LogisticMixture::split(&decoded.reshape([1, n, outputs, p]), self.components);
        let narrowness = log_scale.neg().exp();
        let softplus = |y: Tensor<4>| log_sigmoid(y.neg()).neg();
        // Half the range, in scales. For tiny values the difference below would be mostly rounding, and 1/200 gives the
        // same result.
        let half = narrowness.clone().clamp_min(0.005);
        let middle = mean * narrowness;
        // Computed for a mean below the middle, where both terms are small if they are close to each other. The other
        // side is the mirror image.
        let side = middle.clone().abs().neg();
        let low =
            (softplus(side.clone() + half.clone()) - softplus(side - half.clone())) / (half * 2.0);
        let means = low
            .clone()
            .mask_where(middle.greater_elem(0.0), low.neg() + 1.0);
        let mean = match weight {
            Some(weight) => (means * softmax(weight, 2)).sum_dim(2),
            None => means,
        };
        mean.clamp(0.0, 1.0).reshape([n, p])
    }
}
