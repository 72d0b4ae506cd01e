//! log p(x) by importance sampling from q(z | x): log 1/K sum_k w_k, w_k = p(x, z_k) / q(z_k | x) (Burda et al. 2016, equation 8,
//! as an estimate: a lower bound in expectation, whose gap closes as K grows). One pass over the latents for any number of K:
//! what is kept for an image is three numbers.

use burn::tensor::{Tensor, TensorData};

use super::Protocol;
use super::elbo::{Estimate, latent_stream, pixels_rng};
use crate::data::Images;
use crate::model::Vae;
use crate::ops::vector::wide;
use crate::ops::{on_host, random, team};
use crate::rng::Rng;

/// Images that are encoded together, and latents of all of them that are decoded together: what a decoder's layers of some
/// hundred units do at full speed, in a few megabytes.
const PICTURES: usize = 100;
const CODES: usize = 1000;
/// The same on a GPU, which waits each time for its results to be read.
const CODES_ON_GPU: usize = 16_000;

/// The bound of each image from the first `K` of its latents.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// `K`.
    pub samples: usize,
    /// Nats.
    pub log_px: Vec<f64>,
    /// The effective sample size, (sum_k w_k)^2 / sum_k w_k^2, from 1 to `K` (Kong 1992).
    pub effective: Vec<f64>,
}

impl Importance {
    /// The bound, its mean and standard error over images.
    pub fn bound(&self) -> Estimate {
        Estimate::of(self.log_px.iter().copied())
    }

    /// The effective sample size of the image in the middle and of the worst.
    pub fn effective_range(&self) -> [f64; 2] {
        let mut sorted = self.effective.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        [median, sorted[0]]
    }
}

/// Running sums of an image's weights, in units of e^`most`.
#[derive(Clone, Copy)]
struct Weights {
    most: f64,
    sum: f64,
    squares: f64,
}

impl Weights {
    const NONE: Self = Self {
        most: f64::NEG_INFINITY,
        sum: 0.0,
        squares: 0.0,
    };

    fn add(&mut self, log_weight: f64) {
        if log_weight > self.most {
            let scale = (self.most - log_weight).exp();
            (self.sum, self.squares, self.most) =
                (self.sum * scale, self.squares * scale * scale, log_weight);
        }
        let weight = (log_weight - self.most).exp();
        self.sum += weight;
        self.squares += weight * weight;
    }
}

/// Estimates log p(x) of the first `count` of `images`, for each number of latents in `samples` (ascending), from the same
/// latents. `vae` is without autodiff. `seen` is told after each group how many latents are done in all, and says whether to go on:
/// where it says no, the result is that of the images that are done, and may have none.
///
/// A latent's noise depends on the seed, the image's index and k alone; the first is that of [`super::measure`].
pub fn importance(
    vae: &Vae,
    images: &Images,
    count: usize,
    protocol: Protocol,
    samples: &[usize],
    seen: &mut dyn FnMut(u64) -> bool,
) -> Vec<Importance> {
    let mut results: Vec<Importance> = samples
        .iter()
        .map(|&samples| Importance {
            samples,
            log_px: Vec::with_capacity(count),
            effective: Vec::with_capacity(count),
        })
        .collect();
    let all: Vec<u32> = (0..count.min(images.len()) as u32).collect();
    let mut done = 0;
    // Fewer where a latent has much to it: many numbers an image, many components of the prior.
    let [inputs, _] = vae.network().pseudo_inputs().unwrap_or_default();
    let outputs = vae
        .network()
        .decoder
        .last()
        .map_or(0, |layer| layer.output.count());
    let latents = if on_host(&vae.device()) {
        CODES
    } else {
        CODES_ON_GPU
    };
    let latents = latents / (outputs / 1000).max(inputs / 500).max(1);
    for chunk in all.chunks(PICTURES) {
        let batch = protocol.pixels.batch(
            images,
            chunk,
            vae.classes(),
            pixels_rng(protocol.seed),
            &vae.device(),
        );
        let posterior = vae.encode(batch.x.clone(), batch.labels.clone());
        let mut weights = vec![Weights::NONE; chunk.len()];
        let mut of_chunk = Vec::new();
        let mut k = 0;
        for &until in samples {
            while k < until {
                let some = (latents / chunk.len()).clamp(1, until - k);
                let noise = noise(vae, protocol.seed, k..k + some, chunk);
                let log_weights = vae
                    .forward_from(posterior.clone(), &batch, noise)
                    .log_weights(); // [some, B]
                let values: Vec<f32> = log_weights.into_data().iter().collect();
                for (i, &value) in values.iter().enumerate() {
                    weights[i % chunk.len()].add(f64::from(value));
                }
                k += some;
                done += (some * chunk.len()) as u64;
                if !seen(done) {
                    return results;
                }
            }
            of_chunk.push(weights.clone());
        }
        for (result, weights) in results.iter_mut().zip(of_chunk) {
            let log_k = (result.samples as f64).ln();
            result.log_px.extend(
                weights
                    .iter()
                    .map(|weight| weight.most + weight.sum.ln() - log_k),
            );
            result.effective.extend(
                weights
                    .iter()
                    .map(|weight| weight.sum * weight.sum / weight.squares),
            );
        }
    }
    results
}

/// The noise of the latents `ks` of each image, `[K, B, D]`, and those of a layer above.
fn noise(vae: &Vae, seed: u64, ks: std::ops::Range<usize>, chunk: &[u32]) -> Tensor<3> {
    let (count, latent_count) = (ks.len(), vae.network().noise());
    let stream: Rng = latent_stream(seed);
    let device = vae.device();
    if random::belong_on(&device, count * chunk.len() * latent_count) {
        let rngs: Vec<Rng> = ks
            .flat_map(|k| stream.at(k as u64).at_each(chunk))
            .collect();
        return random::normals(&rngs, latent_count, &device).reshape([
            count,
            chunk.len(),
            latent_count,
        ]);
    }
    let mut values = vec![0.0; count * chunk.len() * latent_count];
    team::for_each(
        values.chunks_mut(chunk.len() * latent_count).zip(ks),
        |(latents, k)| {
            let rng = stream.at(k as u64);
            wide(
                #[inline(always)]
                || {
                    for (z, &key) in latents.chunks_exact_mut(latent_count).zip(chunk) {
                        rng.at(u64::from(key)).fill_normal(z);
                    }
                },
            );
        },
    );
    Tensor::from_data(
        TensorData::new(values, [count, chunk.len(), latent_count]),
        &device,
    )
}
