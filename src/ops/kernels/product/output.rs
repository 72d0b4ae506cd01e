//! Memory for results: uninitialised at first, and written by several threads.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Memory for results that several threads write to, each at its own places.
#[derive(Clone, Copy)]
pub struct OutputCells<'a> {
    first: *mut f32,
    length: usize,
    memory: PhantomData<&'a mut [f32]>,
}

// SAFETY: all that writes through it (`run_shared` of the products, `OutputTransform::run`, `WeightRange::write`, its own
// `write` and `slice`) is unsafe, and the callers promise that no two threads use one place.
unsafe impl Send for OutputCells<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for OutputCells<'_> {}

impl<'a> OutputCells<'a> {
    pub fn new(values: &'a mut [MaybeUninit<f32>]) -> Self {
        Self {
            first: values.as_mut_ptr().cast(),
            length: values.len(),
            memory: PhantomData,
        }
    }

    pub fn from_floats(values: &'a mut [f32]) -> Self {
        Self {
            first: values.as_mut_ptr(),
            length: values.len(),
            memory: PhantomData,
        }
    }

    pub fn len(self) -> usize {
        self.length
    }

    pub fn as_mut_ptr(self) -> *mut f32 {
        self.first
    }

    /// Writes one value.
    ///
    /// # Safety
    /// No other thread uses the place at the same time.
    #[inline(always)]
    pub unsafe fn write(self, place: usize, value: f32) {
        assert!(place < self.length);
        // SAFETY: the place lies within the memory, as just checked; the caller promises the rest.
        unsafe { self.first.add(place).write(value) }
    }

    /// Returns the values `start..start + length`.
    ///
    /// # Safety
    /// The values have been written, and no other thread uses them while the slice lives.
    pub unsafe fn slice(self, start: usize, length: usize) -> &'a mut [f32] {
        assert!(start + length <= self.length);
        // SAFETY: the values lie within the memory, as just checked; the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), length) }
    }
}

/// Returns a vector of `length` values that `fill` writes, and what `fill` returns.
///
/// # Safety
/// `fill` writes every value.
pub unsafe fn filled_vec<R>(
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> R,
) -> (Vec<f32>, R) {
    let mut values = Vec::with_capacity(length);
    let result = fill(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: the vector has that capacity, and the caller promises that all values are written.
    unsafe { values.set_len(length) };
    (values, result)
}

/// Returns vectors of these lengths, whose values `fill` writes.
///
/// # Safety
/// `fill` writes every value.
pub unsafe fn filled_vecs<const N: usize>(
    lengths: [usize; N],
    fill: impl FnOnce([&mut [MaybeUninit<f32>]; N]),
) -> [Vec<f32>; N] {
    let mut vectors = lengths.map(Vec::with_capacity);
    let mut rest = lengths.into_iter();
    fill(vectors.each_mut().map(|values| {
        let length = rest.next().unwrap_or(0);
        &mut values.spare_capacity_mut()[..length]
    }));
    for (values, length) in vectors.iter_mut().zip(lengths) {
        // SAFETY: the vector has that capacity, and the caller promises that all values are written.
        unsafe { values.set_len(length) };
    }
    vectors
}
