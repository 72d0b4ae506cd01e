//! What a trained model is worth: bounds on log p(x), on all pictures of a split, with their errors.

mod elbo;
mod latents;
mod reconstruction;

pub use elbo::{Elbo, Estimate, Protocol, codes, corruption_rng, measure, pixels_rng};
pub use latents::{deviation_by_latent, kl_by_latent, largest_first};
pub use reconstruction::squared_error;
