//! Probes: what simple classifiers read off the latents. How easy a latent makes it, not how much there is in it.

mod lbfgs;
mod logistic;
mod neighbours;

pub use lbfgs::minimise;
pub use logistic::Logistic;
pub use neighbours::nearest_neighbours;
