//! A part of a matrix product: a rectangle of its result, which one core computes.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::matrix::Matrix;
use super::nonzero::NonzeroLists;
use super::operands::{InitialSum, LeftFactor, RightFactor, TiledProduct};
use super::output::OutputCells;
use super::transpose::transpose;
use crate::ops::activation::Activation;
use crate::ops::kernels::math::tanh;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of terms of a sum that are added in one round: this number of lines of a strip of the right factor stays
/// in the second-level cache.
pub const DEPTH: usize = 1024;

thread_local! {
    /// Memory for the transposed columns of a right factor, kept from part to part.
    static TRANSPOSED: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// A rectangle of the result of a product.
pub struct ProductPart<'a> {
    pub a: Matrix<'a>,
    pub nonzero: Option<Arc<NonzeroLists>>,
    pub b: Matrix<'a>,
    pub bias: Option<&'a [f32]>,
    pub out: OutputCells<'a>,
    pub activation: Activation,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl ProductPart<'_> {
    /// Computes and writes the part.
    pub fn run(self) {
        let Self {
            a,
            nonzero,
            b,
            bias,
            out,
            activation,
            rows,
            columns,
        } = self;
        let (k, n) = (a.columns, b.columns);
        // The strides from row to row and from column to column.
        let [down, across] = if a.transposed {
            [1, a.rows]
        } else {
            [a.columns, 1]
        };
        let left_rows: Vec<usize> = rows.clone().map(|row| row * down).collect();
        let out_rows: Vec<usize> = rows.clone().map(|row| row * n + columns.start).collect();
        let width = columns.len();
        let mut block = TRANSPOSED.take();
        if b.transposed {
            let length = k.min(DEPTH) * width;
            block.resize(block.len().max(length), 0.0);
        }
        for from in (0..k.max(1)).step_by(DEPTH) {
            let length = (k - from).min(DEPTH);
            let (values, first, step) = if b.transposed {
                transpose(
                    &b.values[columns.start * k + from..],
                    k,
                    [width, length],
                    &mut block,
                    width,
                );
                (&block[..], 0, width)
            } else {
                (b.values, from * n + columns.start, n)
            };
            let tiles = TiledProduct {
                left: LeftFactor {
                    values: a.values,
                    rows: &left_rows,
                    segments: &[from * across],
                    length,
                    step: across,
                },
                nonzero: nonzero
                    .as_ref()
                    .map(|lists| lists.round(from / DEPTH, rows.start)),
                right: RightFactor {
                    values,
                    segments: &[first],
                    step,
                    columns: width,
                },
                rows: &out_rows,
                start: match bias {
                    _ if from > 0 => InitialSum::Previous,
                    Some(bias) => InitialSum::Bias(&bias[columns.clone()]),
                    None => InitialSum::Zero,
                },
                rectified: activation == Activation::Relu && from + length == k,
            };
            // SAFETY: the parts of a product are rectangles that do not overlap, and each is run once. The first round
            // has written what a later round adds to.
            unsafe { tiles.run_shared(out) };
        }
        TRANSPOSED.set(block);
        if activation == Activation::Tanh {
            with_widest_simd(
                #[inline(always)]
                || {
                    for &row in &out_rows {
                        // SAFETY: the row was written above, and belongs to no other part.
                        unsafe { out.slice(row, width) }
                            .iter_mut()
                            .for_each(|y| *y = tanh(*y));
                    }
                },
            );
        }
    }
}
