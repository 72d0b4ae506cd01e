//! Densities and divergences, in nats. Every density carries all its constants.

mod gaussian;
mod log_sum_exp;
mod quantile;

pub use gaussian::{
    DiagonalGaussian, LOG_TWO_PI, log_mixture, log_mixture_by_products, standard_normal_log_prob,
};
pub use log_sum_exp::log_sum_exp;
pub use quantile::normal_quantile;
