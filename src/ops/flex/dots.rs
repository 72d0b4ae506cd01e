//! Products with very few columns, where a vector of columns would be nearly empty: each value is the sum over whole
//! vectors of both sides.

use pulp::{Simd, WithSimd};

use super::rectified;
use super::tile::{Cells, Left};

/// Columns at most.
pub const FEW: usize = 4;

/// Row `r` of the result, `bias.len()` values from `rows[r]` on: bias + left x right. `left.step` is 1 here.
pub struct Dots<'a> {
    pub left: Left<'a>,
    /// For each column the values of its line, all segments one after another.
    pub right: &'a [f32],
    /// A value for each column.
    pub bias: &'a [f32],
    pub rows: &'a [usize],
    /// Whether max(y, 0) is stored in the place of y.
    pub rectified: bool,
}

impl Dots<'_> {
    /// # Safety
    /// No other thread uses the places of `out` that this product writes to.
    pub unsafe fn run(self, out: Cells<'_>) {
        pulp::Arch::new().dispatch(Run { dots: self, out });
    }
}

struct Run<'a> {
    dots: Dots<'a>,
    out: Cells<'a>,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.dots.bias.len() {
            1 => self.columns::<S, 8, 1>(simd),
            2 => self.columns::<S, 4, 2>(simd),
            3 => self.columns::<S, 4, 3>(simd),
            _ => self.columns::<S, 2, FEW>(simd),
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn columns<S: Simd, const R: usize, const C: usize>(&self, simd: S) {
        let Dots {
            left,
            right,
            bias,
            rows: places,
            ..
        } = &self.dots;
        let Left {
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
                    // SAFETY: `Dots::run` has the caller's promise.
                    unsafe { self.out.write(place + c, sum) };
                }
            }
        }
    }
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
