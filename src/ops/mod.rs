//! Tensor operations that deserve their own kernel: a plain definition for every backend, and a fast one for the CPU
//! that a test holds equal to it, gradients included.

#[cfg(feature = "cpu")]
mod flex;
pub mod memory;
pub mod noise;
pub mod plain;
pub mod random;
pub mod team;
pub mod vector;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Whether tensors on `device` lie in the processor's memory, where it can write them itself.
pub fn on_host(device: &Device) -> bool {
    #[cfg(feature = "cpu")]
    if *device == Device::flex() {
        return true;
    }
    #[cfg(feature = "ndarray")]
    {
        #[expect(deprecated, reason = "burn deprecates this backend for Flex")]
        let ndarray = Device::ndarray();
        if *device == ndarray {
            return true;
        }
    }
    let _ = device;
    false
}

/// `data`, made on `device` without autodiff, as a tensor of that device.
pub fn made_on<const D: usize>(device: &Device, data: Tensor<D>) -> Tensor<D> {
    if device.is_autodiff() {
        Tensor::from_inner(data)
    } else {
        data
    }
}

/// What follows a layer's affine map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    #[default]
    Relu,
    Tanh,
    None,
}

/// The sliding window of a convolution: one kernel and stride for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: usize,
    pub stride: usize,
    /// `[vertical, horizontal]`: zeros put before and after; for a transposed convolution, rows cut off there.
    pub padding: [(usize, usize); 2],
    /// `[vertical, horizontal]`, transposed only: rows that no window reaches, at the end.
    pub output_padding: [usize; 2],
}

/// A convolution between images of two sizes, with bias and activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// `[C, H, W]`.
    pub input: [usize; 3],
    /// `[C, H, W]`.
    pub output: [usize; 3],
    pub window: Window,
    pub activation: Activation,
    /// Of the input and of the output.
    pub layouts: [Layout; 2],
}

/// How the values of a map follow one another in a flat tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[C, H, W]`: as images come, and as dense layers have their units.
    #[default]
    ChannelsFirst,
    /// `[H, W, C]`: as convolutions read and write them best.
    ChannelsLast,
}

/// activation(conv(x) + b).
///
/// # Shapes
/// `x`: `[N, input]`, flat; `weight`: `[out, in, k, k]`, `bias`: `[out]`; result: `[N, output]`, flat.
pub fn convolve(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&x) {
        return flex::convolve(x, weight, bias, convolution);
    }
    plain::convolve(x, weight, bias, convolution)
}

/// activation(conv_transposed(x) + b).
///
/// # Shapes
/// `x`: `[N, input]`, flat; `weight`: `[in, out, k, k]`, `bias`: `[out]`; result: `[N, output]`, flat.
pub fn convolve_transposed(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&x) {
        return flex::convolve_transposed(x, weight, bias, convolution);
    }
    plain::convolve_transposed(x, weight, bias, convolution)
}

/// activation(x W + b).
///
/// # Shapes
/// `x`: `[N, I]`, `weight`: `[I, O]`, `bias`: `[O]`; result: `[N, O]`.
pub fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&x) {
        return flex::dense(x, weight, bias, activation);
    }
    plain::dense(x, weight, bias, activation)
}

/// log p(x | logits) of a Bernoulli, summed over the values of an image, in nats. `x` is data: it has no gradient.
///
/// # Shapes
/// `x`: `[B, P]`; `logits`: `[K, B, P]`; result: `[K, B]`.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&logits) {
        return flex::bernoulli_log_prob(x, logits);
    }
    plain::bernoulli_log_prob(x, logits)
}

/// The sum over the values of an image of (x - m)^2, where m is the output or, if `logistic`, its logistic function. `x` is
/// data: it has no gradient.
///
/// # Shapes
/// `x`: `[B, P]`; `outputs`: `[K, B, P]`; result: `[K, B]`.
pub fn squared_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&outputs) {
        return flex::squared_error(x, outputs, logistic);
    }
    plain::squared_error(x, outputs, logistic)
}

/// The reparameterisation z = mean + exp(log_var / 2) * noise (Kingma, Welling 2014, section 2.4). `noise` is data: it has
/// no gradient.
///
/// # Shapes
/// `mean`, `log_var`: `[B, D]`; `noise` and the result: `[K, B, D]`.
pub fn reparameterise(mean: Tensor<2>, log_var: Tensor<2>, noise: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if flex::runs(&mean) {
        return flex::reparameterise(mean, log_var, noise);
    }
    plain::reparameterise(mean, log_var, noise)
}

/// KL(N(mean, exp(log_var)) || N(0, I)) latent by latent: 1/2 (m^2 + s^2 - 1 - log s^2) (Kingma, Welling 2014, appendix B).
///
/// # Shapes
/// All: `[B, D]`, nats, none below zero but for rounding.
pub fn kl_to_standard_normal(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::runs(&mean) {
        return flex::kl_to_standard_normal(mean, log_var);
    }
    plain::kl_to_standard_normal(mean, log_var)
}

/// The sum of the squares, `[n]` -> `[1]`: on the CPU in an order that does not depend on the number of threads, which
/// burn-flex's own sum of a large tensor does.
pub fn sum_of_squares(values: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::runs(&values) {
        return flex::sum_of_squares(values);
    }
    plain::sum_of_squares(values)
}

/// One step of Adam on one parameter (Kingma, Ba 2015, algorithm 1): the new weight; the moments are replaced.
///
/// # Shapes
/// `weight`, `gradient`, `mean` and `square`: `[n]`, without autodiff.
pub fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    mean: &mut Tensor<1>,
    square: &mut Tensor<1>,
    step: AdamStep,
) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::runs(&weight) {
        return flex::adam(weight, gradient, mean, square, step);
    }
    plain::adam(weight, gradient, mean, square, step)
}

/// The numbers of one step of Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// rate / (1 - beta1^t).
    pub rate: f64,
    /// 1 / sqrt(1 - beta2^t).
    pub unbias: f64,
    /// Whether moments far below epsilon become 0 first: every 64th step, or they would become denormal numbers.
    pub flush: bool,
}

impl AdamStep {
    /// `step` counts from 1.
    pub fn new([beta1, beta2, epsilon]: [f64; 3], step: u64, rate: f64) -> Self {
        let flush = step.is_multiple_of(64);
        let step = step as f64;
        let unbias = (1.0 - beta2.powf(step)).sqrt().recip();
        Self {
            beta1,
            beta2,
            epsilon,
            rate: rate / (1.0 - beta1.powf(step)),
            unbias,
            flush,
        }
    }
}

/// Moments next to which an epsilon of 1e-8 is everything become 0, the square's after the mean's. Those of a weight whose
/// gradient has vanished shrink for ever, and with denormal numbers a step takes two to three times as long.
#[cfg(feature = "cpu")]
#[inline(always)]
fn flushed(mean: f32, square: f32) -> (f32, f32) {
    let mean = if mean.abs() < 1e-30 { 0.0 } else { mean };
    (
        mean,
        if mean == 0.0 && square < 1e-34 {
            0.0
        } else {
            square
        },
    )
}
