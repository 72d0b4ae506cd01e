//! The innermost loop of every product: a tile of the result, some rows by a few vectors of columns, stays in registers
//! while the sum runs; one value on the left meets whole vectors on the right.
//!
//! Nothing is copied beforehand: at a VAE's sizes both sides stay in the second-level cache, and this loop then runs at
//! 98 % of what the multipliers of a core can do (Zen 4, AVX-512, 128 x 784 x 400), where a product that packs its
//! operands reaches 85 %. Each value of the result is one chain of fused multiply-adds in the order of the sum: the same
//! bytes, however the result is cut into tiles.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pulp::{MemMask, Simd, WithSimd};

/// The left factor: value (row, segment, i) of it, `i < length`, lies at `rows[row] + segments[segment] + i * step`. A
/// matrix has one segment; the windows of a convolution have one for each row of its kernel.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub values: &'a [f32],
    pub rows: &'a [usize],
    pub segments: &'a [usize],
    pub length: usize,
    pub step: usize,
}

/// The right factor: line (segment, i) of it lies at `segments[segment] + i * step` and has `columns` values.
#[derive(Clone, Copy)]
pub struct Right<'a> {
    pub values: &'a [f32],
    pub segments: &'a [usize],
    pub step: usize,
    pub columns: usize,
}

/// What the sum begins with.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    Zero,
    /// A value for each column.
    Bias(&'a [f32]),
    /// What the result holds: it has been written before.
    Sum,
}

/// Memory for results, which several threads write to at places of their own.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    first: *mut f32,
    length: usize,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: all that writes through it, `Tiles::run_shared` and its own `write` and `slice`, is unsafe, and its callers
// promise that no two threads use one place.
unsafe impl Send for Cells<'_> {}
// SAFETY: as above.
unsafe impl Sync for Cells<'_> {}

impl<'a> Cells<'a> {
    pub fn new(values: &'a mut [MaybeUninit<f32>]) -> Self {
        Self {
            first: values.as_mut_ptr().cast(),
            length: values.len(),
            memory: PhantomData,
        }
    }

    pub fn len(self) -> usize {
        self.length
    }

    /// # Safety
    /// Nobody else uses the place meanwhile.
    #[inline(always)]
    pub unsafe fn write(self, place: usize, value: f32) {
        assert!(place < self.length);
        // SAFETY: within the memory, as just checked; the rest is the caller's promise.
        unsafe { self.first.add(place).write(value) }
    }

    /// The values `start..start + length`.
    ///
    /// # Safety
    /// They have been written, and nobody else uses them while the slice lives.
    pub unsafe fn slice(self, start: usize, length: usize) -> &'a mut [f32] {
        assert!(start + length <= self.length);
        // SAFETY: within the memory, as just checked; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), length) }
    }
}

/// Rows of the left factor that share a list of their terms, and make a tile: the fewer, the more a list leaves out, and
/// the more of the right side is read for each multiplication.
pub const BLOCK: usize = 4;

/// A product: row `r` of the result begins at `rows[r]`.
pub struct Tiles<'a> {
    pub left: Left<'a>,
    /// For each [`BLOCK`] of rows, which `i` of the only segment to sum over: what is left out is 0 in all of them.
    pub terms: Option<&'a [Vec<u32>]>,
    pub right: Right<'a>,
    pub rows: &'a [usize],
    pub start: Start<'a>,
    /// Whether max(y, 0) is stored in the place of y.
    pub rectified: bool,
}

impl Tiles<'_> {
    /// Writes the product into `out`: with [`Start::Sum`], what it reads there has been written.
    pub fn run(self, out: &mut [f32]) {
        let cells = Cells {
            first: out.as_mut_ptr(),
            length: out.len(),
            memory: PhantomData,
        };
        // SAFETY: `out` is this call's alone, and floats.
        unsafe { self.run_shared(cells) }
    }

    /// Writes the product into `out`.
    ///
    /// # Safety
    /// No other thread uses the places that this product writes to, and with [`Start::Sum`] they have been written.
    pub unsafe fn run_shared(self, out: Cells<'_>) {
        let (left, right) = (self.left, self.right);
        assert_eq!(left.rows.len(), self.rows.len());
        assert_eq!(left.segments.len(), right.segments.len());
        if self.rows.is_empty() || right.columns == 0 {
            return;
        }
        let most = |places: &[usize]| places.iter().copied().max().unwrap_or(0);
        assert!(most(self.rows) + right.columns <= out.length);
        if left.length > 0 && !left.segments.is_empty() {
            let last = left.length - 1;
            assert!(most(left.rows) + most(left.segments) + last * left.step < left.values.len());
            assert!(most(right.segments) + last * right.step + right.columns <= right.values.len());
        }
        if let Start::Bias(bias) = self.start {
            assert_eq!(bias.len(), right.columns);
        }
        if let Some(blocks) = self.terms {
            assert!(left.segments.len() == 1 && blocks.len() * BLOCK >= self.rows.len());
            // A list ascends: its last one is the largest.
            assert!(blocks.iter().all(|terms| {
                terms
                    .last()
                    .is_none_or(|&last| (last as usize) < left.length)
            }));
        }
        pulp::Arch::new().dispatch(Run {
            tiles: self,
            out: out.first,
        });
    }
}

struct Run<'a> {
    tiles: Tiles<'a>,
    out: *mut f32,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let columns = self.tiles.right.columns;
        let mut left = 0;
        while left < columns {
            let rest = columns - left;
            let listed = self.tiles.terms.is_some();
            let large = S::REGISTER_COUNT >= 32;
            // Three vectors at a time; four are two and two, for a single one keeps the multipliers waiting. Of few terms
            // the tiles are low and wide: fewer rows share a list, which leaves out more.
            let vectors = match rest.div_ceil(lanes) {
                few @ 1..=3 => few,
                6.. if listed && large => 6,
                4 => 2,
                _ => 3,
            };
            let width = rest.min(vectors * lanes);
            let strip = Strip {
                run: &self,
                left,
                last: width - (vectors - 1) * lanes,
            };
            // As many rows as the registers hold, beside the right side's vectors and one value on the left.
            match (vectors, large) {
                _ if listed => match vectors {
                    1 => strip.run::<S, BLOCK, 1, true>(simd),
                    2 => strip.run::<S, BLOCK, 2, true>(simd),
                    3 => strip.run::<S, BLOCK, 3, true>(simd),
                    _ => strip.run::<S, BLOCK, 6, true>(simd),
                },
                (1, true) => strip.run::<S, 12, 1, false>(simd),
                (2, true) => strip.run::<S, 12, 2, false>(simd),
                (_, true) => strip.run::<S, 8, 3, false>(simd),
                (1, false) => strip.run::<S, 8, 1, false>(simd),
                (2, false) => strip.run::<S, 6, 2, false>(simd),
                (_, false) => strip.run::<S, 4, 3, false>(simd),
            }
            left += width;
        }
    }
}

/// Some vectors of columns, the last of them with `last` values.
struct Strip<'a> {
    run: &'a Run<'a>,
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
        let count = self.run.tiles.rows.len();
        for row in (0..count).step_by(R) {
            // Where fewer are left, the last one again: computed, not stored.
            let rows: [usize; R] = std::array::from_fn(|r| (row + r).min(count - 1));
            // SAFETY: `run_shared` checked that all places of every row, segment and column lie within.
            unsafe { self.tile::<S, R, V, LISTED, WHOLE>(simd, rows, (count - row).min(R)) };
        }
    }

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
        let Tiles {
            left,
            terms,
            right,
            rows: places,
            start,
            rectified,
        } = &self.run.tiles;
        let mask = simd.mask_between_m32s(0, self.last as u32);
        // SAFETY (all blocks): the caller's promise; the last vector is cut by the mask where it is not whole.
        let out: [*mut f32; R] =
            std::array::from_fn(|r| unsafe { self.run.out.add(places[rows[r]] + self.left) });
        let load = |from: *const f32, v: usize| unsafe {
            load::<S, WHOLE>(simd, mask, from.add(v * lanes), v + 1 == V)
        };
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        match start {
            Start::Zero => {}
            Start::Bias(bias) => {
                let bias = bias[self.left..].as_ptr();
                sums = [std::array::from_fn(|v| load(bias, v)); R];
            }
            Start::Sum => {
                for r in 0..R {
                    sums[r] = std::array::from_fn(|v| load(out[r], v));
                }
            }
        }
        let base: [usize; R] = std::array::from_fn(|r| left.rows[rows[r]]);
        // Without terms there is nothing that the pointers could point to.
        let segments = if left.length == 0 { &[] } else { left.segments };
        for (&a, &b) in segments.iter().zip(right.segments) {
            let a: [*const f32; R] =
                std::array::from_fn(|r| unsafe { left.values.as_ptr().add(base[r] + a) });
            let b = unsafe { right.values.as_ptr().add(b + self.left) };
            let list = terms.map_or(&[][..], |blocks| &blocks[rows[0] / BLOCK]);
            let (mut place, mut line) = (0, 0);
            for n in 0..if LISTED { list.len() } else { left.length } {
                if LISTED {
                    let i = unsafe { *list.get_unchecked(n) } as usize;
                    (place, line) = (i * left.step, i * right.step);
                }
                let vectors: [S::f32s; V] =
                    std::array::from_fn(|v| load(unsafe { b.add(line) }, v));
                for r in 0..R {
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
                    // A comparison, not a maximum, which would hide NaN.
                    let zero = simd.splat_f32s(0.0);
                    let sum = if *rectified {
                        simd.select_f32s(simd.less_than_f32s(sum, zero), zero, sum)
                    } else {
                        sum
                    };
                    // SAFETY: as above.
                    unsafe {
                        store::<S, WHOLE>(simd, mask, out[r].add(v * lanes), sum, v + 1 == V)
                    };
                }
            }
        }
    }
}

/// # Safety
/// `from` points to a vector of values, or where the last is not whole, to as many as `mask` says.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(
    simd: S,
    mask: MemMask<S::m32s>,
    from: *const f32,
    last: bool,
) -> S::f32s {
    // SAFETY: the caller's promise.
    unsafe {
        if WHOLE || !last {
            from.cast::<S::f32s>().read_unaligned()
        } else {
            simd.mask_load_ptr_f32s(mask, from)
        }
    }
}

/// # Safety
/// As for [`load`].
#[inline(always)]
unsafe fn store<S: Simd, const WHOLE: bool>(
    simd: S,
    mask: MemMask<S::m32s>,
    to: *mut f32,
    values: S::f32s,
    last: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if WHOLE || !last {
            to.cast::<S::f32s>().write_unaligned(values);
        } else {
            simd.mask_store_ptr_f32s(mask, to, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// On every kind of vector that this machine has, not on the widest alone.
    #[test]
    fn every_width_gives_the_sum_on_every_kind_of_vector() {
        let mut values = vec![0.0; 6_000];
        Rng::new(1).fill_normal(&mut values);
        for columns in (1..70).step_by(3).chain([16, 32, 48, 64]) {
            for (rows, length) in [(1, 5), (13, 7), (25, 1), (3, 0)] {
                let left_rows: Vec<usize> = (0..rows).map(|row| row * 31).collect();
                let out_rows: Vec<usize> = (0..rows).map(|row| row * (columns + 2)).collect();
                let bias = &values[..columns];
                let tiles = || Tiles {
                    left: Left {
                        values: &values,
                        rows: &left_rows,
                        segments: &[3, 50],
                        length,
                        step: 2,
                    },
                    terms: None,
                    right: Right {
                        values: &values,
                        segments: &[7, 900],
                        step: columns + 1,
                        columns,
                    },
                    rows: &out_rows,
                    start: Start::Bias(bias),
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
                let check = |name: &str, run: &dyn Fn(Run<'_>)| {
                    let mut out = vec![-7.0; rows * (columns + 2)];
                    run(Run {
                        tiles: tiles(),
                        out: out.as_mut_ptr(),
                    });
                    for (row, line) in out.chunks_exact(columns + 2).enumerate() {
                        for (column, &value) in line[..columns].iter().enumerate() {
                            assert!(
                                (value - exact(row, column)).abs() < 1e-4,
                                "{name} {columns} {rows} {row} {column}"
                            );
                        }
                        assert_eq!(line[columns..], [-7.0; 2], "{name}: beyond the row");
                    }
                };
                check("scalar", &|run| run.with_simd(pulp::Scalar));
                #[cfg(target_arch = "x86_64")]
                {
                    if let Some(simd) = pulp::x86::V3::try_new() {
                        check("AVX2", &|run| simd.vectorize(|| run.with_simd(simd)));
                    }
                    if let Some(simd) = pulp::x86::V4::try_new() {
                        check("AVX-512", &|run| simd.vectorize(|| run.with_simd(simd)));
                    }
                }
            }
        }
    }
}
