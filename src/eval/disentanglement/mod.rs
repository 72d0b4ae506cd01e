//! Disentanglement: how far each latent stands for one factor that the images vary in, and each factor for one latent.
//!
//! Five measures, each as its authors define it and each on images that are there rather than on fresh ones. None is
//! the others' judge (Locatello et al. 2019 compare them). All are shares: 1 is perfect. What no measure of a finite
//! number of images reaches is 0, so each is also taken of the same latents with the factors of other images.

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

/// All measures; nothing for one that the latents or the factors have no value of.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Nothing where the latents are points.
    pub mig: Option<Mig>,
    pub factor_vae: Option<f64>,
    pub beta_vae: Option<f64>,
    pub dci: Option<Dci>,
    pub sap: Option<f64>,
}

impl Scores {
    /// `factors`: those that vary among the images, [`varying`].
    ///
    /// # Shapes
    /// `means` and `log_vars`: `[N][D]`, the posteriors; `log_vars` is left out where the latents are points.
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

/// The factors that take more than one value: the others cannot be told from a latent, and need not be.
pub fn varying(factors: &[Factor]) -> Vec<Factor> {
    factors
        .iter()
        .filter(|factor| factor.occurring() > 1)
        .cloned()
        .collect()
}

/// The factors of other images, all of one other image each.
pub fn shuffled(factors: &[Factor], rng: Rng) -> Vec<Factor> {
    let count = factors.first().map_or(0, |factor| factor.levels.len());
    let order = rng.stream("shuffled").permutation(count);
    factors.iter().map(|factor| factor.of(&order)).collect()
}

/// Two halves of the images, drawn at random: to fit on, and to measure on.
fn halves(count: usize, rng: Rng) -> [Vec<u32>; 2] {
    let order = rng.stream("halves").permutation(count);
    let (fitted, held_out) = order.split_at(count.div_ceil(2));
    [fitted.to_vec(), held_out.to_vec()]
}

/// The latents of some images.
fn latents_of(means: &[Vec<f32>], indices: &[u32]) -> Vec<Vec<f32>> {
    indices
        .iter()
        .map(|&index| means[index as usize].clone())
        .collect()
}

/// The difference between the largest value and the next; all of it where there is one value only.
fn gap(mut values: Vec<f64>) -> f64 {
    values.sort_by(|a, b| b.total_cmp(a));
    values.first().unwrap_or(&0.0) - values.get(1).unwrap_or(&0.0)
}

fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
