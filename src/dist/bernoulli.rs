//! The Bernoulli distribution on logits: log p(x) = x l - log(1 + e^l), p = 1 / (1 + e^-l).

use burn::tensor::{Tensor, activation::log_sigmoid};

/// log p(x | logits), value by value, in nats. `x` may lie between 0 and 1; it is then the negative cross-entropy,
/// which is not the logarithm of a density.
///
/// Written as `log_sigmoid(l) - (1 - x) l`: no overflow at any logit, and one fused pass for the logarithm.
///
/// # Shapes
/// `x`, `logits` and the result: `[.., P]`, broadcast against each other.
pub fn bernoulli_log_prob<const D: usize>(x: Tensor<D>, logits: Tensor<D>) -> Tensor<D> {
    log_sigmoid(logits.clone()) - (x.neg() + 1.0) * logits
}
