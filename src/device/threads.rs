//! The number of threads.

use std::env;
use std::thread::available_parallelism;

use crate::check::count;
use crate::error::{Error, Result};
use crate::os;

/// Starts the threads for everything that runs on the CPU: `threads`, else `RAYON_NUM_THREADS`, else one for each core that this
/// process may use, or its share of them if all of them may be used by each of `processes` processes. There are never more
/// threads than such cores, because they would only wait for each other. Results do not depend on the number.
///
/// # Errors
/// Returns an error for 0 threads or more than 1024, if the system refuses them, and when it is called twice.
pub fn start_threads(threads: Option<usize>, processes: usize) -> Result<()> {
    threads.map_or(Ok(()), |threads| count("--threads", threads, 1024))?;
    let wanted = threads.or_else(|| env::var("RAYON_NUM_THREADS").ok()?.parse().ok());
    let wanted = wanted.filter(|&wanted| wanted > 0);
    let cores = available_parallelism();
    rayon::ThreadPoolBuilder::new()
        // 0 stands for one thread for each core.
        .num_threads(match (wanted, cores) {
            (Some(wanted), Ok(cores)) => wanted.min(cores.get()),
            (Some(wanted), Err(_)) => wanted,
            (None, cores) => cores.map_or(0, |cores| share(cores.get(), processes)),
        })
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

/// Returns the threads of one of `processes` processes that may use `cores` cores. A launcher that has bound each process to
/// cores of its own has divided them already.
fn share(cores: usize, processes: usize) -> usize {
    if os::cores().is_some_and(|all| cores < all) {
        return cores;
    }
    (cores / processes).max(1)
}

/// Returns the number of threads that work on the CPU is spread over.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
