//! Disentanglement: how far each latent stands for one factor that the images vary in, and each factor for one latent.
//!
//! There are five measures, each as its authors define it, but on given images instead of fresh ones. None is the best
//! (Locatello et al. 2019 compare them). All are shares: 1 is perfect. On a finite number of images no measure reaches 0,
//! so each is also taken with the factors of other images, as the level of chance.

mod beta_vae;
mod boosting;
mod common;
mod dci;
mod factor_vae;
mod mig;
mod sap;
mod scores;

pub use beta_vae::beta_vae_score;
pub use boosting::Boosted;
pub use dci::{Dci, dci};
pub use factor_vae::factor_vae_score;
pub use mig::{Mig, mig};
pub use sap::sap;
pub use scores::{Scores, shuffled, varying};
