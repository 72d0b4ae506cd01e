//! Measures of a trained model: bounds on log p(x) with their errors, reconstructions beside PCA's, how good samples are, and
//! how healthy and how disentangled the latents are.

pub mod anomaly;
mod bootstrap;
pub mod disentanglement;
mod divided;
mod elbo;
mod estimate;
mod health;
mod importance;
mod latent_sampler;
mod latents;
mod mixture;
mod pca;
mod posteriors;
pub mod probe;
mod protocol;
mod reconstruction;
pub mod sample_quality;

pub use elbo::{ElboByImage, first_latents, measure};
pub use estimate::{Estimate, bits, plus_minus};
pub use health::{
    ACTIVE, AggregatePosterior, COLLAPSED, Course, Diagnostics, Early, EpochLosses, Finding,
    IGNORED, KlDecomposition, LatentStatistics, LayerUnits, MORE_THAN, OUTSIDE, PARTLY, Shuffled,
    decompose, findings, judged, saturated_units,
};
pub use importance::{Importance, importance};
pub use latent_sampler::LatentSampler;
pub use latents::{deviation_by_latent, kl_by_latent, largest_first};
pub use mixture::{
    FittedDensities, MOST_FULL, MOST_ITERATIONS, MixtureFit, TOLERANCE, fit_mixture,
    latent_densities,
};
pub use pca::{Pca, Rows};
pub use posteriors::{
    Posteriors, bounds, by_pca, concept, draw_in_box, latents, mean, norm, posteriors,
};
pub use protocol::Protocol;
pub use reconstruction::{SquaredErrors, drawn_squared_errors, squared_errors};
