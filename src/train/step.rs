//! The computation of one step: loss terms and gradients.

use burn::tensor::Tensor;

use crate::config::Config;
use crate::data::{Batch, Split};
use crate::error::Result;
use crate::loader::Loader;
use crate::model::{TrainingPass, Vae, flat_parameters};
use crate::objective::{Context, LossTerms};
use crate::ops::{self, DenseBatch, noise, sum_last_axis};
use crate::optimizer::collect;
use crate::parallel::{self, Shards, TreeSum};

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
    part_gradients(
        config,
        count,
        vae,
        (image_ids, batch),
        image_ids.len(),
        step,
    )
}

/// Does the same for a shard of a batch of `images` images: the gradient is that of its part of the mean loss.
fn part_gradients(
    config: &Config,
    count: usize,
    vae: &Vae,
    shard: Shard,
    images: usize,
    step: u64,
) -> (LossTerms, Vec<Tensor<1>>) {
    match without_graph(config, count, vae, &shard, images, step) {
        Some(found) => found,
        None => with_graph(config, count, vae, shard, images, step),
    }
}

/// Does the same by a graph of operations, on every device and for every model.
fn with_graph(
    config: &Config,
    count: usize,
    vae: &Vae,
    (image_ids, batch): Shard,
    images: usize,
    step: u64,
) -> (LossTerms, Vec<Tensor<1>>) {
    let terms = loss_terms(config, count, vae, image_ids, batch, step);
    let mut gradients = (terms.loss.clone().sum() / images as f64).backward();
    let gradients = collect(vae, &mut gradients);
    (terms, gradients)
}

/// Does the same as [`with_graph`], with the same bytes, for dense networks on a processor with kernels; `None` for everything
/// else.
fn without_graph(
    config: &Config,
    count: usize,
    vae: &Vae,
    shard: &Shard,
    images: usize,
    step: u64,
) -> Option<(LossTerms, Vec<Tensor<1>>)> {
    let (image_ids, batch) = shard;
    let time = config.time(epochs_after(config, count, step));
    let kl_weight = config.objective.kind().weight_of_closed_kl(time)?;
    let dense = vae.dense_form()?;
    let batch = DenseBatch {
        input: batch.input(),
        x: batch.x.clone(),
        noise: noise_of_latents(config, vae, image_ids, step),
        kl_weight,
        images,
    };
    let found = ops::dense_elbo(dense, batch)?;
    let terms = LossTerms {
        loss: Tensor::from_inner(found.loss),
        reconstruction: Tensor::from_inner(found.reconstruction),
        kl: Some(Tensor::from_inner(found.kl)),
    };
    Some((terms, found.gradients))
}

/// A part of a batch: the ids of its images, and the images.
pub type Shard<'a> = (&'a [u32], Batch);

/// Returns this process's part of a step (from 0) on a batch of `images` training images: the loss sums of each of its
/// shards, and the sum of the shards' gradients. A shard's gradient is that of its part of the mean loss over the whole
/// batch; it is zero if the shard is empty.
///
/// # Shapes
/// `filled`: the shards that are not empty, in order; loss sums: `[3 S]`; each gradient: `[n]`.
pub fn own_part(
    config: &Config,
    count: usize,
    vae: &Vae,
    (shards, images): (&Shards, usize),
    filled: Vec<Shard>,
    step: u64,
) -> (Tensor<1>, Vec<Tensor<1>>) {
    let mut filled = filled.into_iter();
    let (mut sums, mut total) = (Vec::new(), TreeSum::default());
    for places in shards.own(images) {
        let shard = (!places.is_empty()).then(|| filled.next()).flatten();
        let gradients = match shard {
            None => {
                let zeros = flat_parameters(vae).into_iter();
                sums.push(Tensor::zeros([3], &vae.device().inner()));
                zeros.map(|weight| weight.inner().zeros_like()).collect()
            }
            Some(shard) => {
                let (terms, gradients) = part_gradients(config, count, vae, shard, images, step);
                sums.push(loss_sums(terms));
                gradients
            }
        };
        total.push(gradients, |left: Vec<Tensor<1>>, right| {
            let pairs = left.into_iter().zip(right);
            pairs
                .map(|(left, right)| ops::accumulate(left, right))
                .collect()
        });
    }
    let sums = match <[Tensor<1>; 1]>::try_from(sums) {
        Ok([sums]) => sums,
        Err(sums) => Tensor::cat(sums, 0),
    };
    (sums, total.total().unwrap_or_default())
}

/// Reads this process's shards of the batch `image_ids` that are not empty, with the random numbers of `loader`.
///
/// # Errors
/// Returns an error if an image cannot be read, here or by another process.
pub fn read_own<'a>(
    loader: &Loader,
    split: &Split,
    shards: &Shards,
    image_ids: &'a [u32],
) -> Result<Vec<Shard<'a>>> {
    let own = shards.own(image_ids.len());
    let read = own.filter(|places| !places.is_empty()).map(|places| {
        let ids = &image_ids[places];
        Ok((ids, loader.batch(split, ids)?))
    });
    parallel::together(read.collect())
}

fn loss_terms(
    config: &Config,
    count: usize,
    vae: &Vae,
    image_ids: &[u32],
    batch: Batch,
    step: u64,
) -> LossTerms {
    let noise = noise_of_latents(config, vae, image_ids, step);
    let batch = batch.map(Tensor::from_inner);
    let context = Context {
        time: config.time(epochs_after(config, count, step)),
        rng: config.rng("objective").at(step),
        count,
        image_ids,
    };
    let noise = Tensor::from_inner(noise);
    let objective = config.objective.kind();
    if config.train.checkpointing || vae.network().drops_out() {
        let rng = config.rng("dropout").at(step);
        let pass = TrainingPass::new(rng, image_ids, config.train.checkpointing);
        objective.terms(&vae.in_training(pass), &batch, noise, context)
    } else {
        objective.terms(vae, &batch, noise, context)
    }
}

/// Returns the noise from which a step draws the latents, `[K, B, D + U]`, without autodiff.
fn noise_of_latents(config: &Config, vae: &Vae, image_ids: &[u32], step: u64) -> Tensor<3> {
    noise::latents(
        config.rng("noise").at(step),
        image_ids,
        config.objective.kind().samples(),
        vae.network().noise(),
        &vae.device().inner(),
    )
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

#[cfg(test)]
mod tests;
