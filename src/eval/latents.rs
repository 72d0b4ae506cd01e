//! What each latent carries.

use super::elbo::CHUNK;
use super::pixels_rng;
use crate::data::{Images, Pixels};
use crate::density::Gaussian;
use crate::model::{Vae, rows};

/// KL(q(z | x) || N(0, I)) of each latent, the mean over `images`: near 0 where a latent is not used.
///
/// # Shapes
/// Result: `[D]`, nats.
pub fn kl_by_latent(vae: &Vae, images: &Images, pixels: Pixels, seed: u64) -> Vec<f64> {
    let mut sums = vec![0.0; vae.network().latent];
    for_each_posterior(vae, images, pixels, seed, |posterior| {
        for row in rows(posterior.kl_to_standard_normal()) {
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += f64::from(value));
        }
    });
    sums.into_iter()
        .map(|sum| sum / images.len() as f64)
        .collect()
}

/// The standard deviation of the latents' means over `images`: what an autoencoder's latents, which have no KL, are told
/// apart by.
///
/// # Shapes
/// Result: `[D]`.
pub fn deviation_by_latent(vae: &Vae, images: &Images, pixels: Pixels, seed: u64) -> Vec<f64> {
    // Mean and sum of squared differences from it, updated latent by latent (Welford 1962).
    let mut moments = vec![(0.0, 0.0); vae.network().latent];
    let mut count = 0.0;
    for_each_posterior(vae, images, pixels, seed, |posterior| {
        for row in rows(posterior.mean) {
            count += 1.0;
            for ((mean, squares), value) in moments.iter_mut().zip(row) {
                let difference = f64::from(value) - *mean;
                *mean += difference / count;
                *squares += difference * (f64::from(value) - *mean);
            }
        }
    });
    moments
        .into_iter()
        .map(|(_, squares)| (squares / count).sqrt())
        .collect()
}

fn for_each_posterior(
    vae: &Vae,
    images: &Images,
    pixels: Pixels,
    seed: u64,
    mut look: impl FnMut(Gaussian),
) {
    let all: Vec<u32> = (0..images.len() as u32).collect();
    for chunk in all.chunks(CHUNK) {
        let batch = pixels.batch(
            images,
            chunk,
            vae.classes(),
            pixels_rng(seed),
            &vae.device(),
        );
        look(vae.encode(batch.x, batch.labels));
    }
}

/// The latents, those with the largest value first.
pub fn largest_first(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order
}
