//! The sum of two gradients in one pass, in place.

use burn::tensor::Tensor;

use super::pass::update;

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
