//! Sums in an order that depends neither on the number of threads nor on the width of the vectors.

use std::iter::repeat_n;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensors::{AutodiffFlex, tensor, tracked, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of partial sums: the lanes of the widest vectors, on every machine.
const LANES: usize = 16;

/// The number of values in a partial sum of squares, and the number that one core sums at a time, in whole rows.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::sum_of_squares`].
pub fn sum_of_squares(input: Tensor<1>) -> Tensor<1> {
    let input = untracked(input);
    let sums: Vec<f32> = pool::map(values(&input).chunks(CHUNK), |chunk| {
        with_widest_simd(
            #[inline(always)]
            || sum_of(chunk, |value| value * value),
        )
    });
    Tensor::from_primitive::<Flex>(tensor(vec![sums.iter().sum()], [1]))
}

/// The fast form of [`crate::ops::zero_if_finite`].
pub fn zero_if_finite(input: Tensor<1>) -> Tensor<1> {
    // The bits of the exponent: an infinity or NaN has all of them.
    const EXPONENT: u32 = 0x7f80_0000;
    let input = untracked(input);
    let largest = pool::map(values(&input).chunks(CHUNK), |chunk| {
        with_widest_simd(
            #[inline(always)]
            || {
                let exponents = chunk.iter().map(|value| value.to_bits() & EXPONENT);
                exponents.fold(0, u32::max)
            },
        )
    });
    let is_finite = largest.iter().all(|&largest| largest < EXPONENT);
    let result = if is_finite { 0.0 } else { f32::NAN };
    Tensor::from_primitive::<Flex>(tensor(vec![result], [1]))
}

/// The fast form of [`crate::ops::sum_last_axis`].
pub fn sum_last_axis<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    apply(input, LastAxis::Sum)
}

/// The fast form of [`crate::ops::repeat_last_axis`].
pub fn repeat_last_axis<const D: usize>(input: Tensor<D>, count: usize) -> Tensor<D> {
    apply(input, LastAxis::Repeat(count))
}

fn apply<const D: usize>(input: Tensor<D>, operation: LastAxis<D>) -> Tensor<D> {
    if !input.is_autodiff() {
        return Tensor::from_primitive::<Flex>(operation.run(&untracked(input)));
    }
    let input = tracked(input);
    let value = operation.run(input.primitive());
    let output = match operation
        .prepare::<NoCheckpointing>([input.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let shape: [usize; D] = input.primitive().shape().dims();
            prep.finish(shape[D - 1], value)
        }
        OpsKind::UnTracked(prep) => prep.finish(value),
    };
    Tensor::from_primitive::<AutodiffFlex>(output)
}

/// An operation on the last of `D` axes. Each is the gradient of the other.
#[derive(Clone, Copy, Debug)]
enum LastAxis<const D: usize> {
    /// Sums over the axis, which is kept with length 1.
    Sum,
    /// Repeats the only value of the axis.
    Repeat(usize),
}

impl<const D: usize> LastAxis<D> {
    fn run(self, input: &FlexTensor) -> FlexTensor {
        let mut shape: [usize; D] = input.shape().dims();
        let length = shape[D - 1];
        let input = values(input);
        match self {
            Self::Sum => {
                shape[D - 1] = 1;
                tensor(row_sums(&input, length, shape.iter().product()), shape)
            }
            Self::Repeat(count) => {
                assert_eq!(length, 1, "an axis that can be repeated");
                shape[D - 1] = count;
                let repeated = input.iter().flat_map(|&value| repeat_n(value, count));
                tensor(repeated.collect(), shape)
            }
        }
    }
}

impl<const D: usize> Backward<Flex, 1> for LastAxis<D> {
    /// The length of the axis of the input.
    type State = usize;

    fn backward(self, ops: Ops<usize, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = gradients.consume::<Flex>(&ops.node);
        let [Some(node)] = ops.parents else { return };
        let gradient = match self {
            Self::Sum => Self::Repeat(ops.state),
            Self::Repeat(_) => Self::Sum,
        };
        gradients.register::<Flex>(node.id, gradient.run(&upstream));
    }
}

/// Returns the sums of `count` rows of `length` values.
pub fn row_sums(input: &[f32], length: usize, count: usize) -> Vec<f32> {
    let mut sums = vec![0.0; count];
    let at_a_time = (CHUNK / length.max(1)).max(1);
    let blocks = sums
        .chunks_mut(at_a_time)
        .zip(input.chunks((at_a_time * length).max(1)));
    pool::for_each(blocks, |(sums, rows)| {
        let mut rows = sums.iter_mut().zip(rows.chunks_exact(length));
        with_widest_simd(
            #[inline(always)]
            || {
                rows.by_ref()
                    .for_each(|(sum, row)| *sum = sum_of(row, |value| value));
            },
        );
    });
    sums
}

/// Returns the sum of a function of the values, from sixteen partial sums.
#[inline(always)]
fn sum_of(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (lines, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for line in lines {
        for lane in 0..LANES {
            sums[lane] += term(line[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|&value| term(value)).sum::<f32>()
}
