//! The functions of `transport.rs` in a binary without MPI: there is one process.

use super::launcher::Launched;
use crate::error::{Error, Result};

/// Refuses to be one of several processes.
pub fn start(_timeout: u64, launched: &Launched) -> Result<()> {
    Err(Error::request(format!(
        "{} started {} processes of this program, which is built without MPI: each would do all of the work, into the same folder",
        launched.by, launched.processes
    ))
    .with_hint(
        "build it with `cargo build --release --features mpi`; to run them independently, set VAE_MPI=off",
    ))
}

/// Returns `None`: there is no MPI library.
pub fn version() -> Option<String> {
    None
}

pub fn finish() {}

pub fn abort(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

pub fn rank() -> usize {
    0
}

pub fn count() -> usize {
    1
}

pub fn machine() -> String {
    String::new()
}

pub fn patiently<T>(wait: impl FnOnce() -> T) -> T {
    wait()
}

pub fn gather_equal<T: Copy>(own: &[T], all: &mut [T]) {
    all.copy_from_slice(own);
}

pub fn gather_parts<T: Copy>(own: &[T], _counts: &[usize], all: &mut [T]) {
    all.copy_from_slice(own);
}

pub fn swap_parts<T: Copy>(own: &[T], _counts: &[usize], all: &mut [T], _lengths: &[usize]) {
    all.copy_from_slice(own);
}
