//! Convolutions as products that read their windows in place ("implicit" or "indirect" lowering, Dukhan 2019).
//!
//! They process a few images at a time, so that the caches hold most of their data. Each core has its own images, and sums
//! over images are taken in a fixed order.

mod backward;
mod directed;
mod forward;
mod frames;
mod gradients;
mod input;
mod map_product;
mod normalised;
mod windows;
mod winograd;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, tracked, untracked};
use crate::ops::activation::Activation;
use crate::ops::convolution::Convolution;
use backward::ConvolutionState;
use directed::DirectedConvolution;
pub use normalised::normalised_convolve;

/// The fast form of [`crate::ops::convolve`].
pub fn convolve(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    DirectedConvolution {
        convolution,
        down: true,
    }
    .apply(x, weight, bias)
}

/// The fast form of [`crate::ops::convolve_transposed`].
pub fn convolve_transposed(
    x: Tensor<2>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
) -> Tensor<2> {
    DirectedConvolution {
        convolution,
        down: false,
    }
    .apply(x, weight, bias)
}

impl DirectedConvolution {
    fn apply(self, x: Tensor<2>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<2> {
        if !(x.is_autodiff() || weight.is_autodiff() || bias.is_autodiff()) {
            return Tensor::from_primitive::<Flex>(self.forward(
                &untracked(x),
                &untracked(weight),
                &untracked(bias),
            ));
        }
        let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
        let nodes = [x.node(), weight.node(), bias.node()];
        let output = match self
            .prepare::<NoCheckpointing>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let output = self.forward(&x, &weight, bias.primitive());
                prep.finish(
                    ConvolutionState {
                        x,
                        weight,
                        output: (self.convolution.activation != Activation::None)
                            .then(|| output.clone()),
                    },
                    output,
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(self.forward(x.primitive(), weight.primitive(), bias.primitive()))
            }
        };
        Tensor::from_primitive::<AutodiffFlex>(output)
    }
}
