//! The plain definitions, in burn's own operations. Every backend can run them, and the tests compare the fast ones
//! with them. The shapes are documented at the functions of the same names in [`crate::ops`].

mod decay;
mod discretised_logistic;
mod likelihood;
mod optimizer;

use burn::tensor::Tensor;
use burn::tensor::activation::{elu, gelu, leaky_relu, relu, sigmoid, silu, softplus};
use burn::tensor::module::{conv_transpose2d, conv2d, linear};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::activation::{Activation, LEAK};
use super::convolution::{Convolution, MapLayout};
use super::normalisation::{EPSILON, Normalisation};
use super::resampling::Resampling;
pub use decay::{DECAY_SLOPE, decay};
pub use discretised_logistic::{LogisticMixture, discretised_logistic_log_prob};
pub use likelihood::{
    absolute_error, bernoulli_log_prob, continuous_bernoulli_log_prob, squared_error,
};
pub use optimizer::{accumulate, adam, move_towards, rmsprop, sgd};

pub fn activate<const D: usize>(y: Tensor<D>, activation: Activation) -> Tensor<D> {
    match activation {
        Activation::Relu => relu(y),
        Activation::Tanh => y.tanh(),
        Activation::Silu => silu(y),
        Activation::Gelu => gelu(y),
        Activation::LeakyRelu => leaky_relu(y, f64::from(LEAK)),
        Activation::Elu => elu(y, 1.0),
        Activation::Softplus => softplus(y, 1.0),
        Activation::Sigmoid => sigmoid(y),
        Activation::None => y,
    }
}

pub fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<2> {
    activate(linear(x, weight, Some(bias)), activation)
}

pub fn convolve(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    let Convolution {
        window,
        activation,
        layouts,
        ..
    } = convolution;
    let options = ConvOptions::new_with_padding([window.stride; 2], window.padding, [1, 1], 1);
    activate(
        flat(
            conv2d(
                map(x, convolution.input, layouts[0]),
                weight,
                Some(bias),
                options,
            ),
            layouts[1],
        ),
        activation,
    )
}

pub fn convolve_transposed(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    let Convolution {
        window,
        activation,
        layouts,
        output: [_, height, width],
        ..
    } = convolution;
    // burn removes the same number of rows on both sides; the others are removed afterwards.
    let padding = window.padding.map(|(before, after)| before.min(after));
    let options = ConvTransposeOptions::new(
        [window.stride; 2],
        padding,
        window.output_padding,
        [1, 1],
        1,
    );
    let mut y = conv_transpose2d(
        map(x, convolution.input, layouts[0]),
        weight,
        Some(bias),
        options,
    );
    if window.padding.iter().any(|(before, after)| before != after) {
        let [top, left] = [0, 1].map(|axis| window.padding[axis].0 - padding[axis]);
        y = y.narrow(2, top, height).narrow(3, left, width);
    }
    activate(flat(y, layouts[1]), activation)
}

/// Reshapes `[N, C * H * W]` to `[N, C, H, W]`.
fn map(x: Tensor<2>, [c, h, w]: [usize; 3], layout: MapLayout) -> Tensor<4> {
    let [n, _] = x.dims();
    match layout {
        MapLayout::ChannelsFirst => x.reshape([n, c, h, w]),
        MapLayout::ChannelsLast => x.reshape([n, h, w, c]).permute([0, 3, 1, 2]),
    }
}

/// Reshapes `[N, C, H, W]` to `[N, C * H * W]`.
fn flat(y: Tensor<4>, layout: MapLayout) -> Tensor<2> {
    match layout {
        MapLayout::ChannelsFirst => y.flatten(1, 3),
        MapLayout::ChannelsLast => y.permute([0, 2, 3, 1]).flatten(1, 3),
    }
}

pub fn reparameterise(mean: Tensor<2>, log_var: Tensor<2>, noise: Tensor<3>) -> Tensor<3> {
    let scale = (log_var * 0.5).exp();
    mean.unsqueeze::<3>() + scale.unsqueeze::<3>() * noise.detach()
}

pub fn kl_to_standard_normal(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
    (mean.square() + log_var.clone().exp() - log_var - 1.0) * 0.5
}

pub fn sum_last_axis<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    values.sum_dim(D - 1)
}

pub fn repeat_last_axis<const D: usize>(values: Tensor<D>, count: usize) -> Tensor<D> {
    values.repeat_dim(D - 1, count)
}

pub fn sum_of_squares(values: Tensor<1>) -> Tensor<1> {
    values.square().sum()
}

pub fn zero_if_finite(values: Tensor<1>) -> Tensor<1> {
    // 0 times a finite number is 0; 0 times any other number is NaN.
    (values * 0.0).sum()
}

pub fn normalise(
    x: Tensor<2>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    normalisation: Normalisation,
) -> Tensor<2> {
    let Normalisation {
        map: [c, h, w],
        groups,
        activation,
        layouts,
    } = normalisation;
    let [n, _] = x.dims();
    let grouped = map(x, [c, h, w], layouts[0]).reshape([n, groups, c / groups * h * w]);
    let centred = grouped.clone() - grouped.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = (centred / (variance + EPSILON).sqrt()).reshape([n, c, h, w]);
    let each = |parameter: Tensor<1>| parameter.reshape([1, c, 1, 1]);
    activate(
        flat(normal * each(weight) + each(bias), layouts[1]),
        activation,
    )
}

pub fn normalised_convolve(
    x: Tensor<2>,
    [scale, shift]: [Tensor<1>; 2],
    normalisation: Normalisation,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
    residual: Option<Tensor<2>>,
) -> Tensor<2> {
    let x = normalise(x, scale, shift, normalisation);
    let y = convolve(x, weight, bias, convolution);
    match residual {
        Some(residual) => y + residual,
        None => y,
    }
}

pub fn upsample(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    let Resampling {
        big: [c, height, width],
        small: [_, h, w],
        factor,
        layouts,
    } = resampling;
    let [n, _] = x.dims();
    let each = map(x, resampling.small, layouts[0]).reshape([n, c, h, 1, w, 1]);
    let all = each.repeat(&[1, 1, 1, factor, 1, factor]);
    let all = all.reshape([n, c, h * factor, w * factor]);
    flat(all.narrow(2, 0, height).narrow(3, 0, width), layouts[1])
}

pub fn average_pool(x: Tensor<2>, resampling: Resampling) -> Tensor<2> {
    let Resampling {
        big: [c, height, width],
        small: [_, h, w],
        factor,
        layouts,
    } = resampling;
    let sums = |x: Tensor<4>| {
        let [n, ..] = x.dims();
        let [below, right] = [h * factor - height, w * factor - width];
        let padded = x.pad((0, right, 0, below), 0.0);
        let squares = padded.reshape([n * c, h, factor, w, factor]);
        squares.sum_dim(2).sum_dim(4).reshape([n, c, h, w])
    };
    let counts = sums(Tensor::ones([1, c, height, width], &x.device()));
    flat(
        sums(map(x, resampling.big, layouts[0])) / counts,
        layouts[1],
    )
}
