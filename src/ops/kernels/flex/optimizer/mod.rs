//! The steps of the optimizers, each in one pass over a weight, its gradient and what is kept of it, in place; and sums of gradients.

mod accumulate;
mod adam;
mod average;
mod pass;
mod rmsprop;
mod sgd;

pub use accumulate::{accumulate, add};
pub use adam::adam;
pub use average::move_towards;
pub use rmsprop::rmsprop;
pub use sgd::sgd;
