//! P(byte | z): the probability that a logistic distribution, or a mixture of several, gives to a byte's bin. The first
//! and the last bin include the tails (Kingma et al. 2016, "Improved variational inference with inverse autoregressive
//! flow"; Salimans et al. 2017, "PixelCNN++", equation 2). It is a probability of bytes, so its bits per dimension are
//! comparable with the literature.
//!
//! As in PixelCNN++ the bytes 0 to 255 are mapped to [-1, 1], a bin is w = 2/255 wide, and the decoder gives a mean m
//! and the log of a scale s. Let a and b be the distances of the bin's ends from the mean, in scales. The probability
//! is sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - e^(a - b)), and its log is a sum of three terms that do not cancel
//! in either tail: log sigma(b) + log sigma(-a) + log(1 - e^(-w / s)). The first bin has no a, the last no b.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax, softmax};
use serde::{Deserialize, Serialize};

use super::decay::{decay, with_slope};
use super::{ImageDistribution, LikelihoodKind, LikelihoodModule};
use crate::check::count;
use crate::density::log_sum_exp;
use crate::error::Result;
use crate::model::Init;
use crate::ops::sum_last_axis;

/// The width w of a bin.
const WIDTH: f64 = 2.0 / 255.0;

/// The lower bound of log s, as in PixelCNN++. PixelCNN++ clamps log s; here it approaches the bound smoothly, so that
/// its gradient is never 0. A bin is then at most 8.6 scales wide, and an inner byte has a probability of at most
/// 0.973, which costs at least 0.04 bits.
const SMALLEST: f64 = -7.0;

#[derive(Module, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The logistic distributions of each value, `[K, B, M, P]`.
struct Mixture {
    mean: Tensor<4>,
    log_scale: Tensor<4>,
    /// The logits of the components' weights. `None` for a single component.
    weight: Option<Tensor<4>>,
}

impl DiscretisedLogistic {
    /// Splits the outputs, in this order: `M` means, `M` log scales and, for more than one, `M` weights.
    ///
    /// # Shapes
    /// `outputs`: `[K, B, outputs_per_value, P]`.
    fn mixture(&self, outputs: &Tensor<4>) -> Mixture {
        let m = self.components;
        let part = |i: usize| outputs.clone().narrow(2, i * m, m);
        // SMALLEST + log(1 + e^(output - SMALLEST)).
        let log_scale = log_sigmoid(part(1).neg() + SMALLEST).neg() + SMALLEST;
        Mixture {
            mean: part(0),
            log_scale,
            weight: (m > 1).then(|| part(2)),
        }
    }
}

impl LikelihoodKind for DiscretisedLogistic {
    fn outputs_per_value(&self) -> usize {
        if self.components == 1 {
            2
        } else {
            3 * self.components
        }
    }

    fn module(&self, _init: &Init) -> LikelihoodModule {
        self.clone().into()
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
        let [b, p] = x.dims();
        let [k, _, _] = decoded.dims();
        let Mixture {
            mean,
            log_scale,
            weight,
        } = self.mixture(&decoded.reshape([k, b, self.outputs_per_value(), p]));
        // Data: [1, B, 1, P]. The end of a bin is exactly the start of the next.
        let byte = (x.without_autodiff().reshape([1, b, 1, p]) * 255.0).round();
        let (start, end) = (
            (byte.clone() * 2.0 - 256.0) / 255.0,
            (byte.clone() * 2.0 - 254.0) / 255.0,
        );
        let has_start = byte.clone().greater_elem(0.5).float();
        let has_end = byte.lower_elem(254.5).float();

        let narrowness = log_scale.clone().neg().exp(); // 1 / s
        let below_end = log_sigmoid((mean.clone() - end).neg() * narrowness.clone());
        let above_start = log_sigmoid((mean - start) * narrowness.clone());
        let width = narrowness * WIDTH;
        let [g, slope] = decay(width.clone());
        let within = with_slope(g, slope, width) - log_scale + WIDTH.ln(); // log(1 - e^(-w / s))
        let mut log_share = below_end * has_end.clone()
            + above_start * has_start.clone()
            + within * (has_start * has_end);
        if let Some(weight) = weight {
            log_share = log_sum_exp(log_share + log_softmax(weight, 2), 2);
        }
        sum_last_axis(log_share).reshape([k, b])
    }

    /// Returns the mean of the distribution clamped to the range of the bytes, before rounding:
    /// (s / 2) (log(1 + e^((m + 1) / s)) - log(1 + e^((m - 1) / s))), the integral of P(X > t). The mean after rounding
    /// to bytes differs by at most 0.16 of a grey level, at the smallest scale, and by less than 0.001 if s is more than
    /// half a level.
    fn mean(&self, decoded: Tensor<2>) -> Tensor<2> {
        let (n, outputs) = (decoded.dims()[0], self.outputs_per_value());
        let p = decoded.dims()[1] / outputs;
        let Mixture {
            mean,
            log_scale,
            weight,
        } = self.mixture(&decoded.reshape([1, n, outputs, p]));
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
