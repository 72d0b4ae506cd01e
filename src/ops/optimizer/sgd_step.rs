//! The constants of one step of stochastic gradient descent.

use super::{WeightDecay, is_flushing_step};

/// The constants of one step of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    /// The fraction of the velocity that is kept, if there is one (Polyak 1964).
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov 1983).
    pub nesterov: bool,
    pub learning_rate: f64,
    pub decay: WeightDecay,
    /// Whether negligible velocities are set to 0 first.
    pub flush: bool,
}

impl SgdStep {
    /// Returns the constants of step `step`, which counts from 1, without weight decay.
    pub fn new(momentum: f64, nesterov: bool, step: u64, learning_rate: f64) -> Self {
        Self {
            momentum,
            nesterov,
            learning_rate,
            decay: WeightDecay::NONE,
            flush: is_flushing_step(step),
        }
    }
}
