//! The plain definition of the discretised logistic distribution.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax};

use super::decay::{decay, with_slope};
use crate::ops::discretised_logistic::{BIN_WIDTH, SMALLEST_LOG_SCALE, outputs_per_value};
use crate::ops::log_sum_exp;

/// The logistic distributions of each value, `[K, B, M, P]`.
#[derive(Debug)]
pub struct LogisticMixture {
    pub mean: Tensor<4>,
    pub log_scale: Tensor<4>,
    /// The logits of the components' weights. `None` for a single component.
    pub weight: Option<Tensor<4>>,
}

impl LogisticMixture {
    /// Splits the outputs, in this order: `M` means, `M` log scales and, for more than one, `M` weights.
    ///
    /// # Shapes
    /// `outputs`: `[K, B, O, P]`.
    pub fn split(outputs: &Tensor<4>, components: usize) -> Self {
        let m = components;
        let part = |i: usize| outputs.clone().narrow(2, i * m, m);
        // SMALLEST + log(1 + e^(output - SMALLEST)).
        let log_scale = log_sigmoid(part(1).neg() + SMALLEST_LOG_SCALE).neg() + SMALLEST_LOG_SCALE;
        Self {
            mean: part(0),
            log_scale,
            weight: (m > 1).then(|| part(2)),
        }
    }
}

/// Let a and b be the distances of a bin's ends from the mean, in scales s, and w the width of a bin. The probability is
/// sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - e^(a - b)), and its log is a sum of three terms that do not cancel in
/// either tail: log sigma(b) + log sigma(-a) + log(1 - e^(-w / s)). The first bin has no a, the last no b.
pub fn discretised_logistic_log_prob(
    x: Tensor<2>,
    outputs: Tensor<3>,
    components: usize,
) -> Tensor<2> {
    let [b, p] = x.dims();
    let [k, _, _] = outputs.dims();
    let outputs = outputs.reshape([k, b, outputs_per_value(components), p]);
    let LogisticMixture {
        mean,
        log_scale,
        weight,
    } = LogisticMixture::split(&outputs, components);
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
    let width = narrowness * BIN_WIDTH;
    let [g, slope] = decay(width.clone());
    let within = with_slope(g, slope, width) - log_scale + BIN_WIDTH.ln(); // log(1 - e^(-w / s))
    let mut log_share = below_end * has_end.clone()
        + above_start * has_start.clone()
        + within * (has_start * has_end);
    if let Some(weight) = weight {
        log_share = log_sum_exp(log_share + log_softmax(weight, 2), 2);
    }
    log_share.sum_dim(3).reshape([k, b])
}
