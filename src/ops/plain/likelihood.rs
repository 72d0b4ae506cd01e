//! The plain definitions of likelihoods with one output for each value, and of errors.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};

use super::decay::{decay, with_slope};

/// Computes log p(x) = x l - log(1 + e^l) as `log_sigmoid(l) - (1 - x) l`, which does not overflow at any logit and
/// takes one fused pass for the logarithm.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    let values = log_sigmoid(logits.clone()) - (x.detach().unsqueeze::<3>().neg() + 1.0) * logits;
    sum_over_values(values)
}

/// Computes log p(x) = x l - max(l, 0) - g(|l|) with the g of [`decay`]. The slope in l is x - E[x].
pub fn continuous_bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    let l = logits.clone().without_autodiff(); // [K, B, P]
    let x = x.without_autodiff().unsqueeze::<3>(); // [1, B, P]
    let short = x.clone() - 1.0;
    let [g, slope] = decay(l.clone().abs());
    // x l - max(l, 0), computed separately for each sign of l.
    let value = relu(l.clone()) * short.clone() - relu(l.clone().neg()) * x.clone() - g;
    // x - E[x], where E[x] is -g'(|l|) or 1 + g'(|l|). This keeps full precision if x and E[x] are near the same end.
    let slope = (slope.clone() + x).mask_where(l.greater_elem(0.0), slope.neg() + short);
    sum_over_values(with_slope(value, slope, logits))
}

pub fn squared_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    sum_over_values(error(x, outputs, logistic).square())
}

pub fn absolute_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    sum_over_values(error(x, outputs, logistic).abs())
}

fn error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<3> {
    let means = if logistic { sigmoid(outputs) } else { outputs };
    means - x.detach().unsqueeze::<3>()
}

fn sum_over_values(values: Tensor<3>) -> Tensor<2> {
    values.sum_dim(2).squeeze_dim::<2>(2)
}
