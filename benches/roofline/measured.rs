//! An operation with its work and its time.

use std::time::{Duration, Instant};

/// The time for which an operation is repeated, and the fewest repetitions.
const PATIENCE: Duration = Duration::from_millis(150);
const FEWEST: usize = 7;

/// An operation, the work that it cannot avoid, and how long it took.
#[derive(Clone, Debug)]
pub struct Measured {
    pub name: String,
    /// Multiplications and additions; a fused multiply-add is two.
    pub flop: f64,
    /// The bytes of what is read and what is written, each once.
    pub bytes: f64,
    pub seconds: f64,
}

/// Returns the median time of a call of `work`, after a first one that is not timed.
pub fn seconds<R>(mut work: impl FnMut() -> R) -> f64 {
    drop(work());
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < FEWEST || start.elapsed() < PATIENCE {
        let start = Instant::now();
        drop(work());
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Returns the bytes of `count` values of float32.
pub fn floats(count: usize) -> f64 {
    4.0 * count as f64
}
