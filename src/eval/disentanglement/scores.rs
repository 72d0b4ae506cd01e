//! All scores of disentanglement at once.

use super::beta_vae::beta_vae_score;
use super::dci::{Dci, dci};
use super::factor_vae::factor_vae_score;
use super::mig::{Mig, mig};
use super::sap::sap;
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
    /// The number of steps of [`Scores::measure`].
    pub const STEPS: usize = 5;

    /// Measures all scores. `factors`: those that vary among the images, [`varying`]. `step` is told the name of each score
    /// before it is measured.
    ///
    /// # Shapes
    /// `means` and `log_vars`: `[N][D]`, the posteriors; `log_vars` is `None` if the latents are points.
    pub fn measure(
        means: &[Vec<f32>],
        log_vars: Option<&[Vec<f32>]>,
        factors: &[Factor],
        rng: Rng,
        step: &mut dyn FnMut(&'static str),
    ) -> Self {
        step("MIG");
        let mig = log_vars.and_then(|log_vars| mig(means, log_vars, factors, rng.stream("mig")));
        step("the FactorVAE score");
        let factor_vae = factor_vae_score(means, factors, rng.stream("factor-vae"));
        step("the beta-VAE score");
        let beta_vae = beta_vae_score(means, factors, rng.stream("beta-vae"));
        step("DCI");
        let dci = dci(means, factors, rng.stream("dci"));
        step("SAP");
        let sap = sap(means, factors, rng.stream("sap"));
        Self {
            mig,
            factor_vae,
            beta_vae,
            dci,
            sap,
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
