//! Cuts matrix products into parts that run side by side, each on one core.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use super::matrix::Matrix;
use super::nonzero::NonzeroLists;
use super::operands::{InitialSum, LeftFactor, RightFactor, TiledProduct};
use super::output::OutputCells;
use super::transpose::transpose;
use crate::ops::activation::Activation;
use crate::ops::kernels::math::tanh;
use crate::ops::kernels::pool;
use crate::ops::kernels::simd::with_widest_simd;

/// The number of multiplications in a part: long enough (10 to 20 microseconds) that handing it to another core costs
/// little, and short enough that all cores end at about the same time.
const PART: usize = 1_500_000;

/// The number of multiplications from which on the help of other cores is worth the call.
const ALONE: usize = 400_000;

/// The number of columns of a part: a multiple of the width of the tiles on every machine.
const COLUMNS: usize = 48;

/// The largest number of columns of a part that copies its rows of the left factor.
const WIDE: usize = 400;

/// The smallest number of parts for each core of a product that sums over many terms, so that all cores end at about the
/// same time.
const PARTS_PER_CORE: usize = 6;

/// The number of values in the widest vectors, of which a part has a whole number of columns.
const VECTOR: usize = 16;

/// The number of rows of a part is a multiple of this number, which is a multiple of the height of the tiles on every
/// machine.
const ROWS: usize = 24;

/// The same for the tiles of three vectors, with the most registers.
const TALL: usize = 8;

/// The number of terms of a sum that are added in one round: this number of lines of a strip of the right factor stays
/// in the second-level cache.
const DEPTH: usize = 1024;

/// The product `out` = activation(a b + bias).
pub struct MatrixProduct<'a> {
    pub a: Matrix<'a>,
    pub b: Matrix<'a>,
    /// `[b.columns]`; `None` adds nothing.
    pub bias: Option<&'a [f32]>,
    /// `[a.rows, b.columns]`, row after row. Every value is written.
    pub out: &'a mut [MaybeUninit<f32>],
    pub activation: Activation,
}

/// A rectangle of the result of a product.
struct ProductPart<'a> {
    a: Matrix<'a>,
    nonzero: Option<Arc<NonzeroLists>>,
    b: Matrix<'a>,
    bias: Option<&'a [f32]>,
    out: OutputCells<'a>,
    activation: Activation,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Runs products side by side.
pub fn run(products: Vec<MatrixProduct<'_>>) {
    let multiplications: usize = products
        .iter()
        .map(|MatrixProduct { a, b, .. }| a.rows * a.columns * b.columns)
        .sum();
    let mut products: Vec<_> = products
        .into_iter()
        .map(|product| {
            let parts = cut(product);
            (parts.len(), parts.into_iter())
        })
        .collect();
    if multiplications < ALONE {
        let parts = products.into_iter().flat_map(|(_, parts)| parts);
        return parts.for_each(ProductPart::run);
    }
    // The share of each core has a part of every product, because the optimizer will give it the same part of a gradient.
    let threads = pool::threads();
    let mut parts = Vec::new();
    for thread in 0..threads {
        for (count, rest) in &mut products {
            let [from, to] = [thread, thread + 1].map(|thread| thread * *count / threads);
            parts.extend(rest.take(to - from));
        }
    }
    pool::for_each(parts, ProductPart::run);
}

/// Cuts the result into rectangles.
fn cut(product: MatrixProduct<'_>) -> Vec<ProductPart<'_>> {
    let MatrixProduct {
        a,
        b,
        bias,
        out,
        activation,
    } = product;
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let out = OutputCells::new(out);
    assert_eq!((k, out.len()), (b.rows, m * n));
    assert!(bias.is_none_or(|bias| bias.len() == n));
    // Looking for zeros costs as much as a few columns.
    let nonzero = if n >= 2 * COLUMNS {
        NonzeroLists::find(a, DEPTH)
    } else {
        None
    }
    .map(Arc::new);
    let width = if nonzero.is_some() {
        // With lists of nonzero terms the tiles are wider.
        2 * COLUMNS
    } else if a.transposed {
        // Each part copies its rows of the left factor, which is better done for many columns at once.
        WIDE
    } else {
        COLUMNS
    };
    let width = evenly(n, width, VECTOR);
    let height = if b.transposed {
        // Each part transposes its columns of the right factor, which is better done for many rows at once.
        m.div_ceil(8_usize.div_ceil(n.div_ceil(COLUMNS).max(1)))
            .max(4 * ROWS)
    } else {
        // A list leaves out most terms.
        let terms = if nonzero.is_some() { k / 2 } else { k };
        let height = PART / (terms * width).max(1);
        if a.transposed {
            // With many terms, a part of few rows would mostly read the right factor.
            let parts = PARTS_PER_CORE * pool::threads();
            let height = height.max(m * n.div_ceil(width) / parts);
            let ranges = m.div_ceil(height).next_multiple_of(pool::threads());
            m.div_ceil(ranges)
        } else {
            height
        }
    };
    let height = evenly(m, height, if a.transposed { TALL } else { ROWS });
    let ranges = |length: usize, step: usize| {
        (0..length)
            .step_by(step)
            .map(move |i| i..(i + step).min(length))
    };
    let (rows, columns) = (ranges(m, height), ranges(n, width));
    // The ranges of the larger factor are the outer ones, so that each is read by one core. The gradient of a weight is
    // cut into rows first, as the optimizer will cut it.
    let places: Vec<(Range<usize>, Range<usize>)> = if a.transposed || m >= n {
        rows.flat_map(|rows| columns.clone().map(move |columns| (rows.clone(), columns)))
            .collect()
    } else {
        columns
            .flat_map(|columns| rows.clone().map(move |rows| (rows, columns.clone())))
            .collect()
    };
    places
        .into_iter()
        .map(|(rows, columns)| ProductPart {
            a,
            nonzero: nonzero.clone(),
            b,
            bias,
            out,
            activation,
            rows,
            columns,
        })
        .collect()
}

/// Returns the step that cuts `length` into about equal ranges of at most `most` each, or of one `unit`. It is a multiple of
/// `unit`.
fn evenly(length: usize, most: usize, unit: usize) -> usize {
    let ranges = length.div_ceil(most.max(unit)).max(1);
    length.div_ceil(ranges).next_multiple_of(unit).max(unit)
}

impl ProductPart<'_> {
    fn run(self) {
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
        let mut block = vec![
            0.0;
            if b.transposed {
                k.min(DEPTH) * width
            } else {
                0
            }
        ];
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

#[cfg(test)]
mod tests {
    use super::super::output::filled_vec;
    use super::*;
    use crate::rng::Rng;

    /// Checks that zeros of the left factor are left out of the sums, and that the other terms are added in the same
    /// order.
    #[test]
    fn leaving_out_zeros_changes_no_bit() {
        for (m, k, n) in [(13, 50, 100), (32, 1100, 97), (50, 16, 130)] {
            let (mut a, mut b, mut keep) = (vec![0.0; m * k], vec![0.0; k * n], vec![0.0; m * k]);
            Rng::new(1).fill_normal(&mut a);
            Rng::new(2).fill_normal(&mut b);
            Rng::new(3).fill_uniform(&mut keep);
            a.iter_mut()
                .zip(&keep)
                .for_each(|(a, &keep)| *a *= f32::from(keep < 0.1));
            let turned: Vec<f32> = (0..k * m).map(|i| a[i % m * k + i / m]).collect();
            let product = |a: Matrix<'_>, columns: Range<usize>| {
                let b: Vec<f32> = b
                    .chunks(n)
                    .flat_map(|line| line[columns.clone()].to_vec())
                    .collect();
                let b = Matrix::new(&b, k, columns.len());
                let activation = Activation::None;
                // SAFETY: a product writes all of its result.
                unsafe {
                    filled_vec(m * columns.len(), |out| {
                        run(vec![MatrixProduct {
                            a,
                            b,
                            bias: None,
                            out,
                            activation,
                        }])
                    })
                    .0
                }
            };
            let plain = Matrix::new(&a, m, k);
            let transposed = Matrix::new(&turned, k, m).transposed();
            assert!(
                NonzeroLists::find(plain, DEPTH).is_some()
                    && NonzeroLists::find(transposed, DEPTH).is_some()
            );
            let (fast, fast_transposed) = (product(plain, 0..n), product(transposed, 0..n));
            // With few columns the product does not look for zeros.
            for columns in [0..40, 40..80, 80..n] {
                let dense = product(plain, columns.clone());
                for (row, line) in dense.chunks(columns.len()).enumerate() {
                    let place = row * n + columns.start;
                    assert_eq!(
                        line,
                        &fast[place..place + line.len()],
                        "{m} x {k} x {n}, row {row}"
                    );
                    assert_eq!(
                        line,
                        &fast_transposed[place..place + line.len()],
                        "{m} x {k} x {n}, row {row}"
                    );
                }
            }
        }
    }
}
