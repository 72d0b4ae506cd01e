//! The backward pass of a convolution: the gradients of parts of the batch, summed in the order of the parts.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::directed::{DirectedConvolution, MAX_IMAGES};
use super::gradients::{before_activation, small_first, sum_in_order, weight_gradient};
use super::map_product::MapProduct;
use crate::ops::activation::Activation;
use crate::ops::kernels::flex::tensors::{tensor, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::filled_vec;

/// The smallest number of parts that a batch is cut into, if it has enough images: with few parts, idle cores would
/// wait for the last one. A weight gradient is summed within each part and then over the parts.
const PARTS: usize = 32;

/// Returns the number of images of a part of a batch.
fn part_length(batch: usize) -> usize {
    batch.div_ceil(PARTS).clamp(1, MAX_IMAGES)
}

/// Some images of a batch.
struct BatchPart<'a> {
    x: &'a [f32],
    y: &'a [f32],
    upstream: &'a [f32],
    dx: Option<&'a mut [MaybeUninit<f32>]>,
}

/// The tensors of the forward pass that the backward pass needs.
#[derive(Clone, Debug)]
pub struct ConvolutionState {
    pub x: FlexTensor,
    pub weight: FlexTensor,
    pub output: FlexTensor,
}

impl Backward<Flex, 3> for DirectedConvolution {
    type State = ConvolutionState;

    fn backward(
        self,
        ops: Ops<ConvolutionState, 3>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let ConvolutionState { x, weight, output } = ops.state;
        let [n, _] = x.shape().dims();
        let shape: [usize; 4] = weight.shape().dims();
        let [inputs, outputs] = self.lengths();
        let [to_x, to_weight, to_bias] = ops.parents;
        let (x, weight, y, upstream) = (
            values(&x),
            values(&weight),
            values(&output),
            values(&upstream),
        );
        let map = to_x
            .is_some()
            .then(|| MapProduct::new(self.windows(), !self.down, &weight, self.images_at_a_time()));
        assert_eq!(
            [x.len(), y.len(), upstream.len()],
            [n * inputs, n * outputs, n * outputs]
        );
        let part = part_length(n);
        let no_images = || {
            (
                vec![0.0; weight.len()],
                vec![0.0; self.convolution.output[0]],
            )
        };
        let write = |dx: &mut [MaybeUninit<f32>]| {
            let mut dx = dx.chunks_mut(part * inputs);
            let batch = x
                .chunks(part * inputs)
                .zip(y.chunks(part * outputs))
                .zip(upstream.chunks(part * outputs));
            let parts: Vec<BatchPart<'_>> = batch
                .map(|((x, y), upstream)| BatchPart {
                    x,
                    y,
                    upstream,
                    dx: dx.next(),
                })
                .collect();
            sum_in_order(pool::map(parts, |part| {
                self.backward_part(part, map.as_ref())
            }))
            .unwrap_or_else(no_images)
        };
        // SAFETY: every image belongs to a part, which writes its `dx` if it is asked for.
        let (dx, (dw, db)) =
            unsafe { filled_vec(if to_x.is_some() { n * inputs } else { 0 }, write) };
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(dx, [n, inputs]));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, tensor(small_first(&dw, shape), shape));
        }
        if let Some(node) = to_bias {
            gradients.register::<Flex>(node.id, tensor(db, [self.convolution.output[0]]));
        }
    }
}

impl DirectedConvolution {
    /// Writes the gradient in the input of a part of the batch, if asked for, and returns those in the weight, `[k, k,
    /// C, S]`, and in the bias.
    fn backward_part(
        &self,
        part: BatchPart<'_>,
        to_x: Option<&MapProduct>,
    ) -> (Vec<f32>, Vec<f32>) {
        let [inputs, outputs] = self.lengths();
        let windows = self.windows();
        let (big, small) = (windows.big_frame(), windows.small_frame());
        let (x_frame, z_frame) = if self.down {
            (big, small)
        } else {
            (small, big)
        };
        let mut dw = vec![0.0; windows.kernel * windows.kernel * windows.big[0] * windows.small[0]];
        let mut db = vec![0.0; self.convolution.output[0]];
        let images = self.images_at_a_time();
        let mut frames = [
            vec![0.0; images * x_frame.len()],
            vec![0.0; images * z_frame.len()],
        ];
        let mut dx = part.dx.map(|dx| dx.chunks_mut(images * inputs));
        let groups = part
            .x
            .chunks(images * inputs)
            .zip(part.y.chunks(images * outputs));
        for ((x, y), upstream) in groups.zip(part.upstream.chunks(images * outputs)) {
            let count = x.len() / inputs;
            let [x_frames, z_frames] = &mut frames;
            for (frame, x) in x_frames
                .chunks_exact_mut(x_frame.len())
                .zip(x.chunks_exact(inputs))
            {
                x_frame.fill(&self.input().channels_last(x), frame);
            }
            let both = upstream.chunks_exact(outputs).zip(y.chunks_exact(outputs));
            for (frame, (upstream, y)) in z_frames.chunks_exact_mut(z_frame.len()).zip(both) {
                let (upstream, y) = (
                    self.output().channels_last(upstream),
                    self.output().channels_last(y),
                );
                before_activation(
                    &z_frame,
                    [&upstream, &y],
                    self.convolution.activation,
                    frame,
                    &mut db,
                );
            }
            let (big_frames, small_frames) = if self.down {
                (&*x_frames, &*z_frames)
            } else {
                (&*z_frames, &*x_frames)
            };
            weight_gradient(&windows, count, big_frames, small_frames, &mut dw);
            if let Some((map, dx)) = to_x.zip(dx.as_mut().and_then(Iterator::next)) {
                let no_bias = vec![0.0; self.convolution.input[0]];
                map.run(z_frames, &no_bias, self.input(), dx, Activation::None);
            }
        }
        (dw, db)
    }
}
