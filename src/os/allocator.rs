//! The global allocator: mimalloc with two changes for a program that moves large vectors of floats.
//!
//! Large blocks begin at a cache line: with vector loads that cross a line, Adam took 3.6 times as long. Freed pages
//! are kept, because each training step allocates the memory that the previous one freed. Returning the pages to the
//! system and clearing them again took 18 % of the time of the preset `mnist`.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};

use mimalloc::MiMalloc;

/// The allocator of every program that links this library.
#[global_allocator]
static ALLOCATOR: LineAligned = LineAligned;

/// The smallest size, in bytes, of a block that begins at a cache line.
const LARGE: usize = 1024;
const LINE: usize = 64;

struct LineAligned;

/// The bytes of the last request that the system refused, or 0. It is never reset: whether the caller of a refused request
/// went on without it is not known here.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// Returns the bytes of the last request that the system refused, or `None` if it has refused none.
///
/// The program may have gone on without that memory, and may have ended for another reason later. A refused request is
/// the likely reason and not a certain one.
pub fn failed() -> Option<usize> {
    Some(REFUSED.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
}

/// Records the request for `bytes` if the system refused it.
fn noted(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() {
        REFUSED.store(bytes, Ordering::Relaxed);
    }
    memory
}

fn aligned(layout: Layout) -> Layout {
    if layout.size() < LARGE {
        layout
    } else {
        layout.align_to(LINE).unwrap_or(layout)
    }
}

// SAFETY: every method calls mimalloc's, with at least the alignment that was asked for. mimalloc frees by address
// alone, for any alignment, and a block that grows or shrinks past `LARGE` keeps the alignment that was asked for.
unsafe impl GlobalAlloc for LineAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, and a larger alignment does not break it.
        noted(unsafe { MiMalloc.alloc(aligned(layout)) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, and a larger alignment does not break it.
        noted(
            unsafe { MiMalloc.alloc_zeroed(aligned(layout)) },
            layout.size(),
        )
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, and a larger alignment does not break it.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let align = if size < LARGE {
            layout.align()
        } else {
            layout.align().max(LINE)
        };
        // SAFETY: the caller promises a valid size, and both alignments are powers of two.
        let grown = unsafe {
            MiMalloc.realloc(
                memory,
                Layout::from_size_align_unchecked(layout.size(), align),
                size,
            )
        };
        noted(grown, size)
    }
}

/// `mi_option_purge_delay` of mimalloc.h, which has this number in versions 2 and 3. The crate does not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed pages for the process instead of returning them to the system after 10 milliseconds, which is mimalloc's
/// default. Call it once, at the start.
pub fn keep_freed_pages() {
    // SAFETY: this is an atomic store in mimalloc's table of options, and the number is within the table.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn large_blocks_begin_at_a_cache_line_before_and_after_growing() {
        for length in [256, 1000, 70_000, 5_000_000] {
            let mut values = vec![0.0_f32; length];
            assert_eq!(values.as_ptr() as usize % super::LINE, 0);
            values.reserve_exact(length);
            assert_eq!(values.as_ptr() as usize % super::LINE, 0);
        }
    }
}
