//! What a trained model is worth: bounds on log p(x) on all pictures of a split, with their errors; what its codes hold,
//! beside what principal components do.

mod codes;
mod elbo;
mod importance;
mod latents;
mod pca;
mod reconstruction;

pub use codes::{bounds, by_pca, codes, concept, draw_in_box, mean, norm};
pub use elbo::{Elbo, Estimate, Protocol, bits, corruption_rng, drawn, measure, pixels_rng};
pub use importance::{Importance, importance};
pub use latents::{deviation_by_latent, kl_by_latent, largest_first};
pub use pca::{Pca, Rows};
pub use reconstruction::{drawn_squared_errors, squared_errors};
