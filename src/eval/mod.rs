//! What a trained model is worth: bounds on log p(x), on all pictures of a split, with their errors.

mod elbo;
mod latents;

pub use elbo::{Elbo, Estimate, Protocol, measure, pixels_rng};
pub use latents::{kl_by_latent, largest_first};
