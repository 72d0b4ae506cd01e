//! Densities and divergences, in nats. Every density carries all its constants.

mod gaussian;
mod quantile;

pub use gaussian::{Gaussian, standard_normal_log_prob};
pub use quantile::normal_quantile;
