//! The logarithms of likelihoods, and errors, summed over the values of an image. In all of them `x` is data and gets no
//! gradient.

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::kernels::flex;
use super::plain;

/// Returns log p(x | logits) of a Bernoulli distribution, summed over the values of an image, in nats.
///
/// # Shapes
/// `x`: `[B, P]`; `logits`: `[K, B, P]`; result: `[K, B]`.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&logits) {
        return flex::bernoulli_log_prob(x, logits);
    }
    plain::bernoulli_log_prob(x, logits)
}

/// Returns log p(x | logits) of a continuous Bernoulli distribution (Loaiza-Ganem, Cunningham 2019, equations 5 to 9),
/// summed over the values of an image, in nats.
///
/// # Shapes
/// `x`: `[B, P]`, from 0 to 1; `logits`: `[K, B, P]`; result: `[K, B]`.
pub fn continuous_bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&logits) {
        return flex::continuous_bernoulli_log_prob(x, logits);
    }
    plain::continuous_bernoulli_log_prob(x, logits)
}

/// Returns log P(x | outputs) of bytes under a mixture of `components` discretised logistic distributions (Salimans et
/// al. 2017, equation 2), summed over the values of an image, in nats.
///
/// # Shapes
/// `x`: `[B, P]`, a byte over 255 each; `outputs`: `[K, B, O P]`, with the O of [`super::outputs_per_value`]: all means,
/// then all log scales, then all weights of the image; result: `[K, B]`.
pub fn discretised_logistic_log_prob(
    x: Tensor<2>,
    outputs: Tensor<3>,
    components: usize,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&outputs) {
        return flex::discretised_logistic_log_prob(x, outputs, components);
    }
    plain::discretised_logistic_log_prob(x, outputs, components)
}

/// Returns the sum over the values of an image of (x - m)^2, where m is the output or, if `logistic`, the logistic
/// function of the output.
///
/// # Shapes
/// `x`: `[B, P]`; `outputs`: `[K, B, P]`; result: `[K, B]`.
pub fn squared_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&outputs) {
        return flex::squared_error(x, outputs, logistic);
    }
    plain::squared_error(x, outputs, logistic)
}

/// Returns the sum over the values of an image of |x - m|, where m is the output or, if `logistic`, the logistic function
/// of the output.
///
/// # Shapes
/// `x`: `[B, P]`; `outputs`: `[K, B, P]`; result: `[K, B]`.
pub fn absolute_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&outputs) {
        return flex::absolute_error(x, outputs, logistic);
    }
    plain::absolute_error(x, outputs, logistic)
}
