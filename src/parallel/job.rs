//! The beginning and the end of the work of several processes.

use super::launcher::{check_switch, launched};
use super::transport::patiently;
use super::{exchange, ranks, transport};
use crate::error::{Error, Result};
use crate::{os, ui};

/// The time, in seconds, in which every process has to answer unless another one is given.
const TIMEOUT: u64 = 300;

/// Connects this process with the others that `mpirun` or `srun` started, if there are any. All of them have to call it. Where
/// this process is not the first, it prints nothing from here on.
///
/// # Errors
/// Returns an error if several processes were started and MPI cannot connect them, because this binary is built without
/// MPI or with another one than the launcher's. `VAE_MPI=off` makes each an independent program.
pub fn start(timeout: Option<u64>) -> Result<()> {
    check_switch()?;
    let Some(launched) = launched() else {
        return match timeout {
            None => Ok(()),
            Some(_) => Err(Error::request(
                "--mpi-timeout: this is the only process, which waits for no other",
            )
            .with_hint("leave the flag out, or start several processes with `mpirun`")),
        };
    };
    transport::start(timeout.unwrap_or(TIMEOUT), &launched)?;
    let rank = transport::rank();
    if rank > 0 {
        ui::be_silent();
    }
    let machines = exchange::all(transport::machine().as_bytes(), transport::count())?;
    let machines = machines
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned());
    ranks::set(rank, machines.collect())
}

/// Returns whether this process is the one that reports a request that is wrong, and so is everywhere: the first of those that
/// a launcher started.
pub fn reports_wrong_requests() -> bool {
    launched().is_none_or(|launched| launched.rank == 0)
}

/// Ends the work of this process, and returns the result of all: if one has failed, all of them fail with its error. All
/// processes have to call it, unless [`dismiss`] has ended their work already.
pub fn end(result: Result<()>) -> Result<()> {
    if let (Err(error), true, true) = (&result, ranks::has_others(), ranks::is_in_step()) {
        let error = format!("{}: {}", ranks::name_of(ranks::rank()), error.render());
        ui::urgent_line(error);
        transport::abort(1);
    }
    if ranks::has_others() {
        patiently(|| exchange::settle(result))
    } else {
        result
    }
}

/// Ends MPI, once all processes do.
pub fn finish() {
    transport::finish();
}

/// Lets all processes but the first end. Returns whether this is the first one, which then works on by itself: from here on
/// [`super::count`] is 1.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn dismiss() -> Result<bool> {
    if !ranks::has_others() {
        return Ok(true);
    }
    exchange::agree(exchange::Wishes::default())?;
    ranks::leave();
    if !ranks::is_first() {
        // A launcher that is stopped signals all processes, and kills all once one has ended: the first one saves meanwhile.
        os::ignore_stops();
    }
    Ok(ranks::is_first())
}
