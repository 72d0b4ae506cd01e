//! The quantities to minimise. The true ELBO is always reported beside them.

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
use crate::error::{Error, Result};
use crate::loader::Corruption;
use crate::model::{ForwardPass, Likelihood, Prior, Vae};
use crate::ops::log_sum_exp;
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

/// The largest number of latents per image: more would need gigabytes in a step.
const MOST_SAMPLES: usize = 10_000;

/// A point in training: the number of finished epochs, including the fraction of the current one, and the total number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    pub epoch: f64,
    pub epochs: f64,
}

/// The inputs of an objective other than the images.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub time: Time,
    /// The generator of all noise except the noise of the latents, with a stream for each kind.
    pub rng: Rng,
    /// `N`, the number of training images.
    pub count: usize,
    /// The image ids, `[B]`. An image's noise depends only on `rng` and its image id.
    pub image_ids: &'a [u32],
}

/// The terms of the loss for each image, each `[B]`, nats. The mean of `loss` is minimised; a term of the whole batch
/// is part of the loss of each image. The ELBO is `-(reconstruction + kl)` for every objective.
#[derive(Clone, Debug)]
pub struct LossTerms {
    pub loss: Tensor<1>,
    /// The reconstruction term, -E_q[log p(x | z)].
    pub reconstruction: Tensor<1>,
    /// The KL term KL(q(z | x) || p(z)), in closed form if the prior has one ([`ForwardPass::kl`]). `None` for an
    /// autoencoder.
    pub kl: Option<Tensor<1>>,
}

/// The means of the loss terms over the images of a split, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct LossMeans {
    pub reconstruction: f64,
    /// The mean KL; 0 for an autoencoder.
    pub kl: f64,
    /// The mean KL of each latent, `[D]`; empty if the prior is not a product over latents.
    pub kl_by_latent: Vec<f64>,
    /// The importance-weighted bound with [`ObjectiveKind::bound_samples`] latents, or `None` if the objective does not
    /// need it.
    pub bound: Option<f64>,
}

/// A quantity to minimise.
pub trait ObjectiveKind {
    /// Returns the loss of a batch and its terms.
    ///
    /// # Shapes
    /// `noise`: `[K, B, D]` with `K` = [`ObjectiveKind::samples`].
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> LossTerms;

    /// Returns the loss of a whole split from its mean terms, comparable with the training loss. If training minimises
    /// an estimate, this is the estimated quantity. `None` if the loss is not a function of the means.
    fn loss(&self, means: &LossMeans, time: Time) -> Option<f64>;

    /// Returns the number of epochs, of `epochs` in all, after which the weights of the loss's terms no longer change.
    fn settles_after(&self, _epochs: f64) -> f64 {
        0.0
    }

    /// Returns the weight of the KL in the loss when training ends. If the KL is split into terms, it is the smallest of
    /// their weights.
    fn kl_weight(&self) -> f64 {
        1.0
    }

    /// Returns the weight w if the loss of each image is now reconstruction + w KL, with one latent drawn and the KL in closed
    /// form; `None` for every other loss.
    fn weight_of_closed_kl(&self, _time: Time) -> Option<f64> {
        None
    }

    /// Returns `K`, the number of latents drawn for each image.
    fn samples(&self) -> usize {
        1
    }

    /// Returns the `K` of the importance-weighted bound that [`ObjectiveKind::loss`] needs, or `None` if it needs no
    /// such bound.
    fn bound_samples(&self) -> Option<usize> {
        None
    }

    /// Returns the kind of latent that images are trained with: a sample, or an autoencoder's only latent.
    fn latent_mode(&self) -> LatentMode {
        LatentMode::Sampled
    }

    /// Returns the corruption of the encoder's input, or `None` if it stays clean.
    fn corruption(&self) -> Option<Corruption> {
        None
    }

    /// Returns whether the loss of a batch is the mean of losses that depend on one image each. The gradients of the
    /// parts of a batch then add up to the gradient of the whole batch. The likelihood must be separable too: see
    /// [`separable`].
    fn separable(&self) -> bool;

    /// Returns the table of the config that is spread over all epochs, and so changes with their number.
    fn spread_over_epochs(&self) -> Option<&'static str> {
        None
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Returns an error if a value is out of its range.
    fn check(&self) -> Result<()>;

    /// Checks that the objective can be used with this prior.
    ///
    /// # Errors
    /// Returns an error if the combination makes no sense.
    fn check_prior(&self, _prior: &Prior) -> Result<()> {
        Ok(())
    }
}

registry! {
    /// The quantity to minimise.
    pub enum Objective: ObjectiveKind {
        "elbo" => Elbo, "the negative ELBO, its KL weighted by beta, with warm-up, cycles or free bits";
        "iwae" => Iwae, "the importance-weighted bound, from several samples of z per image (Burda et al. 2016)";
        "dreg" => Dreg, "the iwae bound with the doubly reparameterised gradient (Tucker et al. 2019)";
        "vae-k" => VaeK, "the negative ELBO, averaged over several samples of z per image";
        "beta-tc" => BetaTc, "the KL in its three terms, the total correlation weighted (Chen et al. 2018)";
        "info" => Info, "the latents as a whole held to the prior, by their discrepancy (Zhao et al. 2019)";
        "capacity" => Capacity, "the KL held near a capacity that grows (Burgess et al. 2018)";
        "autoencoder" => Autoencoder, "the reconstruction alone, of one latent per image; denoising if it corrupts its input";
    }
}

impl Default for Objective {
    fn default() -> Self {
        Self::Elbo(Elbo::default())
    }
}

/// Returns whether the loss of a batch is the mean of losses that depend on one image each.
pub fn separable(objective: &Objective, likelihood: &Likelihood) -> bool {
    objective.kind().separable() && likelihood.kind().separable()
}

/// Checks that the prior is N(0, I), for an objective that needs it.
///
/// # Errors
/// Returns an error with the reason `why` if it is not.
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

/// Returns the mean of -log p(x | z) over the `K` latents. `[B]`, nats.
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
