//! What a trained model is worth: bounds on log p(x), on all pictures of a split, with their errors.

mod elbo;
mod reconstruction;

pub use elbo::{Elbo, Estimate, Protocol, corruption_rng, measure, pixels_rng};
pub use reconstruction::squared_error;
