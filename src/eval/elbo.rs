//! The ELBO of every image of a split; for an autoencoder, which has none, the reconstruction.

use burn::tensor::Tensor;

use super::divided::{own_part, sums};
use super::estimate::Estimate;
use super::protocol::{CHUNK, Protocol};
use crate::data::{Batch, Part};
use crate::error::Result;
use crate::model::{ForwardPass, Vae};
use crate::objective::{LossMeans, reconstruction};
use crate::parallel;

/// Reconstruction and KL of each image, nats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ElboByImage {
    pub reconstruction: Vec<f64>,
    /// `None` for an autoencoder, which then has no ELBO either.
    pub kl: Option<Vec<f64>>,
    /// `[D]`: the mean KL of each latent; empty for an autoencoder, or if the prior is not a product over latents.
    pub kl_by_latent: Vec<f64>,
}

impl ElboByImage {
    pub fn elbo(&self) -> Option<Estimate> {
        let kl = self.kl.as_ref()?;
        Some(Estimate::of(
            self.reconstruction
                .iter()
                .zip(kl)
                .map(|(reconstruction, kl)| -(reconstruction + kl)),
        ))
    }

    pub fn reconstruction(&self) -> Estimate {
        Estimate::of(self.reconstruction.iter().copied())
    }

    pub fn kl(&self) -> Option<Estimate> {
        self.kl.as_ref().map(|kl| Estimate::of(kl.iter().copied()))
    }

    /// Returns the means that an objective's loss is a function of.
    pub fn means(&self) -> LossMeans {
        let kl = self.kl().map_or(0.0, |kl| kl.mean);
        let kl_by_latent = self.kl_by_latent.clone();
        LossMeans {
            reconstruction: self.reconstruction().mean,
            kl,
            kl_by_latent,
            bound: None,
        }
    }
}

/// Measures images of a split in their order. `vae` is without autodiff. `seen` is told after each batch how many are done.
///
/// An image's noise depends on the seed and its index alone, so that the result depends on the batches by rounding only.
///
/// # Errors
/// An image cannot be read.
pub fn measure<'a>(
    vae: &Vae,
    images: impl Into<Part<'a>>,
    protocol: Protocol,
    seen: &mut dyn FnMut(usize),
) -> Result<ElboByImage> {
    let mut result = ElboByImage::default();
    let (loader, part) = (protocol.loader(vae), images.into());
    let own = own_part(&part.ids, CHUNK);
    // The sums over each chunk.
    let mut kl_by_latent = Vec::new();
    for batch in loader.batches(part.split, own, CHUNK) {
        let (ids, batch) = batch?;
        if protocol.latent_mode.is_sampled() {
            let posterior = vae.encode(batch.input(), batch.labels.clone());
            let forward = |k| {
                let noise = protocol.latent_noise(vae, k, ids);
                vae.forward_from(posterior.clone(), &batch, noise)
            };
            add_sampled(vae, protocol.samples, ids.len(), forward, &mut result);
            kl_by_latent.append(&mut result.kl_by_latent);
        } else {
            let z = first_latents(vae, &batch, protocol, ids);
            let log_px_z = numbers(vae.log_prob(&batch, z.unsqueeze::<3>()).squeeze_dim::<1>(0));
            result
                .reconstruction
                .extend(log_px_z.into_iter().map(|value| -value));
        }
        seen(result.reconstruction.len() * part.len() / own.len());
    }
    result.kl_by_latent = sums(kl_by_latent, vae.network().latent)?;
    result
        .kl_by_latent
        .iter_mut()
        .for_each(|sum| *sum /= part.len() as f64);
    result.reconstruction = parallel::gather(result.reconstruction)?;
    if protocol.latent_mode.is_sampled() {
        result.kl = Some(parallel::gather(result.kl.unwrap_or_default())?);
    }
    Ok(result)
}

/// Adds `count` images to `result`, the KL of each latent as a sum. `forward` passes them through the model with sample `k`
/// of z.
pub(super) fn add_sampled(
    vae: &Vae,
    samples: usize,
    count: usize,
    mut forward: impl FnMut(usize) -> ForwardPass,
    result: &mut ElboByImage,
) {
    let (mut sums, mut kls) = (vec![0.0; count], vec![0.0; count]);
    // One sample of z per image at a time: memory does not grow with their number.
    for k in 0..samples {
        let pass = forward(k);
        add(&mut sums, numbers(reconstruction(&pass)));
        // A KL in closed form is the same for every sample.
        if k == 0 || pass.kl_by_latent().is_none() {
            add(&mut kls, numbers(pass.kl()));
        }
        if k == 0
            && let Some(by_latent) = pass.kl_by_latent()
        {
            result.kl_by_latent.resize(vae.network().latent, 0.0);
            add(
                &mut result.kl_by_latent,
                numbers(by_latent.sum_dim(0).squeeze_dim::<1>(0)),
            );
        }
    }
    let estimates = if vae.network().prior.is_normal() {
        1
    } else {
        samples
    };
    result
        .kl
        .get_or_insert_default()
        .extend(kls.into_iter().map(|sum| sum / estimates as f64));
    result
        .reconstruction
        .extend(sums.into_iter().map(|sum| sum / samples as f64));
}

fn add(sums: &mut [f64], values: Vec<f64>) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value);
}

/// Returns one latent z of each image of a batch: the first sample, or an autoencoder's only one.
///
/// # Shapes
/// `ids`: `[B]`; result: `[B, D]`.
pub fn first_latents(vae: &Vae, batch: &Batch, protocol: Protocol, ids: &[u32]) -> Tensor<2> {
    let posterior = vae.encode(batch.input(), batch.labels.clone());
    if protocol.latent_mode.is_sampled() {
        let noise = protocol
            .latent_noise(vae, 0, ids)
            .narrow(2, 0, vae.network().latent);
        posterior.reparameterise(noise).squeeze_dim::<2>(0)
    } else {
        posterior.mean
    }
}

/// Reads a tensor back to the host.
pub(super) fn numbers(values: Tensor<1>) -> Vec<f64> {
    values.into_data().iter::<f32>().map(f64::from).collect()
}
