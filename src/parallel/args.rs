//! The arguments of a program that may be one of several processes.

use clap::Args;

/// Says whether this program can be one of several processes that work together.
pub const IS_BUILT_IN: bool = cfg!(feature = "mpi");

/// The arguments that say how long processes wait for each other. A binary without MPI has none.
#[derive(Args, Debug)]
pub struct WaitArgs {
    /// Under `mpirun`, end all processes if one has not answered for this time [default: 300]
    #[cfg(feature = "mpi")]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    mpi_timeout: Option<u64>,
}

impl WaitArgs {
    /// Returns the time, in seconds, in which every process has to answer, if it was given.
    pub fn timeout(&self) -> Option<u64> {
        #[cfg(feature = "mpi")]
        return self.mpi_timeout;
        #[cfg(not(feature = "mpi"))]
        None
    }
}
