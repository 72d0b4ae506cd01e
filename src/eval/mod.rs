//! What a trained model is worth: bounds on log p(x) on all pictures of a split, with their errors; what its codes hold,
//! beside what principal components do, whether the code does its work, and how far it is disentangled.

mod codes;
pub mod disentanglement;
mod elbo;
mod health;
mod importance;
mod latents;
mod pca;
pub mod probe;
mod reconstruction;

pub use codes::{Posteriors, bounds, by_pca, codes, concept, draw_in_box, mean, norm, posteriors};
pub use elbo::{Elbo, Estimate, Protocol, bits, corruption_rng, drawn, measure, pixels_rng};
pub use health::{
    ACTIVE, Aggregate, COLLAPSED, Decomposition, Finding, Health, IGNORED, Latent, LayerUnits, MORE_THAN, OUTSIDE,
    PARTLY, Shuffled, decompose, findings, saturated_units,
};
pub use importance::{Importance, importance};
pub use latents::{deviation_by_latent, kl_by_latent, largest_first};
pub use pca::{Pca, Rows};
pub use reconstruction::{drawn_squared_errors, squared_errors};
