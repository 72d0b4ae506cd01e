//! The sum of two gradients in one pass, in place.

use burn::tensor::Tensor;

use super::pass::{CHUNK, update};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The fast form of [`crate::ops::accumulate`].
pub fn accumulate(sum: Tensor<1>, term: Tensor<1>) -> Tensor<1> {
    update(
        sum,
        term,
        [],
        #[inline(always)]
        |sum, term, []| {
            for (sum, term) in sum.iter_mut().zip(term) {
                *sum += term;
            }
        },
    )
}

/// Adds `term` to `sum`.
pub fn add(sum: &mut [f32], term: &[f32]) {
    pool::for_each(
        sum.chunks_mut(CHUNK).zip(term.chunks(CHUNK)),
        |(sum, term)| {
            with_widest_simd(
                #[inline(always)]
                || {
                    sum.iter_mut()
                        .zip(term)
                        .for_each(|(sum, term)| *sum += term)
                },
            );
        },
    );
}
