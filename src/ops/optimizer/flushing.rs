//! When running means that have vanished are set to 0.
//!
//! The running means of a weight whose gradient has vanished shrink forever. With denormal numbers a step takes two to
//! three times as long, so they are set to 0 before they become denormal.

/// The number of steps from one that sets such means to 0 to the next.
const STEPS: u64 = 64;

/// The absolute value below which the running mean of a gradient, or of steps, is negligible next to an epsilon of
/// 1e-8.
pub const NEGLIGIBLE_MEAN: f32 = 1e-30;

/// The running mean of squares below which its root is negligible next to an epsilon of 1e-8.
pub const NEGLIGIBLE_SQUARE: f32 = 1e-34;

/// Returns whether step `step` sets negligible means to 0 first.
pub fn is_flushing_step(step: u64) -> bool {
    step.is_multiple_of(STEPS)
}
