//! log p(x) by importance sampling from q(z | x): log 1/K sum_k w_k, w_k = p(x, z_k) / q(z_k | x) (Burda et al. 2016,
//! equation 8), a lower bound in expectation whose gap closes as K grows. One pass over the samples serves every K: only
//! three numbers are kept for each image.

use super::Protocol;
use super::divided::own_part;
use super::estimate::Estimate;
use crate::data::Part;
use crate::error::Result;
use crate::model::Vae;
use crate::ops::{noise, on_host};
use crate::parallel;

/// Images that are encoded together, and latents of all of them that are decoded together: enough for a decoder's layers of
/// some hundred units to run at full speed, in a few megabytes.
const IMAGES: usize = 100;
const LATENTS: usize = 1000;
/// Latents that are decoded together on a GPU, which waits each time for its results to be read.
const LATENTS_ON_GPU: usize = 16_000;

/// The bound of each image from the first `K` samples of z.
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
    /// Returns the mean of the bound over images and its standard error.
    pub fn bound(&self) -> Estimate {
        Estimate::of(self.log_px.iter().copied())
    }

    /// Returns the median and the smallest effective sample size over images.
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
pub(super) struct WeightSums {
    most: f64,
    sum: f64,
    squares: f64,
}

impl WeightSums {
    pub(super) const NONE: Self = Self {
        most: f64::NEG_INFINITY,
        sum: 0.0,
        squares: 0.0,
    };

    pub(super) fn add(&mut self, log_weight: f64) {
        if log_weight > self.most {
            let scale = (self.most - log_weight).exp();
            (self.sum, self.squares, self.most) =
                (self.sum * scale, self.squares * scale * scale, log_weight);
        }
        let weight = (log_weight - self.most).exp();
        self.sum += weight;
        self.squares += weight * weight;
    }

    /// Returns the logarithm of the mean of `samples` weights.
    pub(super) fn log_mean(self, samples: usize) -> f64 {
        self.most + self.sum.ln() - (samples as f64).ln()
    }
}

/// Estimates log p(x) of images of a split, for each number of samples in `samples` (ascending), from the
/// same samples of z. `vae` is without autodiff. `seen` is told after each group how many samples are done in all, and says
/// whether to go on: if it says no, the result covers the images that are done, which may be none. Of several processes, the
/// result then covers those of the first one.
///
/// The noise of a sample depends on the seed, the image's index and k alone; the first is that of [`super::measure`].
///
/// # Errors
/// An image cannot be read.
pub fn importance<'a>(
    vae: &Vae,
    images: impl Into<Part<'a>>,
    protocol: Protocol,
    samples: &[usize],
    seen: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<Importance>> {
    let part = images.into();
    let mut results: Vec<Importance> = samples
        .iter()
        .map(|&samples| Importance {
            samples,
            log_px: Vec::with_capacity(part.len()),
            effective: Vec::with_capacity(part.len()),
        })
        .collect();
    let loader = protocol.loader(vae);
    let (rng, width) = (protocol.latent_rng(), vae.network().noise());
    let mut done = 0;
    // Fewer if each latent costs more: many values per image, many components of the prior.
    let inputs = vae.network().prior.kind().pseudo_inputs();
    let outputs = vae
        .network()
        .decoder
        .last()
        .map_or(0, |layer| layer.kind().output().count());
    let latents = if on_host(&vae.device()) {
        LATENTS
    } else {
        LATENTS_ON_GPU
    };
    let latents = latents / (outputs / 1000).max(inputs / 500).max(1);
    let own = own_part(&part.ids, IMAGES);
    let share = part.len() as f64 / own.len().max(1) as f64;
    'images: for batch in loader.batches(part.split, own, IMAGES) {
        let (ids, batch) = batch?;
        let posterior = vae.encode(batch.input(), batch.labels.clone());
        let mut weights = vec![WeightSums::NONE; ids.len()];
        let mut of_batch = Vec::new();
        let mut k = 0;
        for &until in samples {
            while k < until {
                let some = (latents / ids.len()).clamp(1, until - k);
                let noise = noise::numbered_latents(rng, k..k + some, ids, width, &vae.device());
                let log_weights = vae
                    .forward_from(posterior.clone(), &batch, noise)
                    .log_weights(); // [some, B]
                let values: Vec<f32> = log_weights.into_data().iter().collect();
                for (i, &value) in values.iter().enumerate() {
                    weights[i % ids.len()].add(f64::from(value));
                }
                k += some;
                done += (some * ids.len()) as u64;
                if !seen((done as f64 * share) as u64) {
                    break 'images;
                }
            }
            of_batch.push(weights.clone());
        }
        for (result, weights) in results.iter_mut().zip(of_batch) {
            result
                .log_px
                .extend(weights.iter().map(|weight| weight.log_mean(result.samples)));
            result.effective.extend(
                weights
                    .iter()
                    .map(|weight| weight.sum * weight.sum / weight.squares),
            );
        }
    }
    let is_done = |result: &Importance| result.log_px.len() == own.len();
    // The processes have whole chunks, and many samples of one may take long.
    let all_done = parallel::patiently(|| parallel::all_hold(results.iter().all(is_done)))?;
    for result in &mut results {
        if !all_done && !parallel::is_first() {
            result.log_px.clear();
            result.effective.clear();
        }
        result.log_px = parallel::gather(std::mem::take(&mut result.log_px))?;
        result.effective = parallel::gather(std::mem::take(&mut result.effective))?;
    }
    Ok(results)
}
