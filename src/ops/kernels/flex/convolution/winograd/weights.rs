//! The transforms of the weights, G g G^T, and of their gradients, G^T u G.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::axis::{MAX_SIDE, MAX_TAPS, by_g, by_g_transposed};
use super::tile::{KernelPhase, TileLayout, pairs};
use super::transforms::{for_sides, vectors};
use crate::ops::kernels::pool;
use crate::ops::kernels::product::{OutputCells, filled_vec};
use crate::ops::kernels::simd::dispatch;

/// The number of weights of each tap that a core transforms at a time.
const VALUES: usize = 256;

/// The weights in place of taps that a kernel phase lacks.
const ZEROS: [f32; VALUES] = [0.0; VALUES];

impl TileLayout {
    /// Returns G g G^T of every pair of channels: `[taps, in, out]` becomes `[slots, in, out]`.
    ///
    /// # Panics
    /// Panics unless the pairs fill whole vectors.
    pub fn transformed(&self, weights: &[f32]) -> Vec<f32> {
        let length = weights.len() / self.taps();
        let write = |to: OutputCells<'_>| {
            pool::for_each((0..length).step_by(VALUES), |first| {
                for range in self.ranges(weights, length, first, to) {
                    dispatch(ToSlots(range));
                }
            });
        };
        // SAFETY: each slot belongs to one phase, whose ranges are all written, each by one core.
        unsafe { filled_vec(self.slots * length, |to| write(OutputCells::new(to))) }.0
    }

    /// Returns G^T u G of every pair of channels: `[slots, C, S]` becomes `[taps, C, S]`.
    ///
    /// # Panics
    /// Panics unless the pairs fill whole vectors.
    pub fn gradient_from_transformed(&self, sums: &[f32]) -> Vec<f32> {
        let length = sums.len() / self.slots;
        let write = |to: OutputCells<'_>| {
            for first in (0..length).step_by(VALUES) {
                for range in self.ranges(sums, length, first, to) {
                    dispatch(ToTaps(range));
                }
            }
        };
        // SAFETY: each tap belongs to one phase, whose ranges are all written, by this core.
        unsafe { filled_vec(self.taps() * length, |to| write(OutputCells::new(to))) }.0
    }

    /// Returns the number of taps of the kernel.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Returns the range from `first` on, of at most [`VALUES`] weights, for each phase.
    fn ranges<'a>(
        &'a self,
        from: &'a [f32],
        length: usize,
        first: usize,
        to: OutputCells<'a>,
    ) -> impl Iterator<Item = WeightRange<'a>> {
        self.phases.iter().map(move |phase| WeightRange {
            layout: self,
            phase,
            from,
            length,
            range: first..length.min(first + VALUES),
            to,
        })
    }
}

/// The same range of the weights at each tap and slot of a phase. No other thread uses it in `to`.
struct WeightRange<'a> {
    layout: &'a TileLayout,
    phase: &'a KernelPhase,
    from: &'a [f32],
    /// The number of weights of a tap.
    length: usize,
    range: Range<usize>,
    to: OutputCells<'a>,
}

/// The transform of weights.
struct ToSlots<'a>(WeightRange<'a>);

/// The transform of the gradient of transformed weights.
struct ToTaps<'a>(WeightRange<'a>);

impl WithSimd for ToSlots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.0.phase.sides, to_slots(simd, &self.0));
    }
}

impl WithSimd for ToTaps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for_sides!(self.0.phase.sides, to_taps(simd, &self.0));
    }
}

impl WeightRange<'_> {
    /// Returns the number of vectors in the range.
    ///
    /// # Panics
    /// Panics unless they are whole, because all values have to be written.
    #[inline(always)]
    fn vectors<S: Simd>(&self) -> usize {
        assert!(self.range.len().is_multiple_of(S::F32_LANES));
        self.range.len() / S::F32_LANES
    }

    /// Returns the weights of the range at the tap or slot `number`.
    #[inline(always)]
    fn weights<S: Simd>(&self, number: usize) -> &[S::f32s] {
        vectors::<S>(&self.from[number * self.length..][self.range.clone()])
    }

    /// Writes a vector of the range at the tap or slot `number`.
    ///
    /// # Safety
    /// No other thread uses the range.
    #[inline(always)]
    unsafe fn write<S: Simd>(&self, number: usize, vector: usize, value: S::f32s) {
        let place = number * self.length + self.range.start + vector * S::F32_LANES;
        assert!(place + S::F32_LANES <= self.to.len());
        // SAFETY: the vector lies within the memory, as just checked, and the caller promises the rest.
        unsafe {
            let to = self.to.as_mut_ptr().add(place);
            to.cast::<S::f32s>().write_unaligned(value);
        }
    }
}

#[inline(always)]
fn to_slots<S: Simd, const P: usize, const H: usize, const W: usize>(
    simd: S,
    weights: &WeightRange<'_>,
) {
    let WeightRange { layout, phase, .. } = weights;
    let mut taps = [[vectors::<S>(&ZEROS); MAX_TAPS]; MAX_TAPS];
    for [row, column] in pairs(phase.taps) {
        taps[row][column] = weights.weights::<S>(layout.tap(phase, [row, column]));
    }
    let zero = simd.splat_f32s(0.0);
    for v in 0..weights.vectors::<S>() {
        let mut columns = [[zero; H]; MAX_TAPS];
        for (j, products) in columns.iter_mut().enumerate() {
            let mut column = [zero; MAX_TAPS];
            for (value, taps) in column.iter_mut().zip(&taps) {
                *value = taps[j][v];
            }
            *products = by_g(simd, column);
        }
        for i in 0..H {
            let mut row = [zero; MAX_TAPS];
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = column[i];
            }
            let row: [S::f32s; W] = by_g(simd, row);
            for (j, value) in row.into_iter().enumerate() {
                // SAFETY: the range belongs to this thread.
                unsafe { weights.write::<S>(phase.slots[i * MAX_SIDE + j], v, value) };
            }
        }
    }
}

#[inline(always)]
fn to_taps<S: Simd, const P: usize, const H: usize, const W: usize>(
    simd: S,
    weights: &WeightRange<'_>,
) {
    let WeightRange { layout, phase, .. } = weights;
    let mut slots = [[vectors::<S>(&ZEROS); W]; H];
    for [i, j] in pairs([H, W]) {
        slots[i][j] = weights.weights::<S>(phase.slots[i * MAX_SIDE + j]);
    }
    let zero = simd.splat_f32s(0.0);
    for v in 0..weights.vectors::<S>() {
        let mut columns = [[zero; MAX_TAPS]; W];
        for (j, sums) in columns.iter_mut().enumerate() {
            let mut column = [zero; H];
            for (value, slots) in column.iter_mut().zip(&slots) {
                *value = slots[j][v];
            }
            *sums = by_g_transposed(simd, column);
        }
        for i in 0..phase.taps[0] {
            let mut row = [zero; W];
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = column[i];
            }
            let taps = by_g_transposed(simd, row);
            for (j, value) in taps.into_iter().enumerate().take(phase.taps[1]) {
                // SAFETY: the range belongs to this thread.
                unsafe { weights.write::<S>(layout.tap(phase, [i, j]), v, value) };
            }
        }
    }
}
