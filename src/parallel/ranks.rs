//! This process's place among the processes of one job: its rank, from 0, and their number.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// The processes of one job.
#[derive(Debug)]
struct Job {
    rank: usize,
    /// The name of each process's machine, by rank.
    machines: Vec<String>,
}

static JOB: OnceLock<Job> = OnceLock::new();

/// Says whether the other processes have left, so that this one works on by itself.
static IS_ALONE: AtomicBool = AtomicBool::new(false);

/// Sets the place of this process, whose machine is one of `machines`.
///
/// # Errors
/// Returns an error if it is set already.
pub(super) fn set(rank: usize, machines: Vec<String>) -> Result<()> {
    JOB.set(Job { rank, machines })
        .map_err(|_| Error::failed("MPI was started twice"))
}

/// Returns whether there are other processes, and they have not left.
pub(super) fn has_others() -> bool {
    JOB.get().is_some() && !IS_ALONE.load(Ordering::Relaxed)
}

/// Makes this process work by itself from here on.
pub(super) fn leave() {
    IS_ALONE.store(true, Ordering::Relaxed);
}

/// Says whether this process is between the exchanges of a training step, where it cannot tell the others that it has failed.
static IS_IN_STEP: AtomicBool = AtomicBool::new(false);

/// Marks the beginning of a training step: until [`end_step`] the processes exchange numbers alone, and no errors.
pub fn begin_step() {
    IS_IN_STEP.store(true, Ordering::Relaxed);
}

/// Marks the end of a training step.
pub fn end_step() {
    IS_IN_STEP.store(false, Ordering::Relaxed);
}

/// Returns whether this process has begun a training step and not ended it.
pub(super) fn is_in_step() -> bool {
    IS_IN_STEP.load(Ordering::Relaxed)
}

thread_local! {
    /// How deep this thread is in [`alone`].
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Does some work of this process by itself: within it, [`count`] is 1, and nothing is divided or exchanged.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    DEPTH.set(DEPTH.get() + 1);
    let result = work();
    DEPTH.set(DEPTH.get() - 1);
    result
}

/// Returns the processes that work together now; `None` if there is only one.
fn job() -> Option<&'static Job> {
    let is_alone = DEPTH.get() > 0 || IS_ALONE.load(Ordering::Relaxed);
    JOB.get().filter(|_| !is_alone)
}

/// Returns the number of processes.
pub fn count() -> usize {
    job().map_or(1, |job| job.machines.len())
}

/// Returns the number of this process, from 0.
pub fn rank() -> usize {
    job().map_or(0, |job| job.rank)
}

/// Returns the number of this process and the number of processes, which divide work in this order.
pub fn place() -> [usize; 2] {
    [rank(), count()]
}

/// Returns whether this process is the first one, which writes and prints.
pub fn is_first() -> bool {
    JOB.get().is_none_or(|job| job.rank == 0)
}

/// Returns the number of machines that the processes run on.
pub fn on_machines() -> usize {
    let mut names: Vec<&str> = job().map_or(vec![""], |job| {
        job.machines.iter().map(String::as_str).collect()
    });
    names.sort_unstable();
    names.dedup();
    names.len()
}

/// Returns the number of this process among those on its machine, from 0, and their number.
pub fn local() -> [usize; 2] {
    let Some(job) = JOB.get() else {
        return [0, 1];
    };
    let here = |machine: &&String| **machine == job.machines[job.rank];
    let before = job.machines[..job.rank].iter().filter(here).count();
    [before, job.machines.iter().filter(here).count()]
}

/// Returns the name of a process in messages.
pub fn name_of(rank: usize) -> String {
    match JOB.get() {
        Some(job) => format!("process {rank} ({})", job.machines[rank]),
        None => format!("process {rank}"),
    }
}
