//! The allocator: mimalloc, with two habits of a program that moves vectors of floats about.
//!
//! What is large begins at a cache line: where a vector of 64 bytes lies across two lines, Adam took 3.6 times as long. And
//! freed pages are kept for a while, for a training step frees what the next one needs again: handed back to the system
//! and asked for again, each page cleared anew, they were 18 % of the time of the preset `mnist`.

use std::alloc::{GlobalAlloc, Layout};

use mimalloc::MiMalloc;

/// Every program that links this library allocates with it.
#[global_allocator]
static ALLOCATOR: Lines = Lines;

/// What has so many bytes or more begins at a cache line.
const LARGE: usize = 1024;
const LINE: usize = 64;

struct Lines;

fn aligned(layout: Layout) -> Layout {
    if layout.size() < LARGE {
        layout
    } else {
        layout.align_to(LINE).unwrap_or(layout)
    }
}

// SAFETY: mimalloc's own methods, with a larger alignment than was asked for. It frees by address alone, whatever the
// alignment; where a block grows or shrinks past `LARGE`, the alignment asked for is kept.
unsafe impl GlobalAlloc for Lines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { MiMalloc.alloc(aligned(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { MiMalloc.alloc_zeroed(aligned(layout)) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let align = if size < LARGE {
            layout.align()
        } else {
            layout.align().max(LINE)
        };
        // SAFETY: the size is what the caller promises it to be, and no alignment here is invalid.
        unsafe {
            MiMalloc.realloc(
                memory,
                Layout::from_size_align_unchecked(layout.size(), align),
                size,
            )
        }
    }
}

/// `mi_option_purge_delay` in mimalloc.h, the same in versions 2 and 3 of mimalloc; the crate does not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed pages: mimalloc would hand back, a hundredth of a second later, what the next step asks for again. Called once,
/// at the start.
pub fn keep_freed_pages() {
    // SAFETY: an atomic store in mimalloc's table of options; the number is within the table.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_large_begins_at_a_cache_line_also_after_it_has_grown() {
        for length in [256, 1000, 70_000, 5_000_000] {
            let mut values = vec![0.0_f32; length];
            assert_eq!(values.as_ptr() as usize % super::LINE, 0);
            values.reserve_exact(length);
            assert_eq!(values.as_ptr() as usize % super::LINE, 0);
        }
    }
}
