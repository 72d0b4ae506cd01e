//! p(x | z) = C(lambda) lambda^x (1 - lambda)^(1 - x) per pixel, with x in [0, 1] and lambda the logistic function of
//! the decoder's output l (Loaiza-Ganem, Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in
//! variational autoencoders", equations 5 to 9). It is a Bernoulli for values from 0 to 1, and the normaliser C = 2 artanh(1 -
//! 2 lambda) / (1 - 2 lambda), which is 2 at lambda = 1/2, makes it a density.
//!
//! As a function of l it is an exponential distribution, p = e^(l x) / (integral of e^(l t) over t in [0, 1]), whose
//! log is x l - max(l, 0) - g(|l|) with the g of [`super::decay`]. No terms cancel, neither at lambda = 1/2 (l = 0) nor
//! if lambda rounds to 0 or 1 in float32. The slope in l is x - E[x].

use burn::module::Module;
use burn::tensor::{Tensor, activation::relu};
use serde::{Deserialize, Serialize};

use super::decay::{decay, with_slope};
use super::{ImageDistribution, LikelihoodKind, LikelihoodModule, density_caveat};
use crate::model::Init;
use crate::ops::sum_last_axis;

#[derive(Module, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousBernoulli {}

impl LikelihoodKind for ContinuousBernoulli {
    fn module(&self, _init: &Init) -> LikelihoodModule {
        self.clone().into()
    }

    fn caveat(&self, binary_pixels: bool) -> Option<&'static str> {
        Some(density_caveat(binary_pixels))
    }
}

impl ImageDistribution for ContinuousBernoulli {
    fn log_prob(&self, x: Tensor<2>, decoded: Tensor<3>) -> Tensor<2> {
        let l = decoded.clone().without_autodiff(); // [K, B, P]
        let x = x.without_autodiff().unsqueeze::<3>(); // [1, B, P]
        let short = x.clone() - 1.0;
        let [g, slope] = decay(l.clone().abs());
        // x l - max(l, 0), computed separately for each sign of l.
        let value = relu(l.clone()) * short.clone() - relu(l.clone().neg()) * x.clone() - g;
        // x - E[x], where E[x] is -g'(|l|) or 1 + g'(|l|). This keeps full precision if x and E[x] are near the same
        // end.
        let slope = (slope.clone() + x).mask_where(l.greater_elem(0.0), slope.neg() + short);
        sum_last_axis(with_slope(value, slope, decoded)).squeeze_dim::<2>(2)
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
