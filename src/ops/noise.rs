//! Random numbers on a device, made by the host or by a GPU as `random.rs` decides.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use super::simd::with_widest_simd;
use super::{pool, random};
use crate::rng::Rng;

/// The number of values that one core fills at a time, in whole rows.
const NUMBERS: usize = 8192;

/// The distribution of independent random numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform in [0, 1).
    Uniform,
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// 0 with this probability, else 1.
    Mask(f64),
}

/// Draws `width` numbers from each generator. A row depends only on its generator, not on the other rows, the threads
/// or the device (normal numbers made on a GPU differ by rounding).
///
/// # Shapes
/// `rngs`: `[N]`; result: `[N, width]`.
pub fn fill(distribution: Distribution, rngs: &[Rng], width: usize, device: &Device) -> Tensor<2> {
    if random::belong_on(device, rngs.len() * width) {
        return on_gpu(distribution, rngs, width, device);
    }
    let values = on_host(distribution, rngs, width);
    Tensor::from_data(TensorData::new(values, [rngs.len(), width]), device)
}

/// Draws standard normal noise for `samples` latents of each image. An image's noise depends only on `rng` and its
/// image id, so that neither the size of a batch nor its order changes a result.
///
/// # Shapes
/// `image_ids`: `[B]`; result: `[K, B, D]`.
pub fn latents(
    rng: Rng,
    image_ids: &[u32],
    samples: usize,
    latent_count: usize,
    device: &Device,
) -> Tensor<3> {
    let (rngs, width) = (rng.at_each(image_ids), samples * latent_count);
    if random::belong_on(device, rngs.len() * width) {
        return latents_on_gpu(rng, image_ids, samples, latent_count, device);
    }
    let mut values = on_host(Distribution::Normal(1.0), &rngs, width); // [B, K, D]
    if samples > 1 {
        let mut by_sample = vec![0.0; values.len()];
        for (row, of_image) in values.chunks_exact(width).enumerate() {
            for (k, z) in of_image.chunks_exact(latent_count).enumerate() {
                by_sample[(k * rngs.len() + row) * latent_count..][..latent_count]
                    .copy_from_slice(z);
            }
        }
        values = by_sample;
    }
    Tensor::from_data(
        TensorData::new(values, [samples, rngs.len(), latent_count]),
        device,
    )
}

/// Does the same as [`latents`], on the device itself, with the same numbers up to rounding.
pub fn latents_on_gpu(
    rng: Rng,
    image_ids: &[u32],
    samples: usize,
    latent_count: usize,
    device: &Device,
) -> Tensor<3> {
    random::normals(&rng.at_each(image_ids), samples * latent_count, device)
        .reshape([image_ids.len(), samples, latent_count])
        .swap_dims(0, 1)
}

/// Draws standard normal noise for the latents `ks` of each image, latent `k` from `rng.at(k)`, so that any part of the
/// latents can be drawn without the earlier ones.
///
/// # Shapes
/// `image_ids`: `[B]`; result: `[K, B, D]`, `K` the length of `ks`.
pub fn numbered_latents(
    rng: Rng,
    ks: Range<usize>,
    image_ids: &[u32],
    latent_count: usize,
    device: &Device,
) -> Tensor<3> {
    let shape = [ks.len(), image_ids.len(), latent_count];
    let rngs: Vec<Rng> = ks
        .flat_map(|k| rng.at(k as u64).at_each(image_ids))
        .collect();
    fill(Distribution::Normal(1.0), &rngs, latent_count, device).reshape(shape)
}

/// Does the same as [`fill`], on the device itself.
pub fn on_gpu(
    distribution: Distribution,
    rngs: &[Rng],
    width: usize,
    device: &Device,
) -> Tensor<2> {
    match distribution {
        Distribution::Uniform => random::uniforms(rngs, width, device),
        Distribution::Normal(1.0) => random::normals(rngs, width, device),
        Distribution::Normal(deviation) => random::normals(rngs, width, device) * deviation,
        Distribution::Mask(share) => random::uniforms(rngs, width, device)
            .greater_equal_elem(share as f32)
            .float(),
    }
}

fn on_host(distribution: Distribution, rngs: &[Rng], width: usize) -> Vec<f32> {
    let mut values = vec![0.0; rngs.len() * width];
    if width == 0 {
        return values;
    }
    let rows = (NUMBERS / width).max(1);
    pool::for_each(
        values.chunks_mut(rows * width).zip(rngs.chunks(rows)),
        |(values, rngs)| {
            with_widest_simd(
                #[inline(always)]
                || {
                    for (row, &rng) in values.chunks_exact_mut(width).zip(rngs) {
                        draw_row(distribution, rng, row);
                    }
                },
            );
        },
    );
    values
}

#[inline(always)]
fn draw_row(distribution: Distribution, rng: Rng, row: &mut [f32]) {
    match distribution {
        Distribution::Uniform => rng.fill_uniform(row),
        Distribution::Normal(deviation) => {
            rng.fill_normal(row);
            if deviation != 1.0 {
                row.iter_mut().for_each(|value| *value *= deviation as f32);
            }
        }
        Distribution::Mask(share) => {
            rng.fill_uniform(row);
            row.iter_mut()
                .for_each(|value| *value = f32::from(*value >= share as f32));
        }
    }
}
