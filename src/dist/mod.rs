//! Densities and divergences, in nats. Every density carries all its constants.

mod gaussian;
mod log_sum_exp;
mod quantile;

pub use gaussian::{Gaussian, log_mixture, standard_normal_log_prob};
pub use log_sum_exp::log_sum_exp;
pub use quantile::normal_quantile;
