//! Lists of the terms of a product's sums that are not 0. Most of an image is background (four values of five in
//! MNIST), and a value of 0 on the left adds 0 for every finite value on the right. Therefore an infinite weight or a
//! NaN in a gradient has no effect if the image is 0 there; training checks its weights and its losses, where it is
//! found.

use std::ops::Range;

use super::matrix::Matrix;
use super::operands::BLOCK;
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The fraction of the terms that has to be 0 for lists to be worthwhile.
const SAVED: f32 = 0.25;

/// The number of blocks that are checked first, and the largest number of terms of each, so that a matrix without zeros
/// costs little.
const SAMPLES: usize = 4;
const SAMPLED_TERMS: usize = 64;

/// The number of blocks of a transposed factor whose lists are made together. The values of one term in these blocks lie in a
/// few neighbouring cache lines.
const GROUP: usize = 16;

/// The nonzero terms of each round, in one list for each [`BLOCK`] of rows. A list has the terms that are not 0 in at
/// least one of its rows, in ascending order and counted from the start of the round.
pub struct NonzeroLists {
    lists: Vec<Vec<u32>>,
    /// The number of blocks in a round.
    blocks: usize,
}

impl NonzeroLists {
    /// Returns the lists for the left factor of a product that sums `depth` terms per round, or `None` if too few terms
    /// are 0.
    pub fn find(a: Matrix<'_>, depth: usize) -> Option<Self> {
        if a.rows == 0 || a.columns == 0 {
            return None;
        }
        let (rounds, blocks) = (a.columns.div_ceil(depth), a.rows.div_ceil(BLOCK));
        let length = |from: usize, depth: usize| (a.columns - from).min(depth);
        let of_block = |from: usize, depth: usize, block: usize| {
            with_widest_simd(
                #[inline(always)]
                || of_rows(a, from, length(from, depth), block),
            )
        };
        let of_group = |from: usize, depth: usize, blocks: Range<usize>| {
            with_widest_simd(
                #[inline(always)]
                || of_columns(a, from, length(from, depth), blocks.clone()),
            )
        };
        // Each sample has another range of the terms, as the middle of an image differs from its border.
        let range = a.columns.div_ceil(SAMPLES);
        let most = range.min(SAMPLED_TERMS);
        let sampled = (0..a.columns.div_ceil(range)).map(|sample| {
            let block = (2 * sample + 1) * blocks / (2 * SAMPLES);
            let from = sample * range;
            let kept = if a.transposed {
                of_group(from, most, block..block + 1)[0].len()
            } else {
                of_block(from, most, block).len()
            };
            [kept, length(from, most)]
        });
        let [kept, all] = sampled.fold([0, 0], |sum, more| [sum[0] + more[0], sum[1] + more[1]]);
        if kept as f32 > (1.0 - SAVED) * all as f32 {
            return None;
        }
        let lists = if a.transposed {
            let groups = blocks.div_ceil(GROUP);
            let lists = pool::map(0..rounds * groups, |i| {
                let first = i % groups * GROUP;
                let blocks = first..(first + GROUP).min(blocks);
                of_group(i / groups * depth, depth, blocks)
            });
            lists.into_iter().flatten().collect()
        } else {
            pool::map(0..rounds * blocks, |i| {
                of_block(i / blocks * depth, depth, i % blocks)
            })
        };
        Some(Self { lists, blocks })
    }

    /// Returns the lists of a round, from the block that holds `row` on.
    pub fn round(&self, round: usize, row: usize) -> &[Vec<u32>] {
        &self.lists[round * self.blocks..(round + 1) * self.blocks][row / BLOCK..]
    }
}

/// Returns those of the `length` terms from `from` on that are not 0, in a list for each of at most [`GROUP`] blocks of a transposed
/// factor.
///
/// Every term is written, and counts only if one of its values is not 0: the processor would often mispredict a branch.
#[inline(always)]
fn of_columns(a: Matrix<'_>, from: usize, length: usize, blocks: Range<usize>) -> Vec<Vec<u32>> {
    let rows = blocks.start * BLOCK..(blocks.end * BLOCK).min(a.rows);
    let mut lists = vec![0; length * blocks.len()];
    let mut counts = [0; GROUP];
    let lines = a.values[from * a.rows..].chunks(a.rows).take(length);
    for (term, line) in lines.enumerate() {
        let (whole, rest) = line[rows.clone()].as_chunks::<BLOCK>();
        for (block, values) in whole.iter().enumerate() {
            lists[block * length + counts[block]] = term as u32;
            counts[block] += usize::from(any(values));
        }
        if !rest.is_empty() {
            let block = whole.len();
            lists[block * length + counts[block]] = term as u32;
            counts[block] += usize::from(any(rest));
        }
    }
    let lists = lists.chunks_exact(length).zip(counts);
    lists.map(|(list, count)| list[..count].to_vec()).collect()
}

/// Returns whether one of the values is neither 0 nor -0.
#[inline(always)]
fn any(values: &[f32]) -> bool {
    let mut bits = 0;
    for value in values {
        bits |= value.to_bits();
    }
    bits << 1 != 0
}

/// Returns those of the `length` terms from `from` on that are not 0 in at least one row of a block of a factor that is not
/// transposed.
#[inline(always)]
fn of_rows(a: Matrix<'_>, from: usize, length: usize, block: usize) -> Vec<u32> {
    // The bits of the values of all rows, without their signs: 0 if every value is 0 or -0.
    let mut bits = vec![0_u32; length];
    for line in a.values[block * BLOCK * a.columns..]
        .chunks(a.columns)
        .take(BLOCK)
    {
        let values = bits.iter_mut().zip(&line[from..]);
        values.for_each(|(bits, value)| *bits |= value.to_bits() << 1);
    }
    let (mut list, mut count) = (vec![0; length], 0);
    for (term, &bits) in bits.iter().enumerate() {
        list[count] = term as u32;
        count += usize::from(bits != 0);
    }
    list.truncate(count);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn the_lists_hold_the_nonzero_terms_and_no_others() {
        for (rows, columns, depth) in [(16, 40, 64), (13, 300, 128), (1, 9, 4), (4, 256, 256)] {
            let mut values = vec![0.0; rows * columns];
            let mut keep = values.clone();
            Rng::new(3).fill_normal(&mut values);
            Rng::new(4).fill_uniform(&mut keep);
            values
                .iter_mut()
                .zip(&keep)
                .for_each(|(value, &keep)| *value *= if keep < 0.9 { -0.0 } else { 1.0 });
            let a = Matrix::new(&values, rows, columns);
            let value = |row: usize, term: usize| values[row * columns + term];
            check(a, depth, value);
            check(a.transposed(), depth, |row, term| value(term, row));
        }
        let dense = vec![1.0; 320];
        assert!(NonzeroLists::find(Matrix::new(&dense, 8, 40), 64).is_none());
    }

    fn check(a: Matrix<'_>, depth: usize, value: impl Fn(usize, usize) -> f32) {
        let lists = NonzeroLists::find(a, depth).expect("nine of ten values are 0");
        for from in (0..a.columns).step_by(depth) {
            for row in (0..a.rows).step_by(BLOCK) {
                let list = &lists.round(from / depth, row)[0];
                let rows = row..(row + BLOCK).min(a.rows);
                let is_nonzero = |term: &usize| rows.clone().any(|row| value(row, *term) != 0.0);
                let expected: Vec<u32> = (from..(from + depth).min(a.columns))
                    .filter(is_nonzero)
                    .map(|term| (term - from) as u32)
                    .collect();
                assert_eq!(
                    *list, expected,
                    "{} x {}, from {from}, row {row}",
                    a.rows, a.columns
                );
            }
        }
    }
}
