//! The number of threads.

use crate::check::count;
use crate::error::{Error, Result};

/// Makes everything that runs on the CPU use `threads` threads. Results do not depend on the number.
///
/// # Errors
/// Returns an error for 0 threads, and when it is called twice.
pub fn set_threads(threads: usize) -> Result<()> {
    count("--threads", threads, 1024)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(Error::failed)
}

/// Returns the number of threads that work on the CPU is spread over.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
