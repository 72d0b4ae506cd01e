//! A sum in an order that does not depend on the number of threads.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::tensors::{tensor, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of values in a partial sum.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::sum_of_squares`].
pub fn sum_of_squares(input: Tensor<1>) -> Tensor<1> {
    let input = untracked(input);
    let sums: Vec<f32> = pool::map(values(&input).chunks(CHUNK), |chunk| {
        with_widest_simd(
            #[inline(always)]
            || chunk_sum(chunk),
        )
    });
    Tensor::from_primitive::<Flex>(tensor(vec![sums.iter().sum()], [1]))
}

/// Returns the sum of the squares of a chunk, from sixteen partial sums on every machine, independently of the width of
/// its vectors.
#[inline(always)]
fn chunk_sum(values: &[f32]) -> f32 {
    let (lines, rest) = values.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    lines
        .iter()
        .for_each(|line| (0..16).for_each(|lane| sums[lane] += line[lane] * line[lane]));
    sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}
