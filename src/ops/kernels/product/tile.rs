//! The innermost loop of every product. A tile of the result, which is some rows by a few vectors of columns, stays in
//! registers while it is summed; each value of the left factor is multiplied by whole vectors of the right one.
//!
//! The factors are not packed beforehand: at the sizes of a VAE both stay in the second-level cache, and this loop then
//! runs at 98 % of the peak of a core's multipliers (Zen 4, AVX-512, 128 x 784 x 400), where a product that packs its
//! operands reaches 85 %. Each value of the result is one chain of fused multiply-adds in the order of the sum, which
//! gives the same bytes for every division of the result into tiles.

use pulp::{Simd, WithSimd};

use super::operands::{BLOCK, InitialSum, TiledProduct};
use super::output::OutputCells;
use super::vectors::{load, store};
use crate::ops::kernels::simd::dispatch;

/// The height of the last tile, if so few rows are left.
const SHORT: usize = BLOCK;

impl TiledProduct<'_> {
    /// Writes the product into `out`, whose values it adds to with [`InitialSum::Previous`].
    pub fn run(self, out: &mut [f32]) {
        // SAFETY: `out` belongs to this call alone and has been written.
        unsafe { self.run_shared(OutputCells::from_floats(out)) }
    }

    /// Writes the product into `out`.
    ///
    /// # Safety
    /// No other thread uses the places that this product writes to, and with [`InitialSum::Previous`] they have been
    /// written.
    pub unsafe fn run_shared(self, out: OutputCells<'_>) {
        let (left, right) = (self.left, self.right);
        assert_eq!(left.rows.len(), self.rows.len());
        assert_eq!(left.segments.len(), right.segments.len());
        if self.rows.is_empty() || right.columns == 0 {
            return;
        }
        let most = |places: &[usize]| places.iter().copied().max().unwrap_or(0);
        assert!(most(self.rows) + right.columns <= out.len());
        if left.length > 0 && !left.segments.is_empty() {
            let last = left.length - 1;
            assert!(most(left.rows) + most(left.segments) + last * left.step < left.values.len());
            assert!(most(right.segments) + last * right.step + right.columns <= right.values.len());
        }
        if let InitialSum::Bias(bias) = self.start {
            assert_eq!(bias.len(), right.columns);
        }
        if let Some(blocks) = self.nonzero {
            assert!(left.segments.len() == 1 && blocks.len() * BLOCK >= self.rows.len());
            // A list ascends, so its last term is the largest.
            assert!(blocks.iter().all(|terms| {
                terms
                    .last()
                    .is_none_or(|&last| (last as usize) < left.length)
            }));
        }
        if self.is_scattered() {
            // SAFETY: the places have been checked, and the caller promises the rest.
            unsafe { self.run_in_blocks(out) }
        } else {
            // SAFETY: the same holds.
            unsafe { self.run_in_place(out) }
        }
    }

    /// Writes the product into `out`, reading both factors where they are.
    ///
    /// # Safety
    /// As for [`run_shared`](Self::run_shared), which has checked all places.
    pub(super) unsafe fn run_in_place(self, out: OutputCells<'_>) {
        dispatch(TileKernel {
            product: self,
            out: out.as_mut_ptr(),
        });
    }
}

/// A product whose places have been checked.
struct TileKernel<'a> {
    product: TiledProduct<'a>,
    out: *mut f32,
}

impl WithSimd for TileKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let columns = self.product.right.columns;
        let mut left = 0;
        while left < columns {
            let rest = columns - left;
            let listed = self.product.nonzero.is_some();
            let large = S::REGISTER_COUNT >= 32;
            // Three vectors at a time. Four are taken as two and two, because a single one keeps the multipliers
            // waiting. With few registers it is two: more rows fit beside them, and a strip of the right factor that is only
            // a cache line wide stays in the first-level cache. With lists of terms the tiles are low and wide: the fewer
            // rows share a list, the more it leaves out.
            let vectors = match rest.div_ceil(lanes) {
                1 => 1,
                _ if !listed && !large => 2,
                few @ 2..=3 => few,
                few @ 4..=6 if listed && large => few,
                7.. if listed && large => 6,
                4 => 2,
                _ => 3,
            };
            let width = rest.min(vectors * lanes);
            let strip = Strip {
                kernel: &self,
                left,
                last: width - (vectors - 1) * lanes,
            };
            // The number of rows that fit into the registers beside the vectors of the right factor and one value of
            // the left one.
            match (vectors, large) {
                _ if listed => match vectors {
                    1 => strip.run::<S, BLOCK, 1, true>(simd),
                    2 => strip.run::<S, BLOCK, 2, true>(simd),
                    3 => strip.run::<S, BLOCK, 3, true>(simd),
                    4 => strip.run::<S, BLOCK, 4, true>(simd),
                    5 => strip.run::<S, BLOCK, 5, true>(simd),
                    _ => strip.run::<S, BLOCK, 6, true>(simd),
                },
                (1, true) => strip.run::<S, 12, 1, false>(simd),
                (2, true) => strip.run::<S, 12, 2, false>(simd),
                (_, true) => strip.run::<S, 8, 3, false>(simd),
                (1, false) => strip.run::<S, 8, 1, false>(simd),
                (_, false) => strip.run::<S, 6, 2, false>(simd),
            }
            left += width;
        }
    }
}

/// A few vectors of columns; the last vector has `last` values.
struct Strip<'a> {
    kernel: &'a TileKernel<'a>,
    left: usize,
    last: usize,
}

impl Strip<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize, const LISTED: bool>(self, simd: S) {
        if self.last == S::F32_LANES {
            self.rows::<S, R, V, LISTED, true>(simd);
        } else {
            self.rows::<S, R, V, LISTED, false>(simd);
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const R: usize, const V: usize, const LISTED: bool, const WHOLE: bool>(
        &self,
        simd: S,
    ) {
        let count = self.kernel.product.rows.len();
        let mut row = 0;
        // SAFETY: `run_shared` checked that the places of every row, segment and column lie within the memory.
        unsafe {
            while row + R <= count || (row < count && count - row > SHORT) {
                self.tile_at::<S, R, V, LISTED, WHOLE>(simd, row);
                row += R;
            }
            if row < count {
                self.tile_at::<S, SHORT, V, LISTED, WHOLE>(simd, row);
            }
        }
    }

    /// Computes and stores the `R` rows from `row` on, or those that are left.
    ///
    /// # Safety
    /// As for [`tile`](Self::tile), for all rows.
    #[inline(always)]
    unsafe fn tile_at<
        S: Simd,
        const R: usize,
        const V: usize,
        const LISTED: bool,
        const WHOLE: bool,
    >(
        &self,
        simd: S,
        row: usize,
    ) {
        let count = self.kernel.product.rows.len();
        // If fewer rows are left, the last one is computed again and not stored.
        let rows: [usize; R] = std::array::from_fn(|r| (row + r).min(count - 1));
        // SAFETY: the caller promises it.
        unsafe { self.tile::<S, R, V, LISTED, WHOLE>(simd, rows, (count - row).min(R)) };
    }

    /// Computes and stores the first `live` rows of one tile.
    ///
    /// # Safety
    /// The places of `rows` lie within the memory of both factors and of the result.
    #[inline(always)]
    unsafe fn tile<
        S: Simd,
        const R: usize,
        const V: usize,
        const LISTED: bool,
        const WHOLE: bool,
    >(
        &self,
        simd: S,
        rows: [usize; R],
        live: usize,
    ) {
        let lanes = S::F32_LANES;
        let TiledProduct {
            left,
            nonzero,
            right,
            rows: places,
            start,
            rectified,
        } = &self.kernel.product;
        let mask = simd.mask_between_m32s(0, self.last as u32);
        let out: [*mut f32; R] = std::array::from_fn(|r| {
            // SAFETY: the caller promises that the row lies within the result.
            unsafe { self.kernel.out.add(places[rows[r]] + self.left) }
        });
        let load = |from: *const f32, v: usize| {
            // SAFETY: as above for all that is loaded; the mask cuts the last vector where it is not whole.
            unsafe { load::<S, WHOLE>(simd, mask, from.add(v * lanes), v + 1 == V) }
        };
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        match start {
            InitialSum::Zero => {}
            InitialSum::Bias(bias) => {
                let bias = bias[self.left..].as_ptr();
                sums = [std::array::from_fn(|v| load(bias, v)); R];
            }
            InitialSum::Previous => {
                for r in 0..R {
                    sums[r] = std::array::from_fn(|v| load(out[r], v));
                }
            }
        }
        let base: [usize; R] = std::array::from_fn(|r| left.rows[rows[r]]);
        // Without terms there is no memory that the pointers could point to.
        let segments = if left.length == 0 { &[] } else { left.segments };
        for (&a, &b) in segments.iter().zip(right.segments) {
            let a: [*const f32; R] = std::array::from_fn(|r| {
                // SAFETY: the caller promises that the row and the segment lie within the left factor.
                unsafe { left.values.as_ptr().add(base[r] + a) }
            });
            // SAFETY: the same holds for the right factor.
            let b = unsafe { right.values.as_ptr().add(b + self.left) };
            let list = nonzero.map_or(&[][..], |blocks| &blocks[rows[0] / BLOCK]);
            let (mut place, mut line) = (0, 0);
            for n in 0..if LISTED { list.len() } else { left.length } {
                if LISTED {
                    // SAFETY: `n` counts to the length of the list.
                    let i = unsafe { *list.get_unchecked(n) } as usize;
                    (place, line) = (i * left.step, i * right.step);
                }
                let vectors: [S::f32s; V] = std::array::from_fn(|v| {
                    // SAFETY: the line lies within the right factor: a list's terms are below `left.length`.
                    load(unsafe { b.add(line) }, v)
                });
                for r in 0..R {
                    // SAFETY: the place lies within the left factor for the same reason.
                    let value = simd.splat_f32s(unsafe { *a[r].add(place) });
                    for v in 0..V {
                        sums[r][v] = simd.mul_add_e_f32s(value, vectors[v], sums[r][v]);
                    }
                }
                if !LISTED {
                    place += left.step;
                    line += right.step;
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if r < live {
                for (v, &sum) in sums.iter().enumerate() {
                    // A maximum would turn NaN into 0, a comparison keeps it.
                    let zero = simd.splat_f32s(0.0);
                    let sum = if *rectified {
                        simd.select_f32s(simd.less_than_f32s(sum, zero), zero, sum)
                    } else {
                        sum
                    };
                    // SAFETY: the row lies within the result, and the mask cuts the last vector where it is not whole.
                    unsafe {
                        store::<S, WHOLE>(simd, mask, out[r].add(v * lanes), sum, v + 1 == V)
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operands::{LeftFactor, RightFactor};
    use super::*;
    use crate::ops::kernels::simd::every_arch;
    use crate::rng::Rng;

    #[test]
    fn every_width_gives_the_same_sum_with_every_kind_of_vectors() {
        let mut values = vec![0.0; 6_000];
        Rng::new(1).fill_normal(&mut values);
        for columns in (1..70).step_by(3).chain([16, 32, 48, 64]) {
            for (rows, length) in [(1, 5), (13, 7), (25, 1), (3, 0)] {
                let left_rows: Vec<usize> = (0..rows).map(|row| row * 31).collect();
                let out_rows: Vec<usize> = (0..rows).map(|row| row * (columns + 2)).collect();
                let bias = &values[..columns];
                let product = || TiledProduct {
                    left: LeftFactor {
                        values: &values,
                        rows: &left_rows,
                        segments: &[3, 50],
                        length,
                        step: 2,
                    },
                    nonzero: None,
                    right: RightFactor {
                        values: &values,
                        segments: &[7, 900],
                        step: columns + 1,
                        columns,
                    },
                    rows: &out_rows,
                    start: InitialSum::Bias(bias),
                    rectified: true,
                };
                let exact = |row: usize, column: usize| {
                    let term = |(a, b): (usize, usize), i: usize| {
                        values[row * 31 + a + i * 2] * values[b + i * (columns + 1) + column]
                    };
                    let sum: f32 = [(3, 7), (50, 900)]
                        .iter()
                        .flat_map(|&at| (0..length).map(move |i| term(at, i)))
                        .sum();
                    (sum + bias[column]).max(0.0)
                };
                for arch in every_arch() {
                    let mut out = vec![-7.0; rows * (columns + 2)];
                    arch.dispatch(TileKernel {
                        product: product(),
                        out: out.as_mut_ptr(),
                    });
                    for (row, line) in out.chunks_exact(columns + 2).enumerate() {
                        for (column, &value) in line[..columns].iter().enumerate() {
                            assert!(
                                (value - exact(row, column)).abs() < 1e-4,
                                "{arch:?} {columns} {rows} {row} {column}"
                            );
                        }
                        assert_eq!(line[columns..], [-7.0; 2], "{arch:?}: beyond the row");
                    }
                }
            }
        }
    }
}
