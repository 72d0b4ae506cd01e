//! The ELBO of every picture of a split; of an autoencoder, which has none, the distortion.

use burn::tensor::Tensor;

use crate::batch::{Batch, noise};
use crate::data::{Images, Pixels};
use crate::model::{PriorSpec, Vae};
use crate::objective::{Code, Means, distortion};
use crate::rng::Rng;

/// Pictures that are measured together: large enough for full speed, small enough for a laptop's memory.
pub(super) const CHUNK: usize = 250;

/// What a number holds for. Two numbers with different protocols are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    pub pixels: Pixels,
    /// Codes drawn for each picture.
    pub samples: usize,
    /// Of the codes' noise and of the pixels that are drawn.
    pub seed: u64,
    /// What stands for a picture.
    pub code: Code,
}

/// Distortion and rate of each picture, nats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Elbo {
    pub distortion: Vec<f64>,
    /// Nothing for an autoencoder, which then has no ELBO either.
    pub rate: Option<Vec<f64>>,
    /// `[D]`: the mean rate of each latent; none for an autoencoder, or where the prior is not a product over latents.
    pub rate_by_latent: Vec<f64>,
}

/// A mean over pictures and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// The sample's standard deviation over the square root of the number of pictures; 0 for a single one.
    pub se: f64,
}

impl Estimate {
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { mean, se: if n > 1.0 { (squares / (n - 1.0) / n).sqrt() } else { 0.0 } }
    }
}

impl Elbo {
    pub fn elbo(&self) -> Option<Estimate> {
        let rate = self.rate.as_ref()?;
        Some(Estimate::of(self.distortion.iter().zip(rate).map(|(distortion, rate)| -(distortion + rate))))
    }

    pub fn distortion(&self) -> Estimate {
        Estimate::of(self.distortion.iter().copied())
    }

    pub fn rate(&self) -> Option<Estimate> {
        self.rate.as_ref().map(|rate| Estimate::of(rate.iter().copied()))
    }

    /// What an objective's loss is a function of.
    pub fn means(&self) -> Means {
        let rate = self.rate().map_or(0.0, |rate| rate.mean);
        let rate_by_latent = self.rate_by_latent.clone();
        Means { distortion: self.distortion().mean, rate, rate_by_latent, bound: None }
    }
}

/// The code length, in bits a value, that a bound on log p(x) of pictures of `values` values is one on: -bound / (P ln 2).
pub fn bits(bound: Estimate, values: usize) -> Estimate {
    let scale = 1.0 / (values as f64 * std::f64::consts::LN_2);
    Estimate { mean: -bound.mean * scale, se: bound.se * scale }
}

/// What draws the pixels of the pictures that are measured, looked at and interpolated, where they are drawn.
pub fn pixels_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("pixels")
}

/// What corrupts the pictures that a denoising autoencoder is measured on and shown with, by picture.
pub fn corruption_rng(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("objective")
}

/// Measures `images` in order. `vae` is without autodiff. `seen` is told after each chunk how many are done.
///
/// A picture's noise depends on the seed and its index alone, so that the result depends on the chunks by rounding only.
pub fn measure(vae: &Vae, images: &Images, protocol: Protocol, seen: &mut dyn FnMut(usize)) -> Elbo {
    let mut result = Elbo::default();
    let all: Vec<u32> = (0..images.len() as u32).collect();
    for chunk in all.chunks(CHUNK) {
        if protocol.code.is_drawn() {
            measure_drawn(vae, images, protocol, chunk, &mut result);
        } else {
            let (batch, code) = drawn(vae, images, protocol, chunk);
            let log_px_z = numbers(vae.log_prob(&batch, code.unsqueeze::<3>()).squeeze_dim::<1>(0));
            result.distortion.extend(log_px_z.into_iter().map(|value| -value));
        }
        seen(result.distortion.len());
    }
    result.rate_by_latent.iter_mut().for_each(|sum| *sum /= images.len() as f64);
    result
}

/// Adds the pictures `chunk`; the rates by latent as sums.
fn measure_drawn(vae: &Vae, images: &Images, protocol: Protocol, chunk: &[u32], result: &mut Elbo) {
    let batch = protocol.pixels.batch(images, chunk, vae.classes(), pixels_rng(protocol.seed), &vae.device());
    let posterior = vae.encode(batch.x.clone(), batch.labels.clone());
    let (mut sums, mut rates) = (vec![0.0; chunk.len()], vec![0.0; chunk.len()]);
    // One code a picture at a time: memory does not grow with their number.
    for k in 0..protocol.samples {
        let parts = vae.parts_of(posterior.clone(), &batch, code_noise(vae, protocol.seed, k, chunk));
        sums.iter_mut().zip(numbers(distortion(&parts))).for_each(|(sum, value)| *sum += value);
        // In closed form it is the same for every code.
        if k == 0 || parts.kl_by_latent().is_none() {
            rates.iter_mut().zip(numbers(parts.kl())).for_each(|(sum, value)| *sum += value);
        }
        if k == 0
            && let Some(by_latent) = parts.kl_by_latent()
        {
            result.rate_by_latent.resize(vae.blueprint().latent, 0.0);
            let of_chunk = numbers(by_latent.sum_dim(0).squeeze_dim::<1>(0));
            result.rate_by_latent.iter_mut().zip(of_chunk).for_each(|(sum, value)| *sum += value);
        }
    }
    let estimates = if vae.blueprint().prior == PriorSpec::Normal { 1 } else { protocol.samples };
    result.rate.get_or_insert_default().extend(rates.into_iter().map(|sum| sum / estimates as f64));
    result.distortion.extend(sums.into_iter().map(|sum| sum / protocol.samples as f64));
}

/// The pictures `chunk` and what stands for them: a first draw, or an autoencoder's code. `[B, D]`.
pub fn drawn(vae: &Vae, images: &Images, protocol: Protocol, chunk: &[u32]) -> (Batch, Tensor<2>) {
    let batch = protocol.pixels.batch(images, chunk, vae.classes(), pixels_rng(protocol.seed), &vae.device());
    let input = protocol.code.input(batch.x.clone(), corruption_rng(protocol.seed), chunk);
    let posterior = vae.encode(input, batch.labels.clone());
    let code = if protocol.code.is_drawn() {
        let noise = code_noise(vae, protocol.seed, 0, chunk).narrow(2, 0, vae.blueprint().latent);
        posterior.reparameterise(noise).squeeze_dim::<2>(0)
    } else {
        posterior.mean
    };
    (batch, code)
}

/// What draws the codes: the `k`th of each picture from `at(k)`.
pub(super) fn code_stream(seed: u64) -> Rng {
    Rng::new(seed).stream("evaluation").stream("noise")
}

/// The noise of the `k`th code of each picture, `[1, B, D]`.
pub(super) fn code_noise(vae: &Vae, seed: u64, k: usize, chunk: &[u32]) -> Tensor<3> {
    noise(code_stream(seed).at(k as u64), chunk, 1, vae.blueprint().noise(), &vae.device())
}

pub(super) fn numbers(values: Tensor<1>) -> Vec<f64> {
    values.into_data().iter::<f32>().map(f64::from).collect()
}
