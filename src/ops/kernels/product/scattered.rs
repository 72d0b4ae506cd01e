//! Products whose terms lie far apart in the left factor, as in the gradient of a weight, which sums over the images of
//! a batch. Each term is on a line of the memory of its own there, and every strip of columns would read them all again.

use std::cell::Cell;

use super::operands::{InitialSum, LeftFactor, RightFactor, TiledProduct};
use super::output::OutputCells;

/// The number of terms of a block: with as many lines of three vectors of the right factor they stay in the
/// first-level cache.
const TERMS: usize = 128;

/// The number of rows that lie side by side in a copy, of which every tile has a multiple.
const GROUP: usize = 4;

/// The number of columns from which on the copies are read often enough.
const COLUMNS: usize = 96;

thread_local! {
    /// Memory for the copy of a block.
    static COPY: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

impl TiledProduct<'_> {
    /// Returns whether [`run_in_blocks`](Self::run_in_blocks) is faster than tiles that read the left factor in place.
    pub fn is_scattered(&self) -> bool {
        let has_terms = self.left.length > 0 && !self.left.segments.is_empty();
        has_terms && self.nonzero.is_none() && self.left.step > 1 && self.right.columns >= COLUMNS
    }

    /// Writes the product into `out`: block after block of the terms, with a copy of their values in the left factor. The
    /// terms of each sum are added in their order.
    ///
    /// # Safety
    /// As for [`TiledProduct::run_shared`], which has checked all places.
    pub unsafe fn run_in_blocks(&self, out: OutputCells<'_>) {
        let (left, right) = (self.left, self.right);
        // Short segments form a block together, long ones are cut.
        let at_a_time = (TERMS / left.length).max(1);
        let length = left.length.min(TERMS);
        let values = left.rows.len().next_multiple_of(GROUP) * at_a_time * length;
        let mut copy = COPY.take();
        copy.resize(values.max(copy.len()), 0.0);
        let mut is_first = true;
        let segments = left
            .segments
            .chunks(at_a_time)
            .zip(right.segments.chunks(at_a_time));
        let count = segments.len();
        for (chunk, (left_segments, right_segments)) in segments.enumerate() {
            for from in (0..left.length).step_by(length) {
                let length = (left.length - from).min(length);
                let terms = left_segments.len() * length;
                let starts: Vec<usize> =
                    left_segments.iter().map(|a| a + from * left.step).collect();
                copy_rows(left, &starts, length, &mut copy);
                let places = |row: usize| row / GROUP * terms * GROUP + row % GROUP;
                let block = TiledProduct {
                    left: LeftFactor {
                        values: &copy,
                        rows: &(0..left.rows.len()).map(places).collect::<Vec<_>>(),
                        segments: &(0..left_segments.len())
                            .map(|i| i * length * GROUP)
                            .collect::<Vec<_>>(),
                        length,
                        step: GROUP,
                    },
                    nonzero: None,
                    right: RightFactor {
                        segments: &right_segments
                            .iter()
                            .map(|b| b + from * right.step)
                            .collect::<Vec<_>>(),
                        ..right
                    },
                    rows: self.rows,
                    start: if is_first {
                        self.start
                    } else {
                        InitialSum::Previous
                    },
                    rectified: self.rectified && chunk + 1 == count && from + length == left.length,
                };
                is_first = false;
                // SAFETY: the caller keeps the contract, and after the first block all places have been written.
                unsafe { block.run_in_place(out) };
            }
        }
        COPY.set(copy);
    }
}

/// Copies the terms of the segments that begin at `starts` as `[rows / GROUP, segments, length, GROUP]`.
fn copy_rows(left: LeftFactor<'_>, starts: &[usize], length: usize, copy: &mut [f32]) {
    let groups = copy.chunks_exact_mut((starts.len() * length * GROUP).max(1));
    for (rows, group) in left.rows.chunks(GROUP).zip(groups) {
        let neighbours = rows.len() == GROUP && rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
        for (&start, terms) in starts.iter().zip(group.chunks_exact_mut(length * GROUP)) {
            for (i, term) in terms.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                let place = start + i * left.step;
                if neighbours {
                    term.copy_from_slice(&left.values[rows[0] + place..][..GROUP]);
                } else {
                    for (value, row) in term.iter_mut().zip(rows) {
                        *value = left.values[row + place];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn blocks_give_the_bytes_of_tiles_in_place() {
        let mut values = vec![0.0; 40_000];
        Rng::new(1).fill_normal(&mut values);
        let columns = 100;
        for (length, segments) in [(7, 40), (300, 2), (128, 1), (1, 3), (200, 1)] {
            // Rows side by side, as in a dense layer, and rows that are not.
            for row_step in [1, 3] {
                let rows: Vec<usize> = (0..13).map(|row| row * row_step).collect();
                let out_rows: Vec<usize> = (0..13).map(|row| row * columns).collect();
                let left_segments: Vec<usize> = (0..segments).map(|i| 50 + i * 350).collect();
                let right_segments: Vec<usize> = (0..segments).map(|i| i * 30).collect();
                let product = |start| TiledProduct {
                    left: LeftFactor {
                        values: &values,
                        rows: &rows,
                        segments: &left_segments,
                        length,
                        step: 41,
                    },
                    nonzero: None,
                    right: RightFactor {
                        values: &values,
                        segments: &right_segments,
                        step: columns + 3,
                        columns,
                    },
                    rows: &out_rows,
                    start,
                    rectified: true,
                };
                for start in [
                    InitialSum::Zero,
                    InitialSum::Bias(&values[..columns]),
                    InitialSum::Previous,
                ] {
                    assert!(product(start).is_scattered());
                    let mut results = [vec![0.5; 13 * columns], vec![0.5; 13 * columns]];
                    let [in_blocks, in_place] = results.each_mut();
                    // SAFETY: the places lie within the memory, as the first call checks, and nothing else uses it.
                    unsafe {
                        product(start).run_shared(OutputCells::from_floats(in_blocks));
                        product(start).run_in_place(OutputCells::from_floats(in_place));
                    }
                    assert_eq!(in_blocks, in_place, "{length} x {segments}, {row_step}");
                }
            }
        }
    }
}
