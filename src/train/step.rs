//! One step: forward, backward, update.

use burn::tensor::{Gradients, Tensor};

use crate::data::Batch;
use crate::error::Result;
use crate::model::Vae;
use crate::objective::{Context, LossTerms};
use crate::ops::noise;
use crate::optimizer::{OptimizerState, collect, squared_norms};

use super::Job;

/// Sums over images, nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LossSums {
    pub loss: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub images: u64,
}

impl LossSums {
    pub fn add(&mut self, [loss, reconstruction, kl]: [f32; 3], images: usize) {
        self.loss += f64::from(loss);
        self.reconstruction += f64::from(reconstruction);
        self.kl += f64::from(kl);
        self.images += images as u64;
    }

    pub fn mean(self, sum: f64) -> f64 {
        sum / self.images as f64
    }
}

/// Sums over the steps whose gradients were looked at.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GradientNorms {
    pub steps: u64,
    /// `[L]`, in the network's order.
    pub sums: Vec<f64>,
}

impl GradientNorms {
    /// Adds a step's squared norms; not those that single precision cannot hold.
    pub fn add(&mut self, squares: &[f32]) {
        if squares.iter().all(|square| square.is_finite()) {
            self.steps += 1;
            self.sums.resize(squares.len(), 0.0);
            self.sums
                .iter_mut()
                .zip(squares)
                .for_each(|(sum, square)| *sum += f64::from(*square).sqrt());
        }
    }

    /// `[L]`; nothing where no step was looked at.
    pub fn means(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.steps as f64)
    }
}

/// Returns loss and gradients of a batch, the images `indices`, at `step` (from 0). The batch is without autodiff.
pub fn gradients(
    job: &Job,
    vae: &Vae,
    batch: Batch,
    indices: &[u32],
    step: u64,
) -> (LossTerms, Gradients) {
    let noise = noise::latents(
        job.rng("noise").at(step),
        indices,
        job.objective.kind().samples(),
        vae.network().noise(),
        &vae.device().inner(),
    );
    let batch = batch.map(Tensor::from_inner);
    let time = job.time(step as f64 / job.steps_per_epoch() as f64);
    let count = job.dataset.train.len();
    let context = Context {
        time,
        rng: job.rng("objective").at(step),
        count,
        image_ids: indices,
    };
    let terms = job
        .objective
        .kind()
        .terms(vae, &batch, Tensor::from_inner(noise), context);
    let gradients = terms.loss.clone().mean().backward();
    (terms, gradients)
}

/// Reads the images `indices` and trains on them: returns the model after `step` (from 0), and the sums of the step's terms
/// as `[3]`: loss, reconstruction, KL (0 if there is none). Nothing is read back from the device.
///
/// # Errors
/// An image cannot be read.
pub fn train_step(
    job: &Job,
    vae: Vae,
    updater: &mut OptimizerState,
    indices: &[u32],
    step: u64,
) -> Result<(Vae, Tensor<1>)> {
    let batch = job
        .loader(&vae)
        .at_step(step)
        .batch(&job.dataset.train, indices)?;
    let (vae, sums, _) = watched_step(job, vae, updater, batch, indices, step, false);
    Ok((vae, sums))
}

/// Trains on a batch as [`train_step`] does; if `watched`, also returns the [`squared_norms`] of its gradient, before they
/// are clipped.
pub fn watched_step(
    job: &Job,
    vae: Vae,
    updater: &mut OptimizerState,
    batch: Batch,
    indices: &[u32],
    step: u64,
    watched: bool,
) -> (Vae, Tensor<1>, Option<Tensor<1>>) {
    let (terms, mut gradients) = gradients(job, &vae, batch, indices, step);
    let rate = learning_rate(job, step);
    let gradients = collect(&vae, &mut gradients);
    let squares = watched.then(|| squared_norms(&gradients, vae.network().layers().count()));
    let vae = updater.apply(vae, gradients, step + 1, rate);
    let kl = terms
        .kl
        .unwrap_or_else(|| terms.reconstruction.zeros_like());
    let sums = [terms.loss, terms.reconstruction, kl].map(|values| values.inner().sum());
    (vae, Tensor::cat(sums.to_vec(), 0), squares)
}

/// The learning rate of `step` (from 0).
pub fn learning_rate(job: &Job, step: u64) -> f64 {
    let epoch = step as f64 / job.steps_per_epoch() as f64;
    job.settings.learning_rate * job.schedule.kind().at(epoch, job.settings.epochs as f64)
}
