//! Disentanglement: how far each latent stands for one factor that the images vary in, and each factor for one latent.
//!
//! There are five measures, each as its authors define it, but on given images instead of fresh ones. None is the best
//! (Locatello et al. 2019 compare them). All are shares: 1 is perfect. On a finite number of images no measure reaches 0,
//! so each is also taken with the factors of other images, as the level of chance.

mod beta_vae;
mod boosting;
mod dci;
mod factor_vae;
mod mig;
mod sap;

pub use beta_vae::beta_vae_score;
pub use boosting::Boosted;
pub use dci::{Dci, dci};
pub use factor_vae::factor_vae_score;
pub use mig::{Mig, mig};
pub use sap::sap;

use crate::data::Factor;
use crate::rng::Rng;

/// All measures; `None` for one that is not defined for these latents or factors.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// `None` if the latents are points.
    pub mig: Option<Mig>,
    pub factor_vae: Option<f64>,
    pub beta_vae: Option<f64>,
    pub dci: Option<Dci>,
    pub sap: Option<f64>,
}

impl Scores {
    /// Measures all scores. `factors`: those that vary among the images, [`varying`].
    ///
    /// # Shapes
    /// `means` and `log_vars`: `[N][D]`, the posteriors; `log_vars` is `None` if the latents are points.
    pub fn measure(
        means: &[Vec<f32>],
        log_vars: Option<&[Vec<f32>]>,
        factors: &[Factor],
        rng: Rng,
    ) -> Self {
        Self {
            mig: log_vars.and_then(|log_vars| mig(means, log_vars, factors, rng.stream("mig"))),
            factor_vae: factor_vae_score(means, factors, rng.stream("factor-vae")),
            beta_vae: beta_vae_score(means, factors, rng.stream("beta-vae")),
            dci: dci(means, factors, rng.stream("dci")),
            sap: sap(means, factors, rng.stream("sap")),
        }
    }
}

/// Returns the factors that take more than one value; the others cannot be predicted from a latent, and need not be.
pub fn varying(factors: &[Factor]) -> Vec<Factor> {
    factors
        .iter()
        .filter(|factor| factor.occurring() > 1)
        .cloned()
        .collect()
}

/// Returns the factors of other images: each image gets all factors of one other image.
pub fn shuffled(factors: &[Factor], rng: Rng) -> Vec<Factor> {
    let count = factors.first().map_or(0, |factor| factor.levels.len());
    let order = rng.stream("shuffled").permutation(count);
    factors.iter().map(|factor| factor.of(&order)).collect()
}

/// Returns two halves of the images, drawn at random: one to fit on, one to measure on.
fn halves(count: usize, rng: Rng) -> [Vec<u32>; 2] {
    let order = rng.stream("halves").permutation(count);
    let (fitted, held_out) = order.split_at(count.div_ceil(2));
    [fitted.to_vec(), held_out.to_vec()]
}

/// Returns the latents of some images.
fn latents_of(means: &[Vec<f32>], indices: &[u32]) -> Vec<Vec<f32>> {
    indices
        .iter()
        .map(|&index| means[index as usize].clone())
        .collect()
}

/// Returns the difference between the largest value and the next, or the value itself if it is the only one.
fn gap(mut values: Vec<f64>) -> f64 {
    values.sort_by(|a, b| b.total_cmp(a));
    values.first().unwrap_or(&0.0) - values.get(1).unwrap_or(&0.0)
}

fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
