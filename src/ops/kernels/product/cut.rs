//! Cuts matrix products into parts, and runs them side by side.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use super::matrix::Matrix;
use super::nonzero::NonzeroLists;
use super::output::OutputCells;
use super::parts::{DEPTH, ProductPart};
use crate::ops::activation::Activation;
use crate::ops::kernels::pool;

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

/// The number of values above which a right factor does not stay in the second-level cache. Each core then reads it only once:
/// its parts have all rows of its share of the result, and fewer columns.
const LARGE: usize = 1 << 18;

/// [`WIDE`] for a large right factor.
const LARGE_WIDE: usize = 264;

/// [`PARTS_PER_CORE`] for a large right factor.
const LARGE_PARTS_PER_CORE: usize = 3;

/// The number of values in the widest vectors, of which a part has a whole number of columns.
const VECTOR: usize = 16;

/// The number of rows of a part is a multiple of this number, which is a multiple of the height of the tiles on every
/// machine.
const ROWS: usize = 24;

/// The same for the tiles of three vectors, with the most registers.
const TALL: usize = 8;

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
    let (wide, parts_per_core) = if n * k > LARGE && nonzero.is_none() {
        (LARGE_WIDE, LARGE_PARTS_PER_CORE)
    } else {
        (WIDE, PARTS_PER_CORE)
    };
    let width = if nonzero.is_some() {
        // With lists of nonzero terms the tiles are wider.
        2 * COLUMNS
    } else if a.transposed {
        // Each part copies its rows of the left factor, which is better done for many columns at once.
        wide
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
            let parts = parts_per_core * pool::threads();
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

    /// Checks each kind of product against its definition, and that its bytes do not depend on the number of threads.
    #[test]
    fn products_are_those_of_their_definition_on_any_number_of_threads() {
        for (m, k, n) in [
            (130, 90, 210),
            (5, 300, 17),
            (33, 1100, 100),
            (520, 60, 900),
        ] {
            let (mut a, mut b) = (vec![0.0; m * k], vec![0.0; k * n]);
            Rng::new(1).fill_normal(&mut a);
            Rng::new(2).fill_normal(&mut b);
            let turned = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                let place = |i: usize| i % rows * columns + i / rows;
                (0..rows * columns).map(|i| values[place(i)]).collect()
            };
            let (a_turned, b_turned) = (turned(&a, m, k), turned(&b, k, n));
            let kinds = [
                (Matrix::new(&a, m, k), Matrix::new(&b, k, n)),
                (
                    Matrix::new(&a_turned, k, m).transposed(),
                    Matrix::new(&b, k, n),
                ),
                (
                    Matrix::new(&a, m, k),
                    Matrix::new(&b_turned, n, k).transposed(),
                ),
            ];
            let mut expected: Option<Vec<f32>> = None;
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                for (a, b) in kinds {
                    let activation = Activation::None;
                    // SAFETY: a product writes all of its result.
                    let (found, ()) = pool.install(|| unsafe {
                        filled_vec(m * n, |out| {
                            run(vec![MatrixProduct {
                                a,
                                b,
                                bias: None,
                                out,
                                activation,
                            }])
                        })
                    });
                    let first = expected.get_or_insert_with(|| found.clone());
                    assert_eq!(&found, first, "{m} x {k} x {n}, {threads} threads");
                }
            }
            let found = expected.unwrap();
            for (row, column) in [(0, 0), (m - 1, n - 1), (m / 2, n / 3)] {
                let exact: f64 = (0..k)
                    .map(|i| f64::from(a[row * k + i]) * f64::from(b[i * n + column]))
                    .sum();
                assert!((f64::from(found[row * n + column]) - exact).abs() < 1e-3);
            }
        }
    }
}
