//! Products with very few columns, where a vector of columns would be nearly empty: each value is a sum over whole
//! vectors of both factors.

use pulp::{Simd, WithSimd};

use super::operands::LeftFactor;
use super::output::OutputCells;
use crate::ops::kernels::simd::dispatch;

/// The largest number of columns that [`DotProducts`] computes.
pub const MAX_COLUMNS: usize = 4;

/// The product bias + left x right. Row `r` of the result has `bias.len()` values from `rows[r]` on; `left.step` is 1.
pub struct DotProducts<'a> {
    pub left: LeftFactor<'a>,
    /// The values of each column, all segments one after another.
    pub right: &'a [f32],
    /// One value for each column.
    pub bias: &'a [f32],
    pub rows: &'a [usize],
    /// Whether max(y, 0) is stored instead of y.
    pub rectified: bool,
}

impl DotProducts<'_> {
    /// Writes the product into `out`.
    ///
    /// # Safety
    /// No other thread uses the places of `out` that this product writes to.
    pub unsafe fn run(self, out: OutputCells<'_>) {
        dispatch(DotKernel { dots: self, out });
    }
}

struct DotKernel<'a> {
    dots: DotProducts<'a>,
    out: OutputCells<'a>,
}

impl WithSimd for DotKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.dots.bias.len() {
            1 => self.columns::<S, 8, 1>(simd),
            2 => self.columns::<S, 4, 2>(simd),
            3 => self.columns::<S, 4, 3>(simd),
            _ => self.columns::<S, 2, MAX_COLUMNS>(simd),
        }
    }
}

impl DotKernel<'_> {
    #[inline(always)]
    fn columns<S: Simd, const R: usize, const C: usize>(&self, simd: S) {
        let DotProducts {
            left,
            right,
            bias,
            rows: places,
            ..
        } = &self.dots;
        let LeftFactor {
            values,
            rows,
            segments,
            length,
            ..
        } = *left;
        let depth = segments.len() * length;
        let lines: [&[f32]; C] = std::array::from_fn(|c| &right[c * depth..][..depth]);
        for first in (0..rows.len()).step_by(R) {
            let live = (rows.len() - first).min(R);
            let mut sums = [[simd.splat_f32s(0.0); C]; R];
            for (i, &segment) in segments.iter().enumerate() {
                let from = i * length;
                let left: [(&[S::f32s], &[f32]); R] = std::array::from_fn(|r| {
                    S::as_simd_f32s(&values[rows[first + r.min(live - 1)] + segment..][..length])
                });
                let right: [(&[S::f32s], &[f32]); C] =
                    std::array::from_fn(|c| S::as_simd_f32s(&lines[c][from..][..length]));
                for i in 0..length / S::F32_LANES {
                    let vectors: [S::f32s; C] = std::array::from_fn(|c| right[c].0[i]);
                    add(
                        simd,
                        &mut sums,
                        std::array::from_fn(|r| left[r].0[i]),
                        vectors,
                    );
                }
                if length % S::F32_LANES > 0 {
                    let vectors: [S::f32s; C] =
                        std::array::from_fn(|c| simd.partial_load_f32s(right[c].1));
                    add(
                        simd,
                        &mut sums,
                        std::array::from_fn(|r| simd.partial_load_f32s(left[r].1)),
                        vectors,
                    );
                }
            }
            for (&place, sums) in places[first..][..live].iter().zip(&sums) {
                for (c, (&sum, bias)) in sums.iter().zip(*bias).enumerate() {
                    let sum = bias + simd.reduce_sum_f32s(sum);
                    let sum = if self.dots.rectified {
                        rectified(sum)
                    } else {
                        sum
                    };
                    // SAFETY: the caller of `DotProducts::run` promises that no other thread uses the place.
                    unsafe { self.out.write(place + c, sum) };
                }
            }
        }
    }
}

/// Returns max(y, 0), and NaN for NaN, which `f32::max` would hide.
#[inline(always)]
fn rectified(y: f32) -> f32 {
    if y < 0.0 { 0.0 } else { y }
}

#[inline(always)]
fn add<S: Simd, const R: usize, const C: usize>(
    simd: S,
    sums: &mut [[S::f32s; C]; R],
    left: [S::f32s; R],
    right: [S::f32s; C],
) {
    for r in 0..R {
        for c in 0..C {
            sums[r][c] = simd.mul_add_e_f32s(left[r], right[c], sums[r][c]);
        }
    }
}
