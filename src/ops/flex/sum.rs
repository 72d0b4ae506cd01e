//! Sums in a fixed order.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::super::team;
use super::super::vector::wide;
use super::{tensor, untracked, values};

/// Values in a partial sum.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::sum_of_squares`].
pub fn sum_of_squares(input: Tensor<1>) -> Tensor<1> {
    let input = untracked(input);
    let pass: Vec<f32> = team::map(values(&input).chunks(CHUNK), |chunk| {
        wide(
            #[inline(always)]
            || lanes(chunk),
        )
    });
    Tensor::from_primitive::<Flex>(tensor(vec![pass.iter().sum()], [1]))
}

/// Sixteen partial sums, always, whatever the machine's vectors are.
#[inline(always)]
fn lanes(values: &[f32]) -> f32 {
    let (lines, rest) = values.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    lines
        .iter()
        .for_each(|line| (0..16).for_each(|lane| sums[lane] += line[lane] * line[lane]));
    sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}
