//! The time that a training may take.

use std::time::{Duration, Instant};

/// The start of the program, and the time after which it is to stop.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub began: Instant,
    /// `None`: the training ends by itself.
    pub limit: Option<Duration>,
}

impl Clock {
    /// Returns whether the time is over.
    pub fn is_over(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.began.elapsed() >= limit)
    }
}
