//! Which terms of a product's sums to leave out: images are mostly background, four values of five in MNIST, and what a
//! value of 0 on the left adds is 0, whatever finite value stands on the right. An infinite weight, or a gradient that is
//! not a number, is not seen where the image is 0: the training looks at its weights and its losses, which are.

use super::super::team;
use super::super::vector::wide;
use super::product::Matrix;
use super::tile::BLOCK;

/// Lists are worth it where they leave out so much of the sums.
const SAVED: f32 = 0.25;

/// Blocks of each round that are looked at first: who has no zeros pays for no more.
const SAMPLES: usize = 4;

/// For each round of so many terms, and in it for each [`BLOCK`] of rows, the terms with a value other than 0 in one of the
/// rows, ascending, counted from the start of the round.
pub struct Terms {
    lists: Vec<Vec<u32>>,
    /// Blocks in a round.
    blocks: usize,
}

impl Terms {
    /// Those of the left factor of a product that sums `depth` terms a round; None where too few are 0.
    pub fn of(a: Matrix<'_>, depth: usize) -> Option<Self> {
        if a.rows == 0 || a.columns == 0 {
            return None;
        }
        let (rounds, blocks) = (a.columns.div_ceil(depth), a.rows.div_ceil(BLOCK));
        let list = |round: usize, block: usize| {
            wide(
                #[inline(always)]
                || list(a, round * depth, depth, block * BLOCK),
            )
        };
        let samples = blocks.min(SAMPLES);
        let sampled = (0..rounds * samples).map(|i| {
            list(
                i / samples,
                (2 * (i % samples) + 1) * blocks / (2 * samples),
            )
        });
        let kept: usize = sampled.map(|list| list.len()).sum();
        if kept as f32 > (1.0 - SAVED) * (a.columns * samples) as f32 {
            return None;
        }
        let lists = team::map((0..rounds * blocks).collect::<Vec<_>>(), |i| {
            list(i / blocks, i % blocks)
        });
        Some(Self { lists, blocks })
    }

    /// The lists of a round, from that of the block on which holds `row`.
    pub fn round(&self, round: usize, row: usize) -> &[Vec<u32>] {
        &self.lists[round * self.blocks..(round + 1) * self.blocks][row / BLOCK..]
    }
}

#[inline(always)]
fn list(a: Matrix<'_>, from: usize, depth: usize, row: usize) -> Vec<u32> {
    let length = (a.columns - from).min(depth);
    let rows = (a.rows - row).min(BLOCK);
    // The bits of all rows' values without their sign: 0 where each is 0 or -0.
    let mut bits = vec![0_u32; length];
    if a.transposed {
        let lines = bits
            .iter_mut()
            .zip(a.values[from * a.rows + row..].chunks(a.rows));
        let any = |values: &[f32]| {
            values
                .iter()
                .fold(0, |bits, value| bits | (value.to_bits() << 1))
        };
        if rows == BLOCK {
            lines.for_each(|(bits, line)| *bits = any(&line[..BLOCK]));
        } else {
            lines.for_each(|(bits, line)| *bits = any(&line[..rows]));
        }
    } else {
        for line in a.values[row * a.columns..].chunks(a.columns).take(rows) {
            bits.iter_mut()
                .zip(&line[from..])
                .for_each(|(bits, value)| *bits |= value.to_bits() << 1);
        }
    }
    let (mut list, mut count) = (vec![0; length], 0);
    for (i, &bits) in bits.iter().enumerate() {
        list[count] = i as u32;
        count += usize::from(bits != 0);
    }
    list.truncate(count);
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// `[rows, columns]`, and which terms of a block of rows are not 0, found one by one.
    #[test]
    fn the_lists_hold_what_is_not_zero_and_nothing_else() {
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
            let of_rows = |row: usize, term: usize| values[row * columns + term];
            check(a, depth, of_rows);
            check(a.transposed(), depth, |row, term| of_rows(term, row));
        }
        let dense = vec![1.0; 320];
        assert!(Terms::of(Matrix::new(&dense, 8, 40), 64).is_none());
    }

    fn check(a: Matrix<'_>, depth: usize, value: impl Fn(usize, usize) -> f32) {
        let Some(terms) = Terms::of(a, depth) else {
            panic!("nine of ten are 0")
        };
        for from in (0..a.columns).step_by(depth) {
            for row in (0..a.rows).step_by(BLOCK) {
                let list = &terms.round(from / depth, row)[0];
                let rows = row..(row + BLOCK).min(a.rows);
                let some = |term: &usize| rows.clone().any(|row| value(row, *term) != 0.0);
                let expected: Vec<u32> = (from..(from + depth).min(a.columns))
                    .filter(some)
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
