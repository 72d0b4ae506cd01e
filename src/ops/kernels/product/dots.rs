//! Products with very few columns, where a vector of columns would be nearly empty: each value is a sum over whole
//! vectors of both factors.

use pulp::{Simd, WithSimd};

use super::operands::LeftFactor;
use super::output::OutputCells;
use crate::ops::kernels::simd::dispatch;

/// The largest number of columns that [`DotProducts`] computes.
pub const MAX_COLUMNS: usize = 4;

/// The number of partial sums of a value: the lanes of the widest vectors, on every machine, so that the sum does not
/// depend on it. Narrower vectors take several side by side. Scalar code has one sum: it rounds each product, so that its
/// bytes differ in any case.
const LANES: usize = 16;

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
        match S::F32_LANES {
            1 | LANES => self.vectors::<S, 1>(simd),
            8 => self.vectors::<S, 2>(simd),
            _ => self.vectors::<S, 4>(simd),
        }
    }
}

impl DotKernel<'_> {
    /// Computes the product with `V` vectors of partial sums for each value.
    #[inline(always)]
    fn vectors<S: Simd, const V: usize>(&self, simd: S) {
        // As many rows at a time as have room for their sums in the registers, beside the values of the columns.
        match (self.dots.bias.len(), V) {
            (1, 1) => self.columns::<S, V, 8, 1>(simd, 0),
            (2, 1) => self.columns::<S, V, 4, 2>(simd, 0),
            (3, 1) => self.columns::<S, V, 4, 3>(simd, 0),
            (_, 1) => self.columns::<S, V, 2, MAX_COLUMNS>(simd, 0),
            (1, _) => self.columns::<S, V, 6, 1>(simd, 0),
            (2, _) => self.columns::<S, V, 3, 2>(simd, 0),
            (3, _) => self.columns::<S, V, 2, 3>(simd, 0),
            _ => {
                self.columns::<S, V, 3, 2>(simd, 0);
                self.columns::<S, V, 3, 2>(simd, 2);
            }
        }
    }

    /// Computes `C` columns from `column` on, `R` rows at a time.
    #[inline(always)]
    fn columns<S: Simd, const V: usize, const R: usize, const C: usize>(
        &self,
        simd: S,
        column: usize,
    ) {
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
        let lines: [&[f32]; C] = std::array::from_fn(|c| &right[(column + c) * depth..][..depth]);
        for first in (0..rows.len()).step_by(R) {
            let live = (rows.len() - first).min(R);
            let mut sums = [[[simd.splat_f32s(0.0); C]; R]; V];
            for (i, &segment) in segments.iter().enumerate() {
                let from = i * length;
                let left: [Line<'_, S, V>; R] = std::array::from_fn(|r| {
                    line(&values[rows[first + r.min(live - 1)] + segment..][..length])
                });
                let right: [Line<'_, S, V>; C] =
                    std::array::from_fn(|c| line(&lines[c][from..][..length]));
                for i in 0..length / (V * S::F32_LANES) {
                    for (v, sums) in sums.iter_mut().enumerate() {
                        let left = std::array::from_fn(|r| left[r].chunks[i][v]);
                        let right = std::array::from_fn(|c| right[c].chunks[i][v]);
                        add(simd, sums, left, right);
                    }
                }
                if length % (V * S::F32_LANES) > 0 {
                    let whole = length / S::F32_LANES % V;
                    for (v, sums) in sums.iter_mut().enumerate() {
                        if v < whole {
                            let left = std::array::from_fn(|r| left[r].vectors[v]);
                            let right = std::array::from_fn(|c| right[c].vectors[v]);
                            add(simd, sums, left, right);
                        } else if v == whole {
                            let left =
                                std::array::from_fn(|r| simd.partial_load_f32s(left[r].rest));
                            let right =
                                std::array::from_fn(|c| simd.partial_load_f32s(right[c].rest));
                            add(simd, sums, left, right);
                        }
                    }
                }
            }
            for (r, &place) in places[first..][..live].iter().enumerate() {
                for (c, bias) in bias[column..][..C].iter().enumerate() {
                    let sum = bias + total(simd, sums.each_ref().map(|sums| sums[r][c]));
                    let sum = if self.dots.rectified {
                        rectified(sum)
                    } else {
                        sum
                    };
                    // SAFETY: the caller of `DotProducts::run` promises that no other thread uses the place.
                    unsafe { self.out.write(place + column + c, sum) };
                }
            }
        }
    }
}

/// The values of a row or column in a segment: chunks of `V` vectors, the vectors that fill no chunk, and the values that
/// fill no vector.
struct Line<'a, S: Simd, const V: usize> {
    chunks: &'a [[S::f32s; V]],
    vectors: &'a [S::f32s],
    rest: &'a [f32],
}

#[inline(always)]
fn line<S: Simd, const V: usize>(values: &[f32]) -> Line<'_, S, V> {
    let (vectors, rest) = S::as_simd_f32s(values);
    let (chunks, vectors) = vectors.as_chunks();
    Line {
        chunks,
        vectors,
        rest,
    }
}

/// Adds the partial sums in the same order for every width of the vectors: sum `i` and sum `i + 8` first, then `i` and
/// `i + 4`, `i + 2` and `i + 1`. This is also the order in which pulp adds the lanes of a vector.
#[inline(always)]
fn total<S: Simd, const V: usize>(simd: S, mut sums: [S::f32s; V]) -> f32 {
    let mut count = V;
    while count > 1 {
        count /= 2;
        for v in 0..count {
            sums[v] = simd.add_f32s(sums[v], sums[v + count]);
        }
    }
    // Terms too small for a float leave -0 in a lane. Wide vectors add the zeros of lanes without a term to it, narrow ones
    // have no such lanes; a 0 that is added at the end makes them equal.
    0.0 + simd.reduce_sum_f32s(sums[0])
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
