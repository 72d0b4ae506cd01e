//! Tensor operations with a kernel of their own. Each has a plain definition, [`plain`], which every backend can run,
//! and a fast one for the CPU in `kernels`; tests hold the two equal, gradients included.
//!
//! This module is the only way to `kernels`, which also has the thread pool and SIMD dispatch.

mod activation;
mod convolution;
mod dense_elbo;
mod discretised_logistic;
mod kernels;
mod likelihood;
mod log_sum_exp;
pub mod noise;
mod normalisation;
mod optimizer;
pub mod plain;
pub mod random;
mod recompute;
mod resampling;

use burn::tensor::{Device, Tensor};

pub use activation::{Activation, LEAK};
pub use convolution::{Convolution, MapLayout, Window};
pub use dense_elbo::{DenseBatch, DenseElbo, DenseVae, DenseWeights, PixelLikelihood, dense_elbo};
pub use discretised_logistic::{SMALLEST_LOG_SCALE, outputs_per_value};
#[cfg(feature = "cpu")]
use kernels::flex;
#[cfg(feature = "cpu")]
pub use kernels::instruction_set;
pub use kernels::{math, pool, simd, simulation};
pub use likelihood::{
    absolute_error, bernoulli_log_prob, continuous_bernoulli_log_prob,
    discretised_logistic_log_prob, squared_error,
};
pub use log_sum_exp::log_sum_exp;
pub use normalisation::{EPSILON, Normalisation};
pub use optimizer::{
    AdamParameter, AdamStep, RmsPropMoments, RmsPropStep, SgdStep, WeightDecay, accumulate, adam,
    move_towards, rmsprop, sgd,
};
pub use recompute::{Section, recompute};
pub use resampling::Resampling;

/// Returns whether tensors on `device` are in host memory, so that the processor can write them directly.
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

/// Returns `data`, made on `device` without autodiff, as a tensor of that device.
pub fn made_on<const D: usize>(device: &Device, data: Tensor<D>) -> Tensor<D> {
    if device.is_autodiff() {
        Tensor::from_inner(data)
    } else {
        data
    }
}

/// Returns activation(conv(x) + b).
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
    if flex::uses_kernels(&x) {
        let (convolution, activation) = convolution.without_unfused();
        let y = flex::convolve(x, weight, bias, convolution);
        return activate(y, activation);
    }
    plain::convolve(x, weight, bias, convolution)
}

/// Returns activation(conv_transposed(x) + b).
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
    if flex::uses_kernels(&x) {
        let (convolution, activation) = convolution.without_unfused();
        let y = flex::convolve_transposed(x, weight, bias, convolution);
        return activate(y, activation);
    }
    plain::convolve_transposed(x, weight, bias, convolution)
}

/// Returns activation(x W + b).
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
    if flex::uses_kernels(&x) {
        if activation.is_fused() {
            return flex::dense(x, weight, bias, activation);
        }
        return flex::activate(flex::dense(x, weight, bias, Activation::None), activation);
    }
    plain::dense(x, weight, bias, activation)
}

/// Returns the activation of each value.
///
/// # Shapes
/// `x` and the result: `[N, F]`.
pub fn activate(x: Tensor<2>, activation: Activation) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if activation != Activation::None && flex::uses_kernels(&x) {
        return flex::activate(x, activation);
    }
    plain::activate(x, activation)
}

/// Returns activation(scale x' + shift), where x' is `x` normalised in each group of channels of an image (Wu, He 2018,
/// equations 1 to 3).
///
/// # Shapes
/// `x` and the result: `[N, C H W]`, flat; `scale`, `shift`: `[C]`.
pub fn normalise(
    x: Tensor<2>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    normalisation: Normalisation,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&x) {
        return flex::normalise(x, scale, shift, normalisation);
    }
    plain::normalise(x, scale, shift, normalisation)
}

/// Returns conv(normalise(x)) + bias + residual: half of a residual block with its activations before the convolutions
/// (He et al. 2016, "Identity mappings in deep residual networks", figure 4e). The convolution has no activation, and the
/// layout of its input is that of the normalisation's output.
///
/// # Shapes
/// `x`: `[N, input]`, flat; `scale`, `shift`: `[in]`; `weight`: `[out, in, k, k]`, `bias`: `[out]`; `residual` and the
/// result: `[N, output]`, flat, in the same layout.
pub fn normalised_convolve(
    x: Tensor<2>,
    [scale, shift]: [Tensor<1>; 2],
    normalisation: Normalisation,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
    residual: Option<Tensor<2>>,
) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&x) {
        return flex::normalised_convolve(
            x,
            [scale, shift],
            normalisation,
            weight,
            bias,
            convolution,
            residual,
        );
    }
    plain::normalised_convolve(
        x,
        [scale, shift],
        normalisation,
        weight,
        bias,
        convolution,
        residual,
    )
}

/// Returns the map with each pixel repeated in a square of `factor` x `factor` pixels (nearest neighbours).
///
/// # Shapes
/// `x`: `[N, small]`, flat; result: `[N, big]`, flat.
pub fn upsample(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&x) {
        return flex::upsample(x, resampling);
    }
    plain::upsample(x, resampling)
}

/// Returns the mean of each square of `factor` x `factor` pixels. A square that reaches beyond the map is the mean of its
/// pixels inside.
///
/// # Shapes
/// `x`: `[N, big]`, flat; result: `[N, small]`, flat.
pub fn average_pool(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&x) {
        return flex::average_pool(x, resampling);
    }
    plain::average_pool(x, resampling)
}

/// Returns the reparameterisation z = mean + exp(log_var / 2) * noise (Kingma, Welling 2014, section 2.4). `noise` is
/// data and gets no gradient.
///
/// # Shapes
/// `mean`, `log_var`: `[B, D]`; `noise` and the result: `[K, B, D]`.
pub fn reparameterise(mean: Tensor<2>, log_var: Tensor<2>, noise: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&mean) {
        return flex::reparameterise(mean, log_var, noise);
    }
    plain::reparameterise(mean, log_var, noise)
}

/// Returns KL(N(mean, exp(log_var)) || N(0, I)) for each latent: 1/2 (m^2 + s^2 - 1 - log s^2) (Kingma, Welling 2014,
/// appendix B).
///
/// # Shapes
/// All: `[B, D]`, in nats, not below zero except for rounding.
pub fn kl_to_standard_normal(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&mean) {
        return flex::kl_to_standard_normal(mean, log_var);
    }
    plain::kl_to_standard_normal(mean, log_var)
}

/// Returns the sum over the last axis, which is kept with length 1. On the CPU the order of the sum does not depend on the
/// processor. In burn-flex's own sum over this axis it depends on the width of the vectors, so nothing that training minimises
/// uses that one.
pub fn sum_last_axis<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&values) {
        return flex::sum_last_axis(values);
    }
    plain::sum_last_axis(values)
}

/// Repeats the only value of the last axis. The gradient is the sum over this axis, as [`sum_last_axis`] gives it, where a
/// broadcast value would get burn's sum.
pub fn repeat_last_axis<const D: usize>(values: Tensor<D>, count: usize) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&values) {
        return flex::repeat_last_axis(values, count);
    }
    plain::repeat_last_axis(values, count)
}

/// Returns the product of two matrices. On the CPU the order of its sums does not depend on the processor.
///
/// # Shapes
/// `a`: `[N, I]`; `b`: `[I, O]`; result: `[N, O]`.
pub fn product(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&a) {
        let bias = Tensor::zeros([b.dims()[1]], &a.device());
        return flex::dense(a, b, bias, Activation::None);
    }
    a.matmul(b)
}

/// Returns the sum of the squares of `values`. On the CPU the order of the sum does not depend on the number of
/// threads. In burn-flex's own sum of a large tensor it does.
///
/// # Shapes
/// `values`: `[n]`; result: `[1]`.
pub fn sum_of_squares(values: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&values) {
        return flex::sum_of_squares(values);
    }
    plain::sum_of_squares(values)
}

/// Returns 0 if all `values` are finite, and otherwise NaN.
///
/// # Shapes
/// `values`: `[n]`, without autodiff; result: `[1]`.
pub fn zero_if_finite(values: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if flex::uses_kernels(&values) {
        return flex::zero_if_finite(values);
    }
    plain::zero_if_finite(values)
}
