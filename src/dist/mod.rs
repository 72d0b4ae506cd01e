//! Densities and divergences, in nats. Every density carries all its constants.

mod bernoulli;
mod gaussian;

pub use bernoulli::bernoulli_log_prob;
pub use gaussian::{Gaussian, standard_normal_log_prob};
