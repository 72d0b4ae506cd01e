//! A convolution of activation(group norm(x)), as in a residual block. The values that the windows read are computed
//! while x is framed, and again in the backward pass, so that only x itself is kept.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::backward::ConvolutionState;
use super::directed::DirectedConvolution;
use super::input::FrameInput;
use super::windows::Frame;
use crate::ops::MapLayout;
use crate::ops::convolution::Convolution;
use crate::ops::kernels::flex::feature_map::FeatureMap;
use crate::ops::kernels::flex::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::kernels::group_norm::{Affine, GroupStatistics};
use crate::ops::kernels::pool;
use crate::ops::normalisation::Normalisation;

/// The fast form of [`crate::ops::normalised_convolve`].
pub fn normalised_convolve(
    x: Tensor<2>,
    [scale, shift]: [Tensor<1>; 2],
    normalisation: Normalisation,
    weight: Tensor<4>,
    bias: Tensor<1>,
    convolution: Convolution,
    residual: Option<Tensor<2>>,
) -> Tensor<2> {
    let operation = NormalisedConvolution {
        normalisation,
        convolution: DirectedConvolution {
            convolution,
            down: true,
        },
    };
    let is_tracked = [&scale, &shift, &bias]
        .iter()
        .any(|part| part.is_autodiff());
    if !(is_tracked || x.is_autodiff() || weight.is_autodiff()) {
        let parameters = [scale, shift].map(untracked);
        let state = operation.state(untracked(x), parameters, untracked(weight));
        let residual = residual.map(untracked);
        let output = operation.forward(&state, &untracked(bias), residual.as_ref());
        return Tensor::from_primitive::<Flex>(output);
    }
    let (x, residual) = (tracked(x), residual.map(tracked));
    let parameters = [scale, shift].map(tracked);
    let (weight, bias) = (tracked(weight), tracked(bias));
    let [scale, shift] = &parameters;
    let nodes = [
        x.node(),
        scale.node(),
        shift.node(),
        weight.node(),
        bias.node(),
    ];
    let state = operation.state(
        x.into_primitive(),
        parameters.map(|parameter| parameter.into_primitive()),
        weight.into_primitive(),
    );
    let output = match residual {
        None => {
            let output = operation.forward(&state, bias.primitive(), None);
            match operation
                .prepare::<NoCheckpointing>(nodes)
                .compute_bound()
                .stateful()
            {
                OpsKind::Tracked(prep) => prep.finish(state, output),
                OpsKind::UnTracked(prep) => prep.finish(output),
            }
        }
        Some(residual) => {
            let output = operation.forward(&state, bias.primitive(), Some(residual.primitive()));
            let [a, b, c, d, e] = nodes;
            match WithResidual(operation)
                .prepare::<NoCheckpointing>([a, b, c, d, e, residual.node()])
                .compute_bound()
                .stateful()
            {
                OpsKind::Tracked(prep) => prep.finish(state, output),
                OpsKind::UnTracked(prep) => prep.finish(output),
            }
        }
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

#[derive(Clone, Copy, Debug)]
struct NormalisedConvolution {
    normalisation: Normalisation,
    convolution: DirectedConvolution,
}

/// The same, with a map that is added to the output.
#[derive(Clone, Copy, Debug)]
struct WithResidual(NormalisedConvolution);

/// The tensors and statistics that the backward pass needs.
#[derive(Clone, Debug)]
struct NormalisedState {
    convolution: ConvolutionState,
    /// The scale and the shift of the normalisation.
    parameters: [FlexTensor; 2],
    /// Those of each image.
    statistics: Arc<[GroupStatistics]>,
}

/// The input of the convolution: the normalised images of a batch.
struct NormalisedInput<'a> {
    normalisation: Normalisation,
    affine: Affine<'a>,
    statistics: &'a [GroupStatistics],
}

impl FrameInput for NormalisedInput<'_> {
    fn fill(&self, image: usize, x: &[f32], frame: &Frame, into: &mut [f32]) {
        let x = self.normalisation.feature_map(0).channels_last(x);
        if frame.is_bare() {
            return self.affine.run(&self.statistics[image], &x, into);
        }
        let lines = x.chunks_exact(frame.pitch());
        for ((to, length), line) in frame.lines().zip(lines) {
            let to = &mut into[to..][..length];
            self.affine
                .run(&self.statistics[image], &line[..length], to);
        }
    }

    fn gradient_map(&self) -> FeatureMap {
        FeatureMap {
            layout: MapLayout::ChannelsLast,
            ..self.normalisation.feature_map(0)
        }
    }

    fn parameters(&self) -> usize {
        2 * self.normalisation.map[0]
    }

    fn backward(&self, image: usize, x: &[f32], gradient: &mut [f32], sums: &mut [f32]) {
        let map = self.normalisation.feature_map(0);
        let x = map.channels_last(x);
        self.affine
            .backward(&self.statistics[image], &x, gradient, sums);
        if map.transposition().is_some() {
            let channels_last = gradient.to_vec();
            gradient.fill(0.0);
            map.write(gradient, |gradient| {
                gradient.copy_from_slice(&channels_last)
            });
        }
    }
}

impl NormalisedConvolution {
    /// Measures the images and keeps what the backward pass needs.
    fn state(
        &self,
        x: FlexTensor,
        parameters: [FlexTensor; 2],
        weight: FlexTensor,
    ) -> NormalisedState {
        let length: usize = self.normalisation.map.iter().product();
        let statistics = pool::map(values(&x).chunks_exact(length), |x| {
            let x = self.normalisation.feature_map(0).channels_last(x);
            self.normalisation.statistics(&x)
        });
        NormalisedState {
            convolution: ConvolutionState {
                x,
                weight,
                output: None,
            },
            parameters,
            statistics: statistics.into(),
        }
    }

    fn forward(
        &self,
        state: &NormalisedState,
        bias: &FlexTensor,
        residual: Option<&FlexTensor>,
    ) -> FlexTensor {
        let [scale, shift] = [&state.parameters[0], &state.parameters[1]].map(values);
        let input = NormalisedInput {
            normalisation: self.normalisation,
            affine: self.normalisation.affine(&scale, &shift),
            statistics: &state.statistics,
        };
        let ConvolutionState { x, weight, .. } = &state.convolution;
        self.convolution
            .forward_of(&input, x, weight, bias, residual)
    }

    /// Returns the gradients in x, in the scale, the shift, the weight and the bias.
    fn backward_of(&self, state: &NormalisedState, upstream: &FlexTensor) -> [FlexTensor; 5] {
        let [scale, shift] = [&state.parameters[0], &state.parameters[1]].map(values);
        let input = NormalisedInput {
            normalisation: self.normalisation,
            affine: self.normalisation.affine(&scale, &shift),
            statistics: &state.statistics,
        };
        let mut found = self
            .convolution
            .gradients(&input, &state.convolution, upstream, true);
        let shape: [usize; 2] = state.convolution.x.shape().dims();
        let to_shift = found.parameters.split_off(self.normalisation.map[0]);
        let vector = |values: Vec<f32>| {
            let count = values.len();
            tensor(values, [count])
        };
        [
            tensor(found.x, shape),
            vector(found.parameters),
            vector(to_shift),
            found.weight,
            vector(found.bias),
        ]
    }
}

impl Backward<Flex, 5> for NormalisedConvolution {
    type State = NormalisedState;

    fn backward(
        self,
        ops: Ops<NormalisedState, 5>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let found = self.backward_of(&ops.state, &upstream);
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
    }
}

impl Backward<Flex, 6> for WithResidual {
    type State = NormalisedState;

    fn backward(
        self,
        ops: Ops<NormalisedState, 6>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [x, scale, shift, weight, bias] = self.0.backward_of(&ops.state, &upstream);
        let found = [x, scale, shift, weight, bias, upstream];
        for (node, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, gradient);
            }
        }
    }
}
