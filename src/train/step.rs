//! The computation of one step: loss terms and gradients.

use burn::tensor::Tensor;

use crate::config::Config;
use crate::data::Batch;
use crate::model::{TrainingPass, Vae};
use crate::objective::{Context, LossTerms};
use crate::ops::{noise, sum_last_axis};
use crate::optimizer::collect;

/// Returns the order in which `epoch` (from 0) visits the `count` training images.
pub fn epoch_order(config: &Config, count: usize, epoch: usize) -> Vec<u32> {
    config.rng("order").at(epoch as u64).permutation(count)
}

/// Returns the number of epochs, with the fraction, that `steps` steps over `count` training images make.
pub fn epochs_after(config: &Config, count: usize, steps: u64) -> f64 {
    steps as f64 / config.train.steps_per_epoch(count) as f64
}

/// Returns the loss terms of a batch, the training images `image_ids`, at `step` (from 0), and the gradient of every
/// parameter as [`collect`] returns them. Reads nothing back from the device.
///
/// # Shapes
/// `image_ids`: `[B]`, out of `count`; the batch is without autodiff; each gradient: `[n]`.
pub fn gradients(
    config: &Config,
    count: usize,
    vae: &Vae,
    image_ids: &[u32],
    batch: Batch,
    step: u64,
) -> (LossTerms, Vec<Tensor<1>>) {
    let noise = noise::latents(
        config.rng("noise").at(step),
        image_ids,
        config.objective.kind().samples(),
        vae.network().noise(),
        &vae.device().inner(),
    );
    let batch = batch.map(Tensor::from_inner);
    let context = Context {
        time: config.time(epochs_after(config, count, step)),
        rng: config.rng("objective").at(step),
        count,
        image_ids,
    };
    let noise = Tensor::from_inner(noise);
    let objective = config.objective.kind();
    let terms = if config.train.checkpointing || vae.network().drops_out() {
        let rng = config.rng("dropout").at(step);
        let pass = TrainingPass::new(rng, image_ids, config.train.checkpointing);
        objective.terms(&vae.in_training(pass), &batch, noise, context)
    } else {
        objective.terms(vae, &batch, noise, context)
    };
    let mut gradients = terms.loss.clone().mean().backward();
    let gradients = collect(vae, &mut gradients);
    (terms, gradients)
}

/// Returns the sums over a batch of loss, reconstruction and KL (0 for an autoencoder), on the device.
///
/// # Shapes
/// Result: `[3]`.
pub fn loss_sums(terms: LossTerms) -> Tensor<1> {
    let kl = terms
        .kl
        .unwrap_or_else(|| terms.reconstruction.zeros_like());
    let sums = [terms.loss, terms.reconstruction, kl].map(|values| sum_last_axis(values.inner()));
    Tensor::cat(sums.to_vec(), 0)
}
