//! The information that each latent carries.

use super::protocol::{CHUNK, Protocol};
use crate::data::Part;
use crate::density::DiagonalGaussian;
use crate::error::Result;
use crate::model::{Vae, rows};

/// Returns KL(q(z | x) || N(0, I)) of each latent, the mean over images of a split: near 0 for a latent that is not
/// used.
///
/// # Shapes
/// Result: `[D]`, nats.
///
/// # Errors
/// An image cannot be read.
pub fn kl_by_latent<'a>(
    vae: &Vae,
    images: impl Into<Part<'a>>,
    protocol: Protocol,
) -> Result<Vec<f64>> {
    let part = images.into();
    let mut sums = vec![0.0; vae.network().latent];
    for_each_posterior(vae, &part, protocol, |posterior| {
        for row in rows(posterior.kl_to_standard_normal()) {
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += f64::from(value));
        }
    })?;
    Ok(sums
        .into_iter()
        .map(|sum| sum / part.len() as f64)
        .collect())
}

/// Returns the standard deviation of each latent's posterior mean over images of a split. It ranks an autoencoder's
/// latents, which have no KL.
///
/// # Shapes
/// Result: `[D]`.
///
/// # Errors
/// An image cannot be read.
pub fn deviation_by_latent<'a>(
    vae: &Vae,
    images: impl Into<Part<'a>>,
    protocol: Protocol,
) -> Result<Vec<f64>> {
    // Mean and sum of squared differences from it, updated latent by latent (Welford 1962).
    let mut moments = vec![(0.0, 0.0); vae.network().latent];
    let mut count = 0.0;
    for_each_posterior(vae, &images.into(), protocol, |posterior| {
        for row in rows(posterior.mean) {
            count += 1.0;
            for ((mean, squares), value) in moments.iter_mut().zip(row) {
                let difference = f64::from(value) - *mean;
                *mean += difference / count;
                *squares += difference * (f64::from(value) - *mean);
            }
        }
    })?;
    Ok(moments
        .into_iter()
        .map(|(_, squares)| (squares / count).sqrt())
        .collect())
}

fn for_each_posterior(
    vae: &Vae,
    part: &Part,
    protocol: Protocol,
    mut look: impl FnMut(DiagonalGaussian),
) -> Result<()> {
    let loader = protocol.clean_loader(vae);
    for batch in loader.batches(part.split, &part.ids, CHUNK) {
        let (_, batch) = batch?;
        look(vae.encode(batch.x, batch.labels));
    }
    Ok(())
}

/// Returns the latents in order of their values, the largest first.
pub fn largest_first(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order
}
