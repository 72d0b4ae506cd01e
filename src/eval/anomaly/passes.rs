//! The passes of images through a model, with K samples of z each, that scores and maps are made of.

use burn::tensor::Tensor;

use super::content_batch::ContentBatch;
use crate::density::DiagonalGaussian;
use crate::eval::elbo::{ElboByImage, add_sampled, numbers};
use crate::eval::protocol::Protocol;
use crate::model::Vae;

/// Returns the terms of the ELBO of each image with these posteriors, means over `K` samples of z.
pub(super) fn terms(
    vae: &Vae,
    protocol: Protocol,
    posterior: &DiagonalGaussian,
    images: &ContentBatch,
) -> ElboByImage {
    let ContentBatch { batch, noise_ids } = images;
    let mut terms = ElboByImage::default();
    let forward = |k| {
        let noise = protocol.latent_noise(vae, k, noise_ids);
        vae.forward_from(posterior.clone(), batch, noise)
    };
    add_sampled(vae, protocol.samples, noise_ids.len(), forward, &mut terms);
    terms
}

/// Returns the terms of the ELBO of each image, the same as [`terms`] with the model's posteriors, and from the same passes the
/// map of each image, -log p(x | z) of its pixels. An autoencoder has a single z for each image, and no KL.
///
/// # Shapes
/// The maps: `[B, H W]`, nats.
pub(super) fn terms_and_map(
    vae: &Vae,
    protocol: Protocol,
    images: &ContentBatch,
) -> (ElboByImage, Tensor<2>) {
    let ContentBatch { batch, noise_ids } = images;
    let posterior = vae.encode(batch.input(), batch.labels.clone());
    let mut terms = ElboByImage::default();
    let mut sum = batch.x.zeros_like();
    if protocol.latent_mode.is_sampled() {
        let forward = |k| {
            let noise = protocol.latent_noise(vae, k, noise_ids);
            let (pass, by_value) = vae.forward_by_value(posterior.clone(), batch, noise);
            let by_value = by_value.squeeze_dim::<2>(0) / protocol.samples as f64;
            sum = sum.clone() - by_value;
            pass
        };
        add_sampled(vae, protocol.samples, noise_ids.len(), forward, &mut terms);
    } else {
        let z = posterior.mean.unsqueeze::<3>();
        sum = -vae.log_prob_by_value(batch, z).squeeze_dim::<2>(0);
        terms.reconstruction = numbers(sum.clone().sum_dim(1).squeeze_dim::<1>(1));
    }
    let [channels, height, width] = vae.network().image_shape;
    let by_channel = sum.reshape([noise_ids.len(), channels, height * width]);
    (terms, by_channel.sum_dim(1).squeeze_dim::<2>(1))
}
