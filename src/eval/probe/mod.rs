//! Probes: simple classifiers on latents. They measure how easily information is read, not how much there is.

mod lbfgs;
mod logistic;
mod logits;
mod neighbours;

pub use lbfgs::minimise;
pub use logistic::Logistic;
pub use neighbours::nearest_neighbours;
