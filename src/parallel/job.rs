//! The beginning and the end of the work of several processes.

use super::launcher::launched;
use super::{exchange, ranks, transport};
use crate::error::Result;
use crate::ui;

/// Connects this process with the others that `mpirun` or `srun` started, if they did. All of them have to call it. Where
/// this process is not the first, it prints nothing from here on.
///
/// # Errors
/// Returns an error if several processes were started and MPI cannot connect them, because this binary is built without
/// it or with another one than the launcher's. `VAE_MPI=off` makes each an independent program.
pub fn start(timeout: u64) -> Result<()> {
    let Some(launched) = launched() else {
        return Ok(());
    };
    transport::start(timeout, &launched)?;
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

/// Ends the work of this process, and returns the result of all: if one has failed, all of them fail with its error. All
/// processes have to call it, unless [`dismiss`] has ended their work already.
pub fn end(result: Result<()>) -> Result<()> {
    if let (Err(error), true, true) = (&result, ranks::has_others(), ranks::is_in_step()) {
        let error = format!("{}: {}", ranks::name_of(ranks::rank()), error.render());
        ui::urgent_line(error);
        transport::abort(1);
    }
    let result = if ranks::has_others() {
        exchange::together(result)
    } else {
        result
    };
    transport::finish();
    result
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
    Ok(ranks::is_first())
}
