//! The moving of bytes between processes by MPI. Every wait outside of [`patiently`] ends, at the latest, after the timeout: MPI
//! itself waits forever when a network goes silent.

use std::sync::{Mutex, PoisonError};

use mpi::collective::CommunicatorCollectives;
use mpi::datatype::{Equivalence, Partition, PartitionMut};
use mpi::environment::{
    Threading, Universe, initialize_with_threading, library_version, processor_name,
};
use mpi::request::{Request, Scope, scope};
use mpi::topology::{Communicator, SimpleCommunicator};

use super::launcher::Launched;
use super::patience::{self, Patience};
use crate::error::{Error, Result};

/// The library, from [`start`] to [`finish`].
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);

fn world() -> SimpleCommunicator {
    SimpleCommunicator::world()
}

/// Connects the processes. A wait for the others ends the job after `timeout` seconds.
///
/// # Errors
/// Returns an error if the library connects other processes than the launcher started.
pub fn start(timeout: u64, launched: &Launched) -> Result<()> {
    let Some((mut universe, _)) = initialize_with_threading(Threading::Serialized) else {
        return Err(Error::failed("MPI was started twice"));
    };
    universe.set_buffer_size(patience::BUFFER);
    *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
    patience::start(timeout);
    if count() == launched.processes {
        return Ok(());
    }
    let version = version().unwrap_or_default();
    let what = format!(
        "{} started {} processes, but MPI ({version}) connects {}",
        launched.by,
        launched.processes,
        count()
    );
    finish();
    Err(Error::request(what).with_hint(match launched.by {
        "srun" => "try `srun --mpi=pmix` or `srun --mpi=pmi2` (`srun --mpi=list` shows what there is), or `mpirun` within the job",
        _ => "start `vae` with the `mpirun` that belongs to the MPI it was built with",
    }))
}

/// Ends the library, once all processes do. A launcher calls a process that ends without it a failure.
pub fn finish() {
    let is_started = UNIVERSE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some();
    if !is_started {
        return;
    }
    // The library itself would wait with a busy processor.
    patiently(|| wait(world().immediate_barrier()));
    drop(
        UNIVERSE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
}

/// Ends all processes at once.
pub fn abort(code: u8) -> ! {
    patience::abort(&world(), code)
}

/// Returns the name and version of the MPI library.
pub fn version() -> Option<String> {
    let version = library_version().ok()?;
    let line = version.lines().next().unwrap_or_default();
    // Open MPI adds who built it, and when.
    Some(
        line.split(',')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\0')
            .to_owned(),
    )
}

pub fn rank() -> usize {
    world().rank() as usize
}

pub fn count() -> usize {
    world().size() as usize
}

/// Returns the name of this machine.
pub fn machine() -> String {
    processor_name().unwrap_or_default()
}

/// Does something during which a wait may last as long as another process works.
pub fn patiently<T>(wait: impl FnOnce() -> T) -> T {
    patience::without_timeout(wait)
}

/// Gathers as many values from each process as from this one.
pub fn gather_equal<T: Equivalence>(own: &[T], all: &mut [T]) {
    scope(|scope| wait(world().immediate_all_gather_into(scope, own, all)));
}

/// Gathers values from each process, `counts[r]` from process r.
pub fn gather_parts<T: Equivalence>(own: &[T], counts: &[usize], all: &mut [T]) {
    let (counts, places) = places(counts);
    let mut all = PartitionMut::new(all, counts, places);
    scope(|scope| wait(world().immediate_all_gather_varcount_into(scope, own, &mut all)));
}

/// Sends `counts[r]` of the values to process r, and receives `lengths[r]` from it.
pub fn swap_parts<T: Equivalence>(own: &[T], counts: &[usize], all: &mut [T], lengths: &[usize]) {
    let ((counts, places), (lengths, targets)) = (places(counts), places(lengths));
    let own = Partition::new(own, counts, places);
    let mut all = PartitionMut::new(all, lengths, targets);
    scope(|scope| wait(world().immediate_all_to_all_varcount_into(scope, &own, &mut all)));
}

/// Returns the counts as MPI takes them, and the place of the first value of each part.
fn places(counts: &[usize]) -> (Vec<i32>, Vec<i32>) {
    let mut place = 0;
    let places = counts.iter().map(|&count| {
        place += count as i32;
        place - count as i32
    });
    let places = places.collect();
    (counts.iter().map(|&count| count as i32).collect(), places)
}

/// Waits until a request is done.
fn wait<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>) {
    let mut patience = Patience::new(world());
    while let Err(pending) = request.test() {
        request = pending;
        patience.pause();
    }
}
