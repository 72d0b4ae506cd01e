//! A step of a moving average in one pass, in place.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::tensors::{contiguous, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of values that one core takes at a time: 64 kB of each of the two arrays.
const CHUNK: usize = 16_384;

/// The fast form of [`crate::ops::move_towards`].
pub fn move_towards(average: &mut Tensor<1>, value: &Tensor<1>, share: f64) {
    // The tensor is taken, not cloned, because a tensor without other owners is changed in place.
    let empty = Tensor::empty([0], &burn::tensor::Device::flex());
    let mut moved = contiguous(untracked(std::mem::replace(average, empty)));
    let value = untracked(value.clone());
    let (value, share) = (values(&value), share as f32);
    assert_eq!(moved.storage::<f32>().len(), value.len());
    let chunks = moved.storage_mut::<f32>().chunks_mut(CHUNK);
    pool::for_each(chunks.zip(value.chunks(CHUNK)), |(average, value)| {
        with_widest_simd(
            #[inline(always)]
            || {
                for (average, value) in average.iter_mut().zip(value) {
                    *average += (value - *average) * share;
                }
            },
        );
    });
    *average = Tensor::from_primitive::<Flex>(moved);
}
