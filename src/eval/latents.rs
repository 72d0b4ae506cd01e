//! What each latent carries.

use super::pixels_rng;
use crate::data::{Images, Pixels};
use crate::model::{StandardNormal, Vae, rows};

/// Pictures that are encoded together.
const CHUNK: usize = 250;

/// KL(q(z | x) || p(z)) of each latent, the mean over the first `most` pictures: near 0 where a latent is not used.
///
/// # Shapes
/// Result: `[D]`, nats.
pub fn kl_by_latent(vae: &Vae, images: &Images, pixels: Pixels, seed: u64, most: usize) -> Vec<f64> {
    let indices: Vec<u32> = (0..images.len().min(most) as u32).collect();
    let mut sums = vec![0.0; vae.blueprint().latent];
    for chunk in indices.chunks(CHUNK) {
        let batch = pixels.batch(images, chunk, pixels_rng(seed), &vae.device());
        for row in rows(StandardNormal.kl(&vae.encode(batch.x, batch.labels))) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    sums.into_iter().map(|sum| sum / indices.len() as f64).collect()
}

/// The latents, those with the largest value first.
pub fn largest_first(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order
}
