//! What a trained model is worth: bounds on log p(x), on all pictures of a split, with their errors.

mod elbo;

pub use elbo::{Elbo, Estimate, Protocol, measure, pixels_rng};
