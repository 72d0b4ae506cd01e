//! The latents of many images: posterior means, their bounds and their mean.

use burn::tensor::{Device, Tensor, TensorData};

use super::divided::{gather_rows, own_part};
use super::pca::{Pca, Rows};
use super::protocol::CHUNK;
use crate::data::Split;
use crate::error::Result;
use crate::loader::Loader;
use crate::model::{Vae, rows};
use crate::rng::Rng;

/// The posteriors of many images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posteriors {
    /// `[N][D]`.
    pub means: Vec<Vec<f32>>,
    /// `[N][D]`: the logarithms of the variances; without meaning for an autoencoder.
    pub log_vars: Vec<Vec<f32>>,
}

/// Returns the posteriors of the images `ids`. `seen` is told after each batch how many are done.
///
/// # Errors
/// An image cannot be read.
pub fn posteriors(
    vae: &Vae,
    loader: &Loader,
    split: &Split,
    ids: &[u32],
    mut seen: impl FnMut(usize),
) -> Result<Posteriors> {
    let mut found = Posteriors::default();
    let own = own_part(ids, CHUNK);
    for batch in loader.batches(split, own, CHUNK) {
        let (_, batch) = batch?;
        let posterior = vae.encode(batch.input(), batch.labels);
        found.means.extend(rows(posterior.mean));
        found.log_vars.extend(rows(posterior.log_var));
        seen(found.means.len() * ids.len() / own.len());
    }
    let width = vae.network().latent;
    found.means = gather_rows(found.means, width)?;
    found.log_vars = gather_rows(found.log_vars, width)?;
    Ok(found)
}

/// Returns posterior means, `[N][D]`: [`posteriors`] without the variances.
///
/// # Errors
/// An image cannot be read.
pub fn latents(
    vae: &Vae,
    loader: &Loader,
    split: &Split,
    ids: &[u32],
    seen: impl FnMut(usize),
) -> Result<Vec<Vec<f32>>> {
    Ok(posteriors(vae, loader, split, ids, seen)?.means)
}

/// Returns the mean of latents, `[D]`.
pub fn mean(latents: &[Vec<f32>]) -> Vec<f64> {
    let latent_count = latents.first().map_or(0, Vec::len);
    (0..latent_count)
        .map(|d| latents.iter().map(|z| f64::from(z[d])).sum::<f64>() / latents.len() as f64)
        .collect()
}

/// Returns the concept vector between two mean latents, from `subtract` to `add` (White 2016, section 3.4).
pub fn concept(add: &[f64], subtract: &[f64]) -> Vec<f32> {
    add.iter()
        .zip(subtract)
        .map(|(a, b)| (a - b) as f32)
        .collect()
}

/// Returns the Euclidean length of a vector.
pub fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// Returns the lowest and the highest value of each latent.
pub fn bounds(latents: &[Vec<f32>]) -> Vec<[f32; 2]> {
    let latent_count = latents.first().map_or(0, Vec::len);
    let of = |d: usize, pick: fn(f32, f32) -> f32| {
        latents.iter().map(|z| z[d]).reduce(pick).unwrap_or(0.0)
    };
    (0..latent_count)
        .map(|d| [of(d, f32::min), of(d, f32::max)])
        .collect()
}

/// Draws latents uniformly from a box. A latent depends on `rng` and its own id alone.
///
/// # Shapes
/// `bounds`: `[D]`, lowest and highest; `image_ids`: `[N]`; result: `[N, D]`.
pub fn draw_in_box(bounds: &[[f32; 2]], rng: Rng, image_ids: &[u32], device: &Device) -> Tensor<2> {
    let mut latents = vec![0.0; image_ids.len() * bounds.len()];
    for (z, &key) in latents.chunks_exact_mut(bounds.len()).zip(image_ids) {
        rng.at(u64::from(key)).fill_uniform(z);
        z.iter_mut()
            .zip(bounds)
            .for_each(|(z, [low, high])| *z = low + *z * (high - low));
    }
    Tensor::from_data(
        TensorData::new(latents, [image_ids.len(), bounds.len()]),
        device,
    )
}

/// Returns latents along their first two principal components, and the share of the variance that each of these has.
///
/// # Errors
/// None of its own: latents in memory can always be read.
pub fn by_pca(latents: &[Vec<f32>], device: &Device) -> Result<(Vec<[f64; 2]>, [f64; 2])> {
    let mean = mean(latents);
    let width = mean.len();
    let read = |indices: &[u32]| {
        let values: Vec<f32> = indices
            .iter()
            .flat_map(|&index| latents[index as usize].iter().copied())
            .collect();
        Tensor::from_data(TensorData::new(values, [indices.len(), width]), device)
    };
    let pca = Pca::fit(
        &Rows {
            count: latents.len(),
            width,
            read: &|indices| Ok(read(indices)),
        },
        2,
    )?;
    let squares = latents
        .iter()
        .flat_map(|z| z.iter().zip(&mean))
        .map(|(&z, m)| (f64::from(z) - m).powi(2));
    let total = squares.sum::<f64>() / latents.len() as f64;
    let all: Vec<u32> = (0..latents.len() as u32).collect();
    let points = rows(pca.latents(read(&all)))
        .into_iter()
        .map(|point| [f64::from(point[0]), f64::from(point[1])]);
    Ok((
        points.collect(),
        [0, 1].map(|axis| {
            if total > 0.0 {
                pca.variances[axis] / total
            } else {
                0.0
            }
        }),
    ))
}
