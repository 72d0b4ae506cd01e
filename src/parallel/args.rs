//! The arguments of a program that may be one of several processes.

use clap::Args;

/// Whether this program can be one of several processes that work together.
pub const IS_BUILT_IN: bool = cfg!(feature = "mpi");

/// How processes wait for each other; empty in a program that never does.
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// Under `mpirun`, end all processes if one has not answered for this time
    #[cfg(feature = "mpi")]
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 300)]
    mpi_timeout: u64,
}

impl WaitArgs {
    /// Returns the time, in seconds, in which every process has to answer.
    pub fn timeout(&self) -> u64 {
        #[cfg(feature = "mpi")]
        return self.mpi_timeout;
        #[cfg(not(feature = "mpi"))]
        0
    }
}
