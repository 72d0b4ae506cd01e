//! The Bernoulli log-likelihood and the squared error: sums over the values of an image of a function of the value and
//! the decoder's output. The sum and its derivative take one pass over the outputs.

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, contiguous, tensor, tracked, untracked, values};
use crate::ops::kernels::math::log1p_exp_and_sigmoid;
use crate::ops::kernels::pool;
use crate::ops::kernels::product::filled_vec;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of partial sums: the lanes of the widest vectors, on every machine, so that the sum does not depend on
/// it.
const LANES: usize = 16;

/// The number of values that one core takes at a time, in whole rows and at most [`ROWS`] of them, so that small
/// batches also keep all cores busy.
const VALUES: usize = 4096;
const ROWS: usize = 16;

fn rows_at_a_time(width: usize) -> usize {
    (VALUES / width.max(1)).clamp(1, ROWS)
}

/// The fast form of [`crate::ops::bernoulli_log_prob`]. `x` gets no gradient.
pub fn bernoulli_log_prob(x: Tensor<2>, logits: Tensor<3>) -> Tensor<2> {
    sum::<BernoulliTerm>(x, logits)
}

/// The fast form of [`crate::ops::squared_error`]. `x` gets no gradient.
pub fn squared_error(x: Tensor<2>, outputs: Tensor<3>, logistic: bool) -> Tensor<2> {
    if logistic {
        sum::<LogisticSquareTerm>(x, outputs)
    } else {
        sum::<SquareTerm>(x, outputs)
    }
}

/// A function that is summed over the values of an image.
trait PixelTerm {
    /// Returns the term of a value `x` and an output `l`, and its derivative in `l`.
    fn term(x: f32, l: f32) -> (f32, f32);
}

/// The term x l - log(1 + e^l).
struct BernoulliTerm;

impl PixelTerm for BernoulliTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let (log1p, sigmoid) = log1p_exp_and_sigmoid(l);
        (x * l - l.max(0.0) - log1p, x - sigmoid)
    }
}

/// The term (x - l)^2.
struct SquareTerm;

impl PixelTerm for SquareTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let error = l - x;
        (error * error, 2.0 * error)
    }
}

/// The term (x - sigmoid(l))^2.
struct LogisticSquareTerm;

impl PixelTerm for LogisticSquareTerm {
    #[inline(always)]
    fn term(x: f32, l: f32) -> (f32, f32) {
        let (_, sigmoid) = log1p_exp_and_sigmoid(l);
        let error = sigmoid - x;
        (error * error, 2.0 * error * sigmoid * (1.0 - sigmoid))
    }
}

fn sum<T: PixelTerm>(x: Tensor<2>, outputs: Tensor<3>) -> Tensor<2> {
    let x = untracked(x);
    if !outputs.is_autodiff() {
        return Tensor::from_primitive::<Flex>(forward::<T>(&x, &untracked(outputs), false).0);
    }
    let outputs = tracked(outputs);
    let output = match ImageSum
        .prepare::<NoCheckpointing>([outputs.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (value, slope) = forward::<T>(&x, outputs.primitive(), true);
            prep.finish(slope, value)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward::<T>(&x, outputs.primitive(), false).0),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

/// Returns the sums `[K, B]` and, if `slope`, the derivatives `[K, B, P]`.
fn forward<T: PixelTerm>(
    x: &FlexTensor,
    outputs: &FlexTensor,
    slope: bool,
) -> (FlexTensor, FlexTensor) {
    let [k, b, p] = outputs.shape().dims();
    assert_eq!(
        x.shape().dims(),
        [b, p],
        "an image has as many values as the decoder has outputs"
    );
    let (x, outputs) = (values(x), values(outputs));
    let at_a_time = rows_at_a_time(p);
    let mut sums = vec![0.0; k * b];
    if p == 1 && !slope {
        single_values::<T>(&x, &outputs, &mut sums);
        return (tensor(sums, [k, b]), tensor(Vec::new(), [0, b, p]));
    }
    if slope {
        let write = |slopes: &mut [MaybeUninit<f32>]| {
            let blocks = sums
                .chunks_mut(at_a_time)
                .zip(slopes.chunks_mut((at_a_time * p).max(1)))
                .enumerate();
            pool::for_each(blocks, |(block, (sums, slopes))| {
                let mut rows = sums.iter_mut().zip(slopes.chunks_exact_mut(p)).enumerate();
                with_widest_simd(
                    #[inline(always)]
                    || {
                        for (row, (sum, slopes)) in rows.by_ref() {
                            let row = block * at_a_time + row;
                            *sum = row_with_slope::<T>(
                                &x[row % b * p..][..p],
                                &outputs[row * p..][..p],
                                slopes,
                            );
                        }
                    },
                );
            });
        };
        // SAFETY: the blocks cover all rows, and the slopes of each row are written.
        let (slopes, ()) = unsafe { filled_vec(k * b * p, write) };
        return (tensor(sums, [k, b]), tensor(slopes, [k, b, p]));
    } else {
        pool::for_each(sums.chunks_mut(at_a_time).enumerate(), |(block, sums)| {
            with_widest_simd(
                #[inline(always)]
                || {
                    for (row, sum) in (block * at_a_time..).zip(sums.iter_mut()) {
                        *sum = row_sum::<T>(&x[row % b * p..][..p], &outputs[row * p..][..p]);
                    }
                },
            );
        });
    }
    (tensor(sums, [k, b]), tensor(Vec::new(), [0, b, p]))
}

/// Writes the terms of images of a single value. A map of an image takes each of its values as an image of its own, and there are
/// millions.
fn single_values<T: PixelTerm>(x: &[f32], outputs: &[f32], terms: &mut [f32]) {
    let samples = terms
        .chunks_mut(x.len().max(1))
        .zip(outputs.chunks(x.len().max(1)));
    let blocks = samples.flat_map(|(terms, outputs)| {
        let values = x.chunks(VALUES).zip(outputs.chunks(VALUES));
        terms.chunks_mut(VALUES).zip(values)
    });
    pool::for_each(blocks, |(terms, (x, outputs))| {
        let mut values = terms.iter_mut().zip(x.iter().zip(outputs));
        with_widest_simd(
            #[inline(always)]
            || {
                values
                    .by_ref()
                    .for_each(|(term, (&x, &output))| *term = T::term(x, output).0);
            },
        );
    });
}

#[inline(always)]
fn row_sum<T: PixelTerm>(x: &[f32], outputs: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), outputs.as_chunks::<LANES>());
    for (x, l) in x.iter().zip(l) {
        for lane in 0..LANES {
            sums[lane] += T::term(x[lane], l[lane]).0;
        }
    }
    let rest: f32 = x_rest
        .iter()
        .zip(l_rest)
        .map(|(&x, &l)| T::term(x, l).0)
        .sum();
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
fn row_with_slope<T: PixelTerm>(
    x: &[f32],
    outputs: &[f32],
    slopes: &mut [MaybeUninit<f32>],
) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (l, l_rest)) = (x.as_chunks::<LANES>(), outputs.as_chunks::<LANES>());
    let (s, s_rest) = slopes.as_chunks_mut::<LANES>();
    for ((x, l), s) in x.iter().zip(l).zip(s) {
        for lane in 0..LANES {
            let (value, slope) = T::term(x[lane], l[lane]);
            sums[lane] += value;
            s[lane].write(slope);
        }
    }
    let mut rest = 0.0;
    for ((&x, &l), s) in x_rest.iter().zip(l_rest).zip(s_rest) {
        let (value, slope) = T::term(x, l);
        rest += value;
        s.write(slope);
    }
    sums.iter().sum::<f32>() + rest
}

#[derive(Debug)]
struct ImageSum;

impl Backward<Flex, 1> for ImageSum {
    /// The derivatives, `[K, B, P]`.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let mut slopes = contiguous(ops.state);
        let shape: [usize; 3] = slopes.shape().dims();
        let upstream = values(&upstream);
        // Only this graph owns them, so they are scaled in place.
        let at_a_time = rows_at_a_time(shape[2]);
        let rows = slopes
            .storage_mut::<f32>()
            .chunks_mut((at_a_time * shape[2]).max(1))
            .zip(upstream.chunks(at_a_time));
        pool::for_each(rows, |(rows, scales)| {
            for (row, &scale) in rows.chunks_exact_mut(shape[2]).zip(scales) {
                with_widest_simd(
                    #[inline(always)]
                    || row.iter_mut().for_each(|slope| *slope *= scale),
                );
            }
        });
        gradients.register::<Flex>(node.id, slopes);
    }
}
