//! P(byte | z): the share of a logistic distribution, or of a mixture of several, that lies in a byte's bin, the first and the
//! last bin taking the tails (Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow";
//! Salimans et al. 2017, "PixelCNN++", equation 2). A probability of bytes, so that its bits per dimension are those of the
//! literature.
//!
//! As in PixelCNN++ the bytes 0 to 255 lie on [-1, 1], a bin being w = 2/255 wide, and the decoder gives a mean m and the log
//! of a scale s. With a and b the bin's ends in scales from the mean, the share is sigma(b) - sigma(a) =
//! sigma(b) sigma(-a) (1 - e^(a - b)), whose log is a sum of three terms of which none cancels in either tail:
//! log sigma(b) + log sigma(-a) + log(1 - e^(-w / s)). The first bin has no a, the last no b.

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

/// w, the width of a bin.
const WIDTH: f64 = 2.0 / 255.0;

/// The bound that log s stays above, as in PixelCNN++, which cuts it off there. Here it bends smoothly, so that its gradient
/// is never 0.
/// A bin is then at most 8.6 scales wide, and a byte within has at most 0.973 of the mass: it costs 0.04 bits or more.
const SMALLEST: f64 = -7.0;

#[derive(Module, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscretisedLogistic {
    /// `M`, the number of logistic distributions that are mixed for each value. The decoder's last layer is widened to 2 outputs a
    /// value for one, 3 M for more.
    pub components: usize,
}

impl Default for DiscretisedLogistic {
    fn default() -> Self {
        Self { components: 1 }
    }
}

/// The distributions of each value: `[K, B, M, P]`.
struct Mixture {
    mean: Tensor<4>,
    log_scale: Tensor<4>,
    /// Before the softmax over the components. `None` for a single component.
    weight: Option<Tensor<4>>,
}

impl DiscretisedLogistic {
    /// Splits the outputs in their order: `M` means, `M` log scales and, for more than one, `M` weights.
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

    /// It is a probability of bytes, binary ones (0 and 255) included.
    fn caveat(&self, _binary_pixels: bool) -> Option<&'static str> {
        None
    }

    fn check(&self) -> Result<()> {
        // The number of bytes.
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
        // Data: [1, B, 1, P]. The end of a bin is the same number as the start of the next.
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
        log_share.sum_dim(3).reshape([k, b])
    }

    /// Returns the mean of the distribution cut off at 0 and 255, before it is rounded to bytes: (s / 2) (log(1 + e^((m + 1) / s)) -
    /// log(1 + e^((m - 1) / s))), the integral of P(X > t). The bytes' own mean differs by at most 0.16 of a grey level,
    /// at the smallest scale, and by less than 0.001 where s is more than half a level.
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
        // Half the range, in scales: where it is tiny the difference would be rounding, and is as good as that of 1/200.
        let half = narrowness.clone().clamp_min(0.005);
        let middle = mean * narrowness;
        // Of a mean below the middle, where both terms are small if they are near each other; the other side mirrors it.
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
