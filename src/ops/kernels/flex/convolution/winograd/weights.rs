//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::axis::{MAX_SIDE, g};
use super::tile::{KernelPhase, TileLayout, pairs};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::filled_vec;
use crate::ops::kernels::simd::dispatch;

/// The number of values that are transformed at a time; those of all slots stay in the second-level cache.
const VALUES: usize = 512;

impl TileLayout {
    /// Returns the phase and the place in it, `[row, column]`, of every slot.
    fn phase_of_each_slot(&self) -> Vec<(&KernelPhase, [usize; 2])> {
        let mut phase_of_each_slot = vec![(&self.phases[0], [0, 0]); self.slots];
        for phase in &self.phases {
            for place in pairs(phase.sides) {
                phase_of_each_slot[phase.slots[place[0] * MAX_SIDE + place[1]]] = (phase, place);
            }
        }
        phase_of_each_slot
    }

    /// Returns G g G^T of every pair of channels: `[taps, in, out]` becomes `[slots, in, out]`.
    pub fn transformed(&self, weights: &[f32]) -> Vec<f32> {
        let [rows, columns] = self.kernel;
        let length = weights.len() / (rows * columns);
        let g = g(self.pixels);
        let phase_of_each_slot = self.phase_of_each_slot();
        let write = |to: &mut [MaybeUninit<f32>]| {
            let slots = to.chunks_mut(length.max(1)).enumerate();
            pool::for_each(slots, |(slot, to)| {
                let (phase, [i, j]) = phase_of_each_slot[slot];
                let terms = pairs(phase.taps).map(|tap| {
                    let from = &weights[self.tap(phase, tap) * length..][..length];
                    (g[i][tap[0]] * g[j][tap[1]], from)
                });
                dispatch(Combination::new(terms, to));
            });
        };
        // SAFETY: each slot has its part of the memory, and a combination writes all of it.
        unsafe { filled_vec(self.slots * length, write) }.0
    }

    /// Returns G^T u G of every pair of channels: `[slots, C, S]` becomes `[taps, C, S]`.
    pub fn gradient_from_transformed(&self, sums: &[f32]) -> Vec<f32> {
        let g = g(self.pixels);
        let length = sums.len() / self.slots;
        let write = |gradient: &mut [MaybeUninit<f32>]| {
            // The values of all slots for some channels stay in the second-level cache, because every tap reads many slots.
            for first in (0..length).step_by(VALUES) {
                let count = VALUES.min(length - first);
                for phase in &self.phases {
                    for tap in pairs(phase.taps) {
                        let terms = pairs(phase.sides).map(|[i, j]| {
                            let slot = phase.slots[i * MAX_SIDE + j];
                            let from = &sums[slot * length + first..][..count];
                            (g[i][tap[0]] * g[j][tap[1]], from)
                        });
                        let at = self.tap(phase, tap) * length + first;
                        dispatch(Combination::new(terms, &mut gradient[at..][..count]));
                    }
                }
            }
        };
        // SAFETY: every tap belongs to one phase, and a combination writes all of its memory.
        unsafe { filled_vec(self.kernel[0] * self.kernel[1] * length, write) }.0
    }
}

/// The sum of some values, each times a factor, in their order.
struct Combination<'a> {
    /// The factors, and as many values as the sum has.
    terms: Vec<(f32, &'a [f32])>,
    to: &'a mut [MaybeUninit<f32>],
}

impl<'a> Combination<'a> {
    fn new(terms: impl Iterator<Item = (f32, &'a [f32])>, to: &'a mut [MaybeUninit<f32>]) -> Self {
        let terms = terms.filter(|(factor, _)| *factor != 0.0);
        Self {
            terms: terms.collect(),
            to,
        }
    }
}

impl WithSimd for Combination<'_> {
    type Output = ();

    /// Writes the sum.
    ///
    /// # Panics
    /// Panics if the sum is not a multiple of four vectors long.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (to, rest) = S::as_uninit_mut_simd_f32s(self.to);
        let (to, more) = to.as_chunks_mut::<4>();
        assert!(rest.is_empty() && more.is_empty());
        for (place, to) in to.iter_mut().enumerate() {
            let mut sums = [simd.splat_f32s(0.0); 4];
            for (factor, from) in &self.terms {
                let factor = simd.splat_f32s(*factor);
                let from = &S::as_simd_f32s(from).0[4 * place..][..4];
                for (sum, from) in sums.iter_mut().zip(from) {
                    *sum = simd.mul_add_e_f32s(factor, *from, *sum);
                }
            }
            for (to, sum) in to.iter_mut().zip(sums) {
                to.write(sum);
            }
        }
    }
}
