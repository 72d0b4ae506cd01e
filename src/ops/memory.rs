//! The allocator. A training step frees what the next one needs again: freed pages are kept for a while, not handed back
//! to the system and asked for again, each page cleared anew (that was 18 % of the time of the preset `mnist`).

/// Every program that links this library allocates with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h, the same in versions 2 and 3 of mimalloc; the crate does not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed pages for a second (mimalloc's default is a hundredth of it). Called once, at the start.
pub fn keep_freed_pages() {
    // SAFETY: an atomic store in mimalloc's table of options; the number is within the table.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 1000) }
}
