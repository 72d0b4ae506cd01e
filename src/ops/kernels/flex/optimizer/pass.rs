//! The parts that the optimizers share: a pass over the weights in chunks, the decay of weights, and means that have vanished.

use burn::backend::Flex;
use burn::tensor::{Device, Tensor};

use crate::ops::kernels::flex::tensors::{contiguous, untracked, values};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;
use crate::ops::optimizer::WeightDecay;

/// The number of values that one core takes at a time: 64 kB of each array. The four arrays of Adam together fit into
/// the second-level cache.
const CHUNK: usize = 16_384;

/// Returns `target`, changed in place by `rule`, which also changes the `kept` tensors. Each call of `rule` gets a chunk
/// of `target`, of `other` and of each kept tensor.
///
/// `rule` has to be `#[inline(always)]`, so that it is compiled for the widest vectors.
///
/// # Shapes
/// All: `[n]`, without autodiff.
pub fn update<const N: usize>(
    target: Tensor<1>,
    other: Tensor<1>,
    mut kept: [&mut Tensor<1>; N],
    rule: impl Fn(&mut [f32], &[f32], [&mut [f32]; N]) + Sync,
) -> Tensor<1> {
    let (mut target, other) = (contiguous(untracked(target)), untracked(other));
    let other = values(&other);
    // The tensors are taken, not cloned, because a tensor without other owners is changed in place.
    let take = |tensor: &mut Tensor<1>| {
        let empty = Tensor::empty([0], &Device::flex());
        contiguous(untracked(std::mem::replace(tensor, empty)))
    };
    let mut taken = kept.each_mut().map(|tensor| take(tensor));
    let lengths = taken.each_ref().map(|tensor| tensor.storage::<f32>().len());
    assert_eq!(lengths, [other.len(); N]);
    assert_eq!(target.storage::<f32>().len(), other.len());
    let mut chunks = taken
        .each_mut()
        .map(|tensor| tensor.storage_mut::<f32>().chunks_mut(CHUNK));
    let all = target
        .storage_mut::<f32>()
        .chunks_mut(CHUNK)
        .zip(other.chunks(CHUNK))
        .map(|(target, other)| {
            let kept = chunks.each_mut().map(|chunks| chunks.next());
            (target, other, kept.map(Option::unwrap_or_default))
        });
    let rule = &rule;
    pool::for_each(all, |(target, other, mut kept)| {
        with_widest_simd(
            #[inline(always)]
            || rule(target, other, kept.each_mut().map(|chunk| &mut **chunk)),
        );
    });
    for (tensor, taken) in kept.into_iter().zip(taken) {
        *tensor = Tensor::from_primitive::<Flex>(taken);
    }
    Tensor::from_primitive::<Flex>(target)
}

/// [`WeightDecay`] in the precision of the weights.
#[derive(Clone, Copy)]
pub struct Decay {
    keep: f32,
    penalty: f32,
}

impl From<WeightDecay> for Decay {
    fn from(decay: WeightDecay) -> Self {
        Self {
            keep: decay.keep as f32,
            penalty: decay.penalty as f32,
        }
    }
}

impl Decay {
    /// Returns the weight and the gradient of a step with this decay. Without any they are exactly the old ones.
    #[inline(always)]
    pub fn apply(self, weight: f32, gradient: f32) -> (f32, f32) {
        (weight * self.keep, gradient + weight * self.penalty)
    }
}

/// Sets values to 0 that are nearer to 0 than `limit`.
#[inline(always)]
pub fn flush(values: &mut [f32], limit: f32) {
    for value in values {
        *value = if value.abs() < limit { 0.0 } else { *value };
    }
}
