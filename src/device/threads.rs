//! The number of threads.

use crate::check::count;
use crate::error::{Error, Result};
use crate::os;

/// Starts the threads for everything that runs on the CPU: `threads`, or one for each core. Results do not depend on the
/// number.
///
/// # Errors
/// Returns an error for 0 threads, if the system refuses them, and when it is called twice.
pub fn start_threads(threads: Option<usize>) -> Result<()> {
    threads.map_or(Ok(()), |threads| count("--threads", threads, 1024))?;
    rayon::ThreadPoolBuilder::new()
        // 0 stands for one thread for each core.
        .num_threads(threads.unwrap_or(0))
        .spawn_handler(|thread| {
            let name = format!("rayon {}", thread.index());
            os::start(&name, thread.stack_size(), || thread.run()).map(drop)
        })
        .build_global()
        .map_err(|error| {
            Error::failed(format!("the threads cannot be started: {error}")).with_hint(
                "a limit on memory or processes may be the reason (`ulimit -a` shows them); fewer threads need less: `--threads 1`",
            )
        })
}

/// Returns the number of threads that work on the CPU is spread over.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
