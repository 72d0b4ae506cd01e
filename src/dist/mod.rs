//! Densities and divergences, in nats. Every density carries all its constants.

mod gaussian;

pub use gaussian::{Gaussian, standard_normal_log_prob};
