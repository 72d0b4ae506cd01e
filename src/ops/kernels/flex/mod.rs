//! The CPU kernels on the tensors of burn-flex. Each uses all cores and the widest vectors of the machine, and its
//! results do not depend on the number of cores.

mod activation;
mod convolution;
mod dense;
mod dense_elbo;
mod dense_products;
mod feature_map;
mod gaussian;
mod image_sums;
mod normalisation;
mod optimizer;
mod resampling;
mod sum;
mod tensors;

pub use activation::activate;
pub use convolution::{convolve, convolve_transposed, normalised_convolve};
pub use dense::dense;
pub use dense_elbo::dense_elbo;
pub use gaussian::{kl_to_standard_normal, reparameterise};
pub use image_sums::{
    absolute_error, bernoulli_log_prob, continuous_bernoulli_log_prob,
    discretised_logistic_log_prob, squared_error,
};
pub use normalisation::normalise;
pub use optimizer::{accumulate, adam, move_towards, rmsprop, sgd};
pub use resampling::{average_pool, upsample};
pub use sum::{repeat_last_axis, sum_last_axis, sum_of_squares, zero_if_finite};
pub use tensors::uses_kernels;
