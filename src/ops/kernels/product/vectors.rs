//! Reads and writes of vectors at any address, the last of a row cut to the values that are there.

use pulp::{MemMask, Simd};

/// Reads a vector.
///
/// # Safety
/// `from` points to a whole vector of values, or for the last vector to the values that `mask` selects.
#[inline(always)]
pub unsafe fn load<S: Simd, const WHOLE: bool>(
    simd: S,
    mask: MemMask<S::m32s>,
    from: *const f32,
    last: bool,
) -> S::f32s {
    // SAFETY: the caller promises that the memory is there.
    unsafe {
        if WHOLE || !last {
            from.cast::<S::f32s>().read_unaligned()
        } else {
            simd.mask_load_ptr_f32s(mask, from)
        }
    }
}

/// Writes a vector.
///
/// # Safety
/// The same as for [`load`].
#[inline(always)]
pub unsafe fn store<S: Simd, const WHOLE: bool>(
    simd: S,
    mask: MemMask<S::m32s>,
    to: *mut f32,
    values: S::f32s,
    last: bool,
) {
    // SAFETY: the caller promises that the memory is there.
    unsafe {
        if WHOLE || !last {
            to.cast::<S::f32s>().write_unaligned(values);
        } else {
            simd.mask_store_ptr_f32s(mask, to, values);
        }
    }
}
