//! The backward pass of a convolution: the gradients of parts of the batch, summed in the order of the parts.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::directed::DirectedConvolution;
use super::frames::with_frames;
use super::gradients::{add_pixels, before_activation, small_first, sum_in_order, weight_gradient};
use super::input::FrameInput;
use super::map_product::MapProduct;
use super::winograd::{self, TiledGradient};
use crate::ops::activation::Activation;
use crate::ops::kernels::flex::tensors::{tensor, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{InitialSum, OutputCells, filled_vec};

/// The largest number of parts that a batch is cut into. A weight gradient is summed within each part and then over the
/// parts, so the parts depend on nothing but the batch.
const PARTS: usize = 64;

/// The smallest number of pixels of a part: with fewer, making and adding up the parts' weight gradients takes longer than
/// the products.
const PIXELS: usize = 384;

/// The number of parts from which on a part has at least as many pixels as its kernel wants.
const FEW: usize = 4;

/// Returns the ranges of the images of each part of a batch, whose maps have `pixels` pixels: a power of two of about equal
/// ranges, so that any number of cores shares them evenly, or nearly. If there are more than [`FEW`], each has at least `wanted`
/// pixels.
fn parts(batch: usize, pixels: usize, wanted: usize) -> Vec<Range<usize>> {
    let at_least = wanted.min(batch * pixels / FEW).max(PIXELS);
    let most = (batch * pixels / at_least).clamp(1, PARTS.min(batch.max(1)));
    let count = 1 << most.ilog2();
    (0..count.min(batch))
        .map(|part| part * batch / count..(part + 1) * batch / count)
        .collect()
}

/// Some images of a batch.
struct BatchPart<'a> {
    /// The number of the first one in the batch.
    first: usize,
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
    /// `None` without an activation, whose slope it would tell.
    pub output: Option<FlexTensor>,
}

/// The gradients of a convolution.
pub struct ConvolutionGradients {
    /// The gradient in the input; empty if it is not wanted.
    pub x: Vec<f32>,
    pub weight: FlexTensor,
    pub bias: Vec<f32>,
    /// The gradients in the parameters of the [`FrameInput`].
    pub parameters: Vec<f32>,
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
        let [to_x, to_weight, to_bias] = ops.parents;
        let shape: [usize; 2] = ops.state.x.shape().dims();
        let found = self.gradients(&self.input(), &ops.state, &upstream, to_x.is_some());
        if let Some(node) = to_x {
            gradients.register::<Flex>(node.id, tensor(found.x, shape));
        }
        if let Some(node) = to_weight {
            gradients.register::<Flex>(node.id, found.weight);
        }
        if let Some(node) = to_bias {
            let channels = found.bias.len();
            gradients.register::<Flex>(node.id, tensor(found.bias, [channels]));
        }
    }
}

impl DirectedConvolution {
    /// Returns the gradients for the gradient `upstream` in the output.
    pub fn gradients(
        &self,
        input: &impl FrameInput,
        state: &ConvolutionState,
        upstream: &FlexTensor,
        wants_x: bool,
    ) -> ConvolutionGradients {
        let ConvolutionState { x, weight, output } = state;
        let [n, _] = x.shape().dims();
        let shape: [usize; 4] = weight.shape().dims();
        let [inputs, outputs] = self.lengths();
        let (x, weight, upstream) = (values(x), values(weight), values(upstream));
        let y = output.as_ref().map_or(upstream.clone(), values);
        let map = wants_x
            .then(|| MapProduct::new(self.windows(), !self.down, &weight, self.images_at_a_time()));
        assert_eq!(
            [x.len(), y.len(), upstream.len()],
            [n * inputs, n * outputs, n * outputs]
        );
        let windows = self.windows();
        let [_, height, width] = windows.small;
        let tiled = winograd::suits(&windows).then(|| TiledGradient::new(&windows));
        let channels = self.convolution.output[0];
        let no_images = || {
            (
                vec![0.0; weight.len()],
                vec![0.0; channels + input.parameters()],
            )
        };
        let wanted = tiled.as_ref().map_or(0, TiledGradient::pixels_of_parts);
        let write = |dx: &mut [MaybeUninit<f32>]| {
            let mut dx = wants_x.then_some(dx);
            let parts: Vec<BatchPart<'_>> = parts(n, height * width, wanted)
                .into_iter()
                .map(|images| BatchPart {
                    first: images.start,
                    x: &x[images.start * inputs..images.end * inputs],
                    y: &y[images.start * outputs..images.end * outputs],
                    upstream: &upstream[images.start * outputs..images.end * outputs],
                    dx: dx
                        .as_mut()
                        .and_then(|dx| dx.split_off_mut(..images.len() * inputs)),
                })
                .collect();
            sum_in_order(pool::map(parts, |part| {
                self.backward_part(input, part, map.as_ref(), tiled.as_ref(), weight.len())
            }))
            .unwrap_or_else(no_images)
        };
        // SAFETY: every image belongs to a part, which writes its `dx` if it is asked for.
        let (dx, (dw, mut bias)) =
            unsafe { filled_vec(if wants_x { n * inputs } else { 0 }, write) };
        let parameters = bias.split_off(channels);
        ConvolutionGradients {
            x: dx,
            weight: tensor(small_first(&dw, shape), shape),
            bias,
            parameters,
        }
    }

    /// Writes the gradient in the input of a part of the batch, if asked for, and returns those in the weight, `[k, k,
    /// C, S]`, `weights` values in all, and in the bias, followed by those in the parameters of `input`.
    fn backward_part(
        &self,
        input: &impl FrameInput,
        part: BatchPart<'_>,
        to_x: Option<&MapProduct>,
        tiled: Option<&TiledGradient>,
        weights: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let [inputs, outputs] = self.lengths();
        let windows = self.windows();
        let (mut big, mut small) = (windows.big_frame(), windows.small_frame());
        if tiled.is_some() {
            (big, small) = (big.bare(), small.bare());
        }
        let (x_frame, z_frame) = if self.down {
            (big, small)
        } else {
            (small, big)
        };
        let channels = self.convolution.output[0];
        let mut sums = vec![0.0; channels + input.parameters()];
        let (db, parameters) = sums.split_at_mut(channels);
        let images = self.images_at_a_time();
        let activation = self.convolution.activation;
        let reads_x = x_frame.is_bare() && input.is_unchanged();
        let reads_upstream = z_frame.is_bare()
            && activation == Activation::None
            && self.output().transposition().is_none();
        let run = |[x_frames, z_frames]: [&mut [f32]; 2], dw: OutputCells<'_>| {
            let mut dx = part.dx.map(|dx| dx.chunks_mut(images * inputs));
            let groups = part
                .x
                .chunks(images * inputs)
                .zip(part.y.chunks(images * outputs));
            let groups = groups.zip(part.upstream.chunks(images * outputs));
            for (group, ((x, y), upstream)) in groups.enumerate() {
                let first = part.first + group * images;
                let count = x.len() / inputs;
                let x_maps = if reads_x {
                    x
                } else {
                    let framed = x_frames
                        .chunks_exact_mut(x_frame.len())
                        .zip(x.chunks_exact(inputs));
                    for (i, (frame, x)) in framed.enumerate() {
                        input.fill(first + i, x, &x_frame, frame);
                    }
                    &*x_frames
                };
                let z_maps = if reads_upstream {
                    add_pixels(upstream, db);
                    upstream
                } else {
                    let both = upstream.chunks_exact(outputs).zip(y.chunks_exact(outputs));
                    let framed = z_frames.chunks_exact_mut(z_frame.len()).zip(both);
                    for (frame, (upstream, y)) in framed {
                        let upstream = self.output().channels_last(upstream);
                        let y = match activation {
                            Activation::None => Cow::Borrowed(&*upstream),
                            _ => self.output().channels_last(y),
                        };
                        before_activation(&z_frame, [&upstream, &y], activation, frame, db);
                    }
                    &*z_frames
                };
                let maps = if self.down {
                    [x_maps, z_maps]
                } else {
                    [z_maps, x_maps]
                };
                let start = if group == 0 {
                    InitialSum::Zero
                } else {
                    InitialSum::Previous
                };
                // SAFETY: `dw` belongs to this call alone, and the first group writes all of it.
                unsafe {
                    match tiled {
                        Some(tiled) => tiled.run(count, maps, start, dw),
                        None => weight_gradient(&windows, count, maps, start, dw),
                    }
                }
                if let Some((map, dx)) = to_x.zip(dx.as_mut().and_then(Iterator::next)) {
                    let no_bias = vec![0.0; self.convolution.input[0]];
                    map.run(z_maps, &no_bias, input.gradient_map(), dx, Activation::None);
                    let length = dx.len();
                    // SAFETY: `MapProduct::run` has written all of `dx`, which belongs to this call alone.
                    let dx = unsafe { OutputCells::new(dx).slice(0, length) };
                    let each = dx.chunks_exact_mut(inputs).zip(x.chunks_exact(inputs));
                    for (i, (dx, x)) in each.enumerate() {
                        input.backward(first + i, x, dx, parameters);
                    }
                }
            }
        };
        let count = part.x.len() / inputs;
        assert!(count > 0, "a part has an image");
        let framed = |reads_tensor: bool| if reads_tensor { 0 } else { images.min(count) };
        let frames = [
            (&x_frame, framed(reads_x)),
            (&z_frame, framed(reads_upstream)),
        ];
        let dw = with_frames(frames, |frames| match tiled {
            Some(tiled) => tiled.of_part(|dw| run(frames, dw)),
            // SAFETY: the first group of images writes all of `dw`.
            None => unsafe { filled_vec(weights, |dw| run(frames, OutputCells::new(dw))) }.0,
        });
        (dw, sums)
    }
}
