//! Group normalisation with its activation. Only the input is kept for the backward pass.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::feature_map::FeatureMap;
use super::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::kernels::group_norm::{Affine, GroupStatistics};
use crate::ops::kernels::pool;
use crate::ops::normalisation::Normalisation;

/// The fast form of [`crate::ops::normalise`].
pub fn normalise(
    x: Tensor<2>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    normalisation: Normalisation,
) -> Tensor<2> {
    if !(x.is_autodiff() || scale.is_autodiff() || shift.is_autodiff()) {
        let (y, _) = normalisation.forward(&untracked(x), &untracked(scale), &untracked(shift));
        return Tensor::from_primitive::<Flex>(y);
    }
    let (x, scale, shift) = (tracked(x), tracked(scale), tracked(shift));
    let nodes = [x.node(), scale.node(), shift.node()];
    let output = match NormalisationBackward(normalisation)
        .prepare::<NoCheckpointing>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (x, scale, shift) = (
                x.into_primitive(),
                scale.into_primitive(),
                shift.into_primitive(),
            );
            let (y, statistics) = normalisation.forward(&x, &scale, &shift);
            prep.finish(
                NormalisationState {
                    x,
                    scale,
                    shift,
                    statistics: statistics.into(),
                },
                y,
            )
        }
        OpsKind::UnTracked(prep) => {
            let (y, _) = normalisation.forward(x.primitive(), scale.primitive(), shift.primitive());
            prep.finish(y)
        }
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

impl Normalisation {
    /// Returns the map of the input or, for 1, of the output.
    pub(super) fn feature_map(&self, side: usize) -> FeatureMap {
        FeatureMap {
            shape: self.map,
            layout: self.layouts[side],
        }
    }

    pub(super) fn affine<'a>(&self, scale: &'a [f32], shift: &'a [f32]) -> Affine<'a> {
        Affine {
            scale,
            shift,
            groups: self.groups,
            activation: self.activation,
        }
    }

    /// Measures one image with its channels side by side.
    pub(super) fn statistics(&self, x: &[f32]) -> GroupStatistics {
        GroupStatistics::of(x, self.map[0], self.groups)
    }

    fn forward(
        &self,
        x: &FlexTensor,
        scale: &FlexTensor,
        shift: &FlexTensor,
    ) -> (FlexTensor, Vec<GroupStatistics>) {
        let shape: [usize; 2] = x.shape().dims();
        let length: usize = self.map.iter().product();
        let (x, scale, shift) = (values(x), values(scale), values(shift));
        assert_eq!(x.len(), shape[0] * length);
        let affine = self.affine(&scale, &shift);
        let mut y = vec![0.0; x.len()];
        let images = y.chunks_exact_mut(length).zip(x.chunks_exact(length));
        let statistics = pool::map(images, |(y, x)| {
            let x = self.feature_map(0).channels_last(x);
            let statistics = self.statistics(&x);
            self.feature_map(1)
                .write(y, |y| affine.run(&statistics, &x, y));
            statistics
        });
        (tensor(y, shape), statistics)
    }
}

#[derive(Debug)]
struct NormalisationBackward(Normalisation);

#[derive(Clone, Debug)]
struct NormalisationState {
    x: FlexTensor,
    scale: FlexTensor,
    shift: FlexTensor,
    statistics: Arc<[GroupStatistics]>,
}

impl Backward<Flex, 3> for NormalisationBackward {
    type State = NormalisationState;

    fn backward(
        self,
        ops: Ops<NormalisationState, 3>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let NormalisationState {
            x,
            scale,
            shift,
            statistics,
        } = ops.state;
        let normalisation = self.0;
        let shape: [usize; 2] = x.shape().dims();
        let channels = normalisation.map[0];
        let length: usize = normalisation.map.iter().product();
        let (x, scale, shift, upstream) = (
            values(&x),
            values(&scale),
            values(&shift),
            values(&upstream),
        );
        let affine = normalisation.affine(&scale, &shift);
        let mut dx = vec![0.0; x.len()];
        let images = dx.chunks_exact_mut(length).zip(x.chunks_exact(length));
        let images = images.zip(upstream.chunks_exact(length).zip(&*statistics));
        let sums = pool::map(images, |((dx, x), (upstream, statistics))| {
            let x = normalisation.feature_map(0).channels_last(x);
            let mut sums = vec![0.0; 2 * channels];
            normalisation.feature_map(0).write(dx, |dx| {
                dx.copy_from_slice(&normalisation.feature_map(1).channels_last(upstream));
                affine.backward(statistics, &x, dx, &mut sums);
            });
            sums
        });
        let mut total = vec![0.0_f32; 2 * channels];
        for sums in sums {
            total.iter_mut().zip(sums).for_each(|(a, b)| *a += b);
        }
        let to_shift = total.split_off(channels);
        let [to_x, for_scale, for_shift] = ops.parents;
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(dx, shape));
        }
        for (node, gradient) in [(for_scale, total), (for_shift, to_shift)] {
            if let Some(node) = node {
                gradients.register::<Flex>(node.id, tensor(gradient, [channels]));
            }
        }
    }
}
