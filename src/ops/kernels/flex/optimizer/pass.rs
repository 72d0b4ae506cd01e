//! The parts that the optimizers share: a pass over the weights in chunks, the decay of weights, and means that have vanished.
//!
//! A rule reads its values of all arrays before it writes to any. Large arrays begin at the same place of a page, and an AMD
//! EPYC takes a read for one of what was just written at the same place of another page, until it finds out: a step of Adam
//! then takes three times as long.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor};

use crate::ops::kernels::flex::tensors::{contiguous, untracked};
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;
use crate::ops::optimizer::WeightDecay;

/// The number of values that one core takes at a time: 64 kB of each array. The four arrays of Adam together fit into
/// the second-level cache.
pub const CHUNK: usize = 16_384;

/// A tensor that an optimizer changes in place, with what it reads and keeps.
///
/// # Shapes
/// All: `[n]`, without autodiff.
pub struct UpdatedTensor<'a, const N: usize> {
    pub target: Tensor<1>,
    pub other: Tensor<1>,
    pub kept: [&'a mut Tensor<1>; N],
}

/// Returns `target`, changed in place by `rule`, which also changes the `kept` tensors. Each call of `rule` gets a chunk
/// of `target`, of `other` and of each kept tensor.
///
/// `rule` has to be `#[inline(always)]`, so that it is compiled for the widest vectors.
///
/// # Shapes
/// As in [`UpdatedTensor`].
pub fn update<const N: usize>(
    target: Tensor<1>,
    other: Tensor<1>,
    kept: [&mut Tensor<1>; N],
    rule: impl Fn(&mut [f32], &[f32], [&mut [f32]; N]) + Sync,
) -> Tensor<1> {
    let tensor = UpdatedTensor {
        target,
        other,
        kept,
    };
    let mut changed = update_each(vec![tensor], rule);
    changed.swap_remove(0)
}

/// Does the same as [`update`] for many tensors, in one job of the pool.
pub fn update_each<const N: usize>(
    tensors: Vec<UpdatedTensor<'_, N>>,
    rule: impl Fn(&mut [f32], &[f32], [&mut [f32]; N]) + Sync,
) -> Vec<Tensor<1>> {
    // The tensors are taken, not cloned, because a tensor without other owners is changed in place.
    let take = |tensor: &mut Tensor<1>| {
        let empty = Tensor::empty([0], &Device::flex());
        contiguous(untracked(std::mem::replace(tensor, empty)))
    };
    let (mut changed, mut kept) = (Vec::new(), Vec::new());
    for tensor in tensors {
        let mut slots = tensor.kept;
        let taken = slots.each_mut().map(|tensor| take(tensor));
        let [target, other] =
            [tensor.target, tensor.other].map(|tensor| contiguous(untracked(tensor)));
        changed.push((target, other, taken));
        kept.push(slots);
    }
    let mut rests: Vec<_> = changed
        .iter_mut()
        .map(|(target, other, taken)| chunks(target, other, taken).into_iter())
        .collect();
    // The share of each core has a part of every tensor: the one whose gradient it has computed.
    let (threads, mut all) = (pool::threads(), Vec::new());
    let counts: Vec<usize> = rests.iter().map(|rest| rest.len()).collect();
    for thread in 0..threads {
        for (rest, count) in rests.iter_mut().zip(&counts) {
            let [from, to] = [thread, thread + 1].map(|thread| thread * count / threads);
            all.extend(rest.take(to - from));
        }
    }
    let rule = &rule;
    pool::for_each(all, |(target, other, mut kept)| {
        with_widest_simd(
            #[inline(always)]
            || rule(target, other, kept.each_mut().map(|chunk| &mut **chunk)),
        );
    });
    let changed = changed.into_iter().zip(kept);
    changed
        .map(|((target, _, taken), kept)| {
            for (tensor, taken) in kept.into_iter().zip(taken) {
                *tensor = Tensor::from_primitive::<Flex>(taken);
            }
            Tensor::from_primitive::<Flex>(target)
        })
        .collect()
}

/// The same part of a target, of what it reads, and of what it keeps.
type Chunk<'a, const N: usize> = (&'a mut [f32], &'a [f32], [&'a mut [f32]; N]);

fn chunks<'a, const N: usize>(
    target: &'a mut FlexTensor,
    other: &'a FlexTensor,
    kept: &'a mut [FlexTensor; N],
) -> Vec<Chunk<'a, N>> {
    let (target, other) = (target.storage_mut::<f32>(), other.storage::<f32>());
    let lengths = kept.each_ref().map(|kept| kept.storage::<f32>().len());
    assert_eq!(lengths, [target.len(); N]);
    assert_eq!(other.len(), target.len());
    let mut kept = kept
        .each_mut()
        .map(|kept| kept.storage_mut::<f32>().chunks_mut(CHUNK));
    let chunks = target.chunks_mut(CHUNK).zip(other.chunks(CHUNK));
    chunks
        .map(|(target, other)| {
            let kept = kept.each_mut().map(|kept| kept.next().unwrap_or_default());
            (target, other, kept)
        })
        .collect()
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
