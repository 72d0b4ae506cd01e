//! One training or evaluation on several processes, which MPI starts and connects (cargo feature `mpi`).
//!
//! All processes run the same command and take the same decisions; only the first one writes files and prints. MPI moves
//! bytes and never adds numbers: sums are taken here, in an order that does not depend on the number of processes, so that
//! results are the same bytes on one process and on many. With one process, nothing in here does anything.

mod args;
mod exchange;
mod job;
mod launcher;
#[cfg(feature = "mpi")]
mod patience;
mod pieces;
mod ranks;
mod resumable;
mod shards;
#[cfg(feature = "mpi")]
mod transport;
#[cfg(not(feature = "mpi"))]
#[path = "without_mpi.rs"]
mod transport;

pub use args::{IS_BUILT_IN, WaitArgs};
pub use exchange::{
    Wishes, agree, all_equal, all_hold, from_first, gather, gather_bytes, has_lost_one, in_turn,
    together,
};
pub use job::{dismiss, end, finish, reports_wrong_requests, start};
pub use pieces::Pieces;
pub use ranks::{alone, begin_step, count, end_step, is_first, local, on_machines, place};
pub use resumable::name_run;
pub use shards::{Shards, TreeSum};
pub use transport::{patiently, version};
