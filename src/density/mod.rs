//! Densities and divergences, in nats. Every density carries all its constants.

mod best_of;
mod beta;
mod covariance;
mod gaussian;
mod mixture;
mod quantile;

pub use best_of::expected_maximum;
pub use beta::{beta_cdf, beta_quantile};
pub use covariance::Covariance;
pub use gaussian::{
    DiagonalGaussian, LOG_TWO_PI, log_mixture, log_mixture_by_products, standard_normal_log_prob,
};
pub use mixture::{GaussianMixture, MixtureComponent, log_sum};
pub use quantile::normal_quantile;
