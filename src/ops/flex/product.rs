//! Matrix products, cut into parts that run side by side, each on one core.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use super::super::vector::{tanh, wide};
use super::super::{Activation, team};
use super::terms::Terms;
use super::tile::{Cells, Left, Right, Start, Tiles};
use super::transpose::transpose;

/// Multiplications in a part: long enough (10 to 20 microseconds) that handing it to another core costs little, and
/// short enough that all cores end at about the same time.
const PART: usize = 1_500_000;

/// Columns of a part: what the tiles of every machine divide.
const COLUMNS: usize = 48;

/// Rows of a part are a multiple of it: what the tiles of every machine divide.
const ROWS: usize = 24;

/// Terms of a sum taken at a time: so many lines of a strip of the right side stay in the second-level cache.
const DEPTH: usize = 1024;

/// A matrix, row after row, or the transpose of one.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]`, row after row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns);
        Self {
            values,
            rows,
            columns,
            transposed: false,
        }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            transposed: !self.transposed,
            ..self
        }
    }
}

/// out = activation(a b + bias).
pub struct Product<'a> {
    pub a: Matrix<'a>,
    pub b: Matrix<'a>,
    /// `[b.columns]`, or 0.
    pub bias: Option<&'a [f32]>,
    /// `[a.rows, b.columns]`, row after row: every value is written.
    pub out: &'a mut [MaybeUninit<f32>],
    pub activation: Activation,
}

/// Some rows and columns of a product.
struct Part<'a> {
    a: Matrix<'a>,
    terms: Option<Arc<Terms>>,
    b: Matrix<'a>,
    bias: Option<&'a [f32]>,
    out: Cells<'a>,
    activation: Activation,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Runs products side by side.
pub fn run(products: Vec<Product<'_>>) {
    team::for_each(
        products.into_iter().flat_map(cut).collect::<Vec<_>>(),
        Part::run,
    );
}

/// Cuts the result into rectangles.
fn cut(product: Product<'_>) -> Vec<Part<'_>> {
    let Product {
        a,
        b,
        bias,
        out,
        activation,
    } = product;
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let out = Cells::new(out);
    assert_eq!((k, out.len()), (b.rows, m * n));
    assert!(bias.is_none_or(|bias| bias.len() == n));
    // To look for zeros costs as much as a few columns. Where they are many, parts are wider: so are the tiles.
    let terms = if n >= 2 * COLUMNS {
        Terms::of(a, DEPTH)
    } else {
        None
    }
    .map(Arc::new);
    let wide = if terms.is_some() {
        2 * COLUMNS
    } else {
        COLUMNS
    };
    let height = if b.transposed {
        // Each part transposes its columns of the right side: better done for all rows at once.
        m.div_ceil(8_usize.div_ceil(n.div_ceil(COLUMNS).max(1)))
            .max(4 * ROWS)
    } else {
        PART / (k * n.min(COLUMNS)).max(1)
    };
    let height = height.next_multiple_of(ROWS).max(ROWS);
    let ranges = |length: usize, step: usize| {
        (0..length)
            .step_by(step)
            .map(move |i| i..(i + step).min(length))
    };
    ranges(n, wide)
        .flat_map(|columns| ranges(m, height).map(move |rows| (rows, columns.clone())))
        .map(|(rows, columns)| Part {
            a,
            terms: terms.clone(),
            b,
            bias,
            out,
            activation,
            rows,
            columns,
        })
        .collect()
}

impl Part<'_> {
    fn run(self) {
        let Self {
            a,
            terms,
            b,
            bias,
            out,
            activation,
            rows,
            columns,
        } = self;
        let (k, n) = (a.columns, b.columns);
        // Strides from row to row and from column to column.
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
            let tiles = Tiles {
                left: Left {
                    values: a.values,
                    rows: &left_rows,
                    segments: &[from * across],
                    length,
                    step: across,
                },
                terms: terms
                    .as_ref()
                    .map(|terms| terms.round(from / DEPTH, rows.start)),
                right: Right {
                    values,
                    segments: &[first],
                    step,
                    columns: width,
                },
                rows: &out_rows,
                start: match bias {
                    _ if from > 0 => Start::Sum,
                    Some(bias) => Start::Bias(&bias[columns.clone()]),
                    None => Start::Zero,
                },
                rectified: activation == Activation::Relu && from + length == k,
            };
            // SAFETY: the parts of a product are rectangles that do not overlap, and each is run once. What a later
            // round adds to, the first has written.
            unsafe { tiles.run_shared(out) };
        }
        if activation == Activation::Tanh {
            wide(
                #[inline(always)]
                || {
                    for &row in &out_rows {
                        // SAFETY: written above, and no other part's.
                        unsafe { out.slice(row, width) }
                            .iter_mut()
                            .for_each(|y| *y = tanh(*y));
                    }
                },
            );
        }
    }
}

/// A vector of `length` values that `fill` writes.
///
/// # Safety
/// `fill` writes every value.
pub unsafe fn written<R>(
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> R,
) -> (Vec<f32>, R) {
    let mut values = Vec::with_capacity(length);
    let result = fill(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: the capacity is there, and the rest is the caller's promise.
    unsafe { values.set_len(length) };
    (values, result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Zeros on the left are left out of the sums; what remains is the same sum, in the same order.
    #[test]
    fn leaving_out_zeros_changes_no_value() {
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
                    written(m * columns.len(), |out| {
                        run(vec![Product {
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
            assert!(Terms::of(plain, DEPTH).is_some() && Terms::of(transposed, DEPTH).is_some());
            let (fast, fast_transposed) = (product(plain, 0..n), product(transposed, 0..n));
            // So few columns that the zeros are not looked for.
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
