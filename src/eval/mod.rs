//! What a trained model is worth: bounds on log p(x) on all pictures of a split, with their errors; what its codes hold,
//! beside what principal components do.

mod codes;
mod elbo;
mod pca;

pub use codes::{bounds, by_pca, codes, draw_in_box, mean, squared_errors};
pub use elbo::{Elbo, Estimate, Protocol, measure, pixels_rng};
pub use pca::{Pca, Rows};
