//! The ELBO of every image of a split; of an autoencoder, which has none, the reconstruction.

use burn::tensor::Tensor;

use crate::batch::{Batch, noise};
use crate::data::{Images, Pixels};
use crate::model::{PriorSpec, Vae};
use crate::objective::{LatentMode, LossMeans, reconstruction};
use crate::rng::Rng;

/// Images that are measured together: large enough for full speed, small enough for a laptop's memory.
pub(super) const CHUNK: usize = 250;

/// What a number holds for. Two numbers with different protocols are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    pub pixels: Pixels,
    /// Latents drawn for each image.
    pub samples: usize,
    /// Of the latents' noise and of the pixels that are drawn.
    pub seed: u64,
    /// What stands for an image.
    pub latent_mode: LatentMode,
}

/// Reconstruction and KL of each image, nats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elbo {
    pub reconstruction: Vec<f64>,
    /// Nothing for an autoencoder, which then has no ELBO either.
    pub kl: Option<Vec<f64>>,
    /// `[D]`: the mean KL of each latent; none for an autoencoder, or where the prior is not a product over latents.
    pub kl_by_latent: Vec<f64>,
}

/// A mean over images and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// The sample's standard deviation over the square root of the number of images; 0 for a single one.
    pub se: f64,
}

impl Estimate {
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            se: if n > 1.0 {
                (squares / (n - 1.0) / n).sqrt()
            } else {
                0.0
            },
        }
    }
}

impl Elbo {
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

    /// What an objective's loss is a function of.
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

/// The latent length, in bits a value, that a bound on log p(x) of images of `values` values is one on: -bound / (P ln 2).
pub fn bits(bound: Estimate, values: usize) -> Estimate {
    let scale = 1.0 / (values as f64 * std::f64::consts::LN_2);
    Estimate {
        mean: -bound.mean * scale,
        se: bound.se * scale,
    }
}

/// What draws the pixels of the images that are measured, looked at and interpolated, where they are drawn.
pub fn pixels_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("pixels")
}

/// What corrupts the images that a denoising autoencoder is measured on and shown with, by image.
pub fn corruption_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("objective")
}

/// Measures `images` in order. `vae` is without autodiff. `seen` is told after each chunk how many are done.
///
/// An image's noise depends on the seed and its index alone, so that the result depends on the chunks by rounding only.
pub fn measure(
    vae: &Vae,
    images: &Images,
    protocol: Protocol,
    seen: &mut dyn FnMut(usize),
) -> Elbo {
    let mut result = Elbo::default();
    let all: Vec<u32> = (0..images.len() as u32).collect();
    for chunk in all.chunks(CHUNK) {
        if protocol.latent_mode.is_sampled() {
            measure_drawn(vae, images, protocol, chunk, &mut result);
        } else {
            let (batch, z) = drawn(vae, images, protocol, chunk);
            let log_px_z = numbers(vae.log_prob(&batch, z.unsqueeze::<3>()).squeeze_dim::<1>(0));
            result
                .reconstruction
                .extend(log_px_z.into_iter().map(|value| -value));
        }
        seen(result.reconstruction.len());
    }
    result
        .kl_by_latent
        .iter_mut()
        .for_each(|sum| *sum /= images.len() as f64);
    result
}

/// Adds the images `chunk`; the rates by latent as sums.
fn measure_drawn(vae: &Vae, images: &Images, protocol: Protocol, chunk: &[u32], result: &mut Elbo) {
    let batch = protocol.pixels.batch(
        images,
        chunk,
        vae.classes(),
        pixels_rng(protocol.seed),
        &vae.device(),
    );
    let posterior = vae.encode(batch.x.clone(), batch.labels.clone());
    let (mut sums, mut kls) = (vec![0.0; chunk.len()], vec![0.0; chunk.len()]);
    // One latent an image at a time: memory does not grow with their number.
    for k in 0..protocol.samples {
        let pass = vae.forward_from(
            posterior.clone(),
            &batch,
            latent_noise(vae, protocol.seed, k, chunk),
        );
        sums.iter_mut()
            .zip(numbers(reconstruction(&pass)))
            .for_each(|(sum, value)| *sum += value);
        // In closed form it is the same for every latent.
        if k == 0 || pass.kl_by_latent().is_none() {
            kls.iter_mut()
                .zip(numbers(pass.kl()))
                .for_each(|(sum, value)| *sum += value);
        }
        if k == 0
            && let Some(by_latent) = pass.kl_by_latent()
        {
            result.kl_by_latent.resize(vae.network().latent, 0.0);
            let of_chunk = numbers(by_latent.sum_dim(0).squeeze_dim::<1>(0));
            result
                .kl_by_latent
                .iter_mut()
                .zip(of_chunk)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    let estimates = if vae.network().prior == PriorSpec::Normal {
        1
    } else {
        protocol.samples
    };
    result
        .kl
        .get_or_insert_default()
        .extend(kls.into_iter().map(|sum| sum / estimates as f64));
    result
        .reconstruction
        .extend(sums.into_iter().map(|sum| sum / protocol.samples as f64));
}

/// The images `chunk` and what stands for them: a first draw, or an autoencoder's latent. `[B, D]`.
pub fn drawn(vae: &Vae, images: &Images, protocol: Protocol, chunk: &[u32]) -> (Batch, Tensor<2>) {
    let batch = protocol.pixels.batch(
        images,
        chunk,
        vae.classes(),
        pixels_rng(protocol.seed),
        &vae.device(),
    );
    let input = protocol
        .latent_mode
        .input(batch.x.clone(), corruption_rng(protocol.seed), chunk);
    let posterior = vae.encode(input, batch.labels.clone());
    let z = if protocol.latent_mode.is_sampled() {
        let noise = latent_noise(vae, protocol.seed, 0, chunk).narrow(2, 0, vae.network().latent);
        posterior.reparameterise(noise).squeeze_dim::<2>(0)
    } else {
        posterior.mean
    };
    (batch, z)
}

/// What draws the latents: the `k`th of each image from `at(k)`.
pub(super) fn latent_stream(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("noise")
}

/// The noise of the `k`th latent of each image, `[1, B, D]`.
pub(super) fn latent_noise(vae: &Vae, seed: u64, k: usize, chunk: &[u32]) -> Tensor<3> {
    noise(
        latent_stream(seed).at(k as u64),
        chunk,
        1,
        vae.network().noise(),
        &vae.device(),
    )
}

pub(super) fn numbers(values: Tensor<1>) -> Vec<f64> {
    values.into_data().iter::<f32>().map(f64::from).collect()
}
