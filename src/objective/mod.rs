//! The quantities to minimise. The true bound is always reported beside them.

mod autoencoder;
mod beta_tc;
mod capacity;
mod dreg;
mod elbo;
mod info;
mod iwae;
mod latent_mode;
mod vae_k;

use burn::tensor::Tensor;

use crate::data::Batch;
use crate::density::log_sum_exp;
use crate::error::{Error, Result};
use crate::loader::Corruption;
use crate::model::{ForwardPass, Likelihood, Prior, Vae};
use crate::registry::registry;
use crate::rng::Rng;

pub use autoencoder::Autoencoder;
pub use beta_tc::{BetaTc, KlTerms, Sampling, decomposition};
pub use capacity::Capacity;
pub use dreg::Dreg;
pub use elbo::{Cyclical, Elbo, Estimator};
pub use info::{Info, discrepancy};
pub use iwae::Iwae;
pub use latent_mode::{LatentMode, NO_ELBO, NO_PRIOR};
pub use vae_k::VaeK;

/// The most latents for each image: more would need gigabytes in a step.
const MOST_SAMPLES: usize = 10_000;

/// Where training stands: how many epochs are done, with the fraction of the current one, out of how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    pub epoch: f64,
    pub epochs: f64,
}

/// The inputs of an objective beside the images.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub time: Time,
    /// The source of noise other than the latents', with a stream for each kind of it.
    pub rng: Rng,
    /// `N`: images to train on.
    pub count: usize,
    /// `[B]`: which images of their split these are. An image's noise depends on `rng` and its own id alone.
    pub image_ids: &'a [u32],
}

/// The terms of the loss for each image, each `[B]`, nats. The mean of `loss` is minimised; a term of the whole batch is part
/// of each image's. The ELBO is `-(reconstruction + kl)`, whatever the objective.
#[derive(Clone, Debug)]
pub struct LossTerms {
    pub loss: Tensor<1>,
    /// -E_q[log p(x | z)].
    pub reconstruction: Tensor<1>,
    /// KL(q(z | x) || p(z)), in closed form where the prior has one ([`ForwardPass::kl`]). `None` for an autoencoder.
    pub kl: Option<Tensor<1>>,
}

/// Means over the images of a split, nats.
#[derive(Clone, Debug, PartialEq)]
pub struct LossMeans {
    pub reconstruction: f64,
    /// 0 for an autoencoder.
    pub kl: f64,
    /// `[D]`: the KL of each latent; empty where the prior is not a product over latents.
    pub kl_by_latent: Vec<f64>,
    /// The importance-weighted bound with [`ObjectiveKind::bound_samples`] latents, for an objective that needs it.
    pub bound: Option<f64>,
}

/// A quantity to minimise.
pub trait ObjectiveKind {
    /// Returns the loss of a batch and its terms.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D]` with `K` = [`ObjectiveKind::samples`].
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> LossTerms;

    /// Returns the loss of a whole split from its mean terms, comparable with the training loss. Where an estimate is
    /// minimised, this is what it estimates. `None` if the loss is not a function of the means.
    fn loss(&self, means: &LossMeans, time: Time) -> Option<f64>;

    /// Returns `K`, the number of latents drawn for each image.
    fn samples(&self) -> usize {
        1
    }

    /// Returns `K` of the importance-weighted bound that [`ObjectiveKind::loss`] is a function of.
    fn bound_samples(&self) -> Option<usize> {
        None
    }

    /// Returns which latent an image is trained with: a draw, or an autoencoder's only one.
    fn latent_mode(&self) -> LatentMode {
        LatentMode::Sampled
    }

    /// Returns what the encoder's input is corrupted with, if it is.
    fn corruption(&self) -> Option<Corruption> {
        None
    }

    /// Whether the loss of a batch is the mean of losses that depend on one image each, so that the gradients of the parts of
    /// a batch add up to that of the whole. It is not where a term is a function of the batch. The likelihood has its own
    /// say: see [`separable`].
    fn separable(&self) -> bool;

    /// # Errors
    /// Where a value is not what it can be.
    fn check(&self) -> Result<()>;

    /// # Errors
    /// Where it makes no sense with this prior.
    fn check_prior(&self, _prior: &Prior) -> Result<()> {
        Ok(())
    }
}

registry! {
    /// The quantity to minimise.
    pub enum Objective: ObjectiveKind {
        "elbo" => Elbo, "the negative ELBO, its KL weighted by beta, with warm-up, cycles or free bits";
        "iwae" => Iwae, "the importance-weighted bound, from several latents an image (Burda et al. 2016)";
        "dreg" => Dreg, "that bound with the doubly reparameterised gradient (Tucker et al. 2019)";
        "vae-k" => VaeK, "the negative ELBO, averaged over several latents an image";
        "beta-tc" => BetaTc, "the KL in its three terms, the total correlation weighted (Chen et al. 2018)";
        "info" => Info, "the latents as a whole held to the prior, by their discrepancy (Zhao et al. 2019)";
        "capacity" => Capacity, "the KL held near a capacity that grows (Burgess et al. 2018)";
        "autoencoder" => Autoencoder, "the reconstruction alone, of one latent an image; denoising if it corrupts its input";
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self::Elbo(Elbo::default())
    }
}

/// Whether the loss of a batch is the mean of losses that depend on one image each, whatever else is in the batch.
pub fn separable(objective: &Objective, likelihood: &Likelihood) -> bool {
    objective.kind().separable() && likelihood.kind().separable()
}

/// # Errors
/// Where the prior is not N(0, I), which this objective needs.
fn needs_normal(prior: &Prior, objective: &str, why: &str) -> Result<()> {
    if prior.is_normal() {
        return Ok(());
    }
    Err(Error::request(format!(
        "objective.{objective} and prior.{}: {why}",
        prior.tag()
    ))
    .with_hint("leave `[prior]` out, or choose another objective"))
}

/// Returns -log p(x | z), its mean over the `K` latents. `[B]`, nats.
pub fn reconstruction(pass: &ForwardPass) -> Tensor<1> {
    mean_over_samples(pass.log_px_z.clone()).neg()
}

/// Returns log 1/K sum_k exp(values): `[K, B]` -> `[B]`.
pub fn log_mean_exp(values: Tensor<2>) -> Tensor<1> {
    let [k, _] = values.dims();
    (log_sum_exp(values, 0) - (k as f64).ln()).squeeze_dim::<1>(0)
}

/// Returns the mean over the `K` latents: `[K, B]` -> `[B]`.
fn mean_over_samples(values: Tensor<2>) -> Tensor<1> {
    values.mean_dim(0).squeeze_dim::<1>(0)
}
