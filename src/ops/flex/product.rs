//! Matrix products, cut into parts that run side by side, each on one core.
//!
//! One product over two cores gains little at a VAE's sizes, where two products on a core each gain twice. How a product
//! is cut depends on its size alone, never on the number of threads:
//! the same numbers come out.

use std::mem::MaybeUninit;

use gemm::Parallelism;

use super::team;

/// Multiplications in a part: long enough (about 0.1 ms) that handing it to another core costs little.
const PART: usize = 12_000_000;

/// A matrix with any strides.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]`, row after row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What happens to a part of the result once it is there, while it is in the cache: its values, row by row.
pub type Epilogue<'a> = &'a (dyn Fn(&mut [f32]) + Sync);

/// out = a b, or out += a b.
pub struct Product<'a> {
    pub a: Matrix<'a>,
    pub b: Matrix<'a>,
    pub out: Out<'a>,
    pub then: Option<Epilogue<'a>>,
}

/// Where the result goes: `[a.rows, b.columns]`, row after row.
pub enum Out<'a> {
    /// To be written, every value: it may hold anything. (Zeroed first, the preset `mnist` trained 4 % slower.)
    New(&'a mut [MaybeUninit<f32>]),
    /// To be added to.
    Sum(&'a mut [f32]),
}

impl Out<'_> {
    /// Pointer, length, and whether to add.
    fn parts(self) -> (*mut f32, usize, bool) {
        match self {
            Self::New(values) => (values.as_mut_ptr().cast(), values.len(), false),
            Self::Sum(values) => (values.as_mut_ptr(), values.len(), true),
        }
    }
}

/// Rows `from..to` and columns `left..right` of a product.
struct Part<'a> {
    a: Matrix<'a>,
    b: Matrix<'a>,
    out: *mut f32,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    add: bool,
    then: Option<Epilogue<'a>>,
}

// SAFETY: a part is run once (`run` takes it), the parts of a product write to rectangles of `out` that do not overlap,
// and `out` is borrowed for as long.
unsafe impl Send for Part<'_> {}

/// Runs products side by side.
pub fn run(products: Vec<Product<'_>>) {
    let parts: Vec<Part<'_>> = products.into_iter().flat_map(cut).collect();
    team::for_each(parts, Part::run);
}

/// Cuts the longer side of the result into equal parts.
fn cut(product: Product<'_>) -> Vec<Part<'_>> {
    let Product { a, b, out, then } = product;
    let (out, held, add) = out.parts();
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!((k, held), (b.rows, m * n));
    let length = m.max(n);
    let count = (m * n * k / PART).clamp(1, length.div_ceil(32).max(1));
    // Whole vectors: a border within one would cost more than the imbalance.
    let step = length.div_ceil(count).next_multiple_of(16);
    (0..length)
        .step_by(step.max(1))
        .map(|start| {
            let range = start..(start + step).min(length);
            let (rows, columns) = if m >= n { (range, 0..n) } else { (0..m, range) };
            Part { a, b, out, rows, columns, add, then }
        })
        .collect()
}

impl Part<'_> {
    fn run(self) {
        let (m, n, k) = (self.rows.len(), self.columns.len(), self.a.columns);
        let width = self.b.columns;
        // SAFETY: `Matrix::new` checked that the slices hold their matrices, `cut` that `out` holds the result and that
        // the ranges lie within; no other part writes to this rectangle.
        unsafe {
            let out = self.out.add(self.rows.start * width + self.columns.start);
            let a = self.a.values.as_ptr().add(self.rows.start * self.a.row_stride);
            let b = self.b.values.as_ptr().add(self.columns.start * self.b.column_stride);
            gemm::gemm(
                m,
                n,
                k,
                out,
                1,
                width as isize,
                self.add,
                a,
                self.a.column_stride as isize,
                self.a.row_stride as isize,
                b,
                self.b.column_stride as isize,
                self.b.row_stride as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
            if let Some(then) = self.then {
                for row in 0..m {
                    then(std::slice::from_raw_parts_mut(out.add(row * width), n));
                }
            }
        }
    }
}

/// One product on this core.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, out: Out<'_>) {
    let (out, held, add) = out.parts();
    assert_eq!((a.columns, held), (b.rows, a.rows * b.columns));
    let (rows, columns) = (0..a.rows, 0..b.columns);
    Part { a, b, out, rows, columns, add, then: None }.run();
}

/// Values that a product is to replace.
pub fn overwritten(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layout is the same, and a product writes nothing but floats.
    unsafe { &mut *(std::ptr::from_mut(values) as *mut [MaybeUninit<f32>]) }
}

/// A vector of `length` values that `fill` writes, every one.
pub fn written<R>(length: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> R) -> (Vec<f32>, R) {
    let mut values = Vec::with_capacity(length);
    let result = fill(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: the capacity is there, and `fill` wrote the values: each caller hands them to a product or to a loop over
    // all of them.
    unsafe { values.set_len(length) };
    (values, result)
}
