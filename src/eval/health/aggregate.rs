//! The posteriors of many images on the host, and statistics of each latent.
//!
//! A latent is active if Cov_x(E_q(z | x)[z_d]) > 0.01 (Burda et al. 2016, section 5.2). The aggregate posterior
//! q(z) = 1/N sum_n q(z | x_n) has the mean of the means, and by the law of total variance the variance of the means plus
//! the mean of the variances.

use super::super::estimate::Estimate;
use super::super::protocol::{CHUNK, Protocol};
use crate::data::Part;
use crate::error::Result;
use crate::model::{Vae, rows};

/// The variance, over images, of the posterior's mean above which a latent is active. It is the value of Burda et al. 2016,
/// who saw that all latents lie far from it on either side.
pub const ACTIVE: f64 = 0.01;

/// The share of the largest variance above which an autoencoder's latent, which has no scale, is used.
const USED: f64 = 1e-4;

/// `N` Gaussians of `D` latents, and one z drawn from each. An autoencoder's are points.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatePosterior {
    /// `D`.
    width: usize,
    /// Whether there is a distribution.
    drawn: bool,
    /// `[N * D]`.
    pub(super) mean: Vec<f64>,
    /// `[N * D]`: the logarithm of the variance; empty for points.
    pub(super) log_var: Vec<f64>,
    /// `[N * D]`.
    pub(super) z: Vec<f64>,
}

/// Statistics of one latent over all images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentStatistics {
    /// The mean of KL(q(z_d | x) || N(0, 1)), in nats; `None` for an autoencoder.
    pub kl: Option<f64>,
    /// The mean of the aggregate posterior.
    pub mean: f64,
    /// The variance of the posterior's mean: what the latent says about the image.
    pub variance_of_mean: f64,
    /// The mean of the posterior's variance: the noise on the latent; 0 for an autoencoder.
    pub mean_variance: f64,
}

impl LatentStatistics {
    /// Returns the variance of the aggregate posterior; the prior's is 1.
    pub fn variance(&self) -> f64 {
        self.variance_of_mean + self.mean_variance
    }

    /// Whether the latent carries information. `largest`: the largest variance of a latent's means.
    pub fn is_active(&self, largest: f64) -> bool {
        self.variance_of_mean
            > if self.kl.is_some() {
                ACTIVE
            } else {
                USED * largest
            }
    }

    /// Returns how far the aggregate posterior's first two moments are from the prior's: KL(N(mean, variance) || N(0, 1)), in
    /// nats. It needs few images, and ignores the shape of the distribution.
    pub fn distance(&self) -> f64 {
        0.5 * (self.mean.powi(2) + self.variance() - 1.0 - self.variance().ln())
    }
}

impl AggregatePosterior {
    /// Returns the aggregate of known posteriors.
    ///
    /// # Shapes
    /// `mean`, `log_var` and `noise`, which the latents are made of: `N * width` numbers.
    pub fn new(width: usize, mean: Vec<f64>, log_var: Vec<f64>, noise: &[f64]) -> Self {
        let z =
            |((mean, log_var), noise): ((&f64, &f64), &f64)| mean + (0.5 * log_var).exp() * noise;
        let z = mean.iter().zip(&log_var).zip(noise).map(z).collect();
        Self {
            width,
            drawn: true,
            mean,
            log_var,
            z,
        }
    }

    /// Reads the posteriors of images of a split; `seen` is told after each batch how many are done.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn read<'a>(
        vae: &Vae,
        images: impl Into<Part<'a>>,
        protocol: Protocol,
        seen: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let width = vae.network().latent;
        let (mut mean, mut log_var, mut noise) = (Vec::new(), Vec::new(), Vec::new());
        let (loader, part) = (protocol.loader(vae), images.into());
        for batch in loader.batches(part.split, &part.ids, CHUNK) {
            let (ids, batch) = batch?;
            let posterior = vae.encode(batch.input(), batch.labels);
            let numbers = |matrix| rows(matrix).concat().into_iter().map(f64::from);
            mean.extend(numbers(posterior.mean));
            if protocol.latent_mode.is_sampled() {
                log_var.extend(numbers(posterior.log_var));
                noise.extend(numbers(
                    protocol
                        .latent_noise(vae, 0, ids)
                        .narrow(2, 0, width)
                        .squeeze_dim::<2>(0),
                ));
            }
            seen(mean.len() / width);
        }
        Ok(if protocol.latent_mode.is_sampled() {
            Self::new(width, mean, log_var, &noise)
        } else {
            Self {
                width,
                drawn: false,
                z: mean.clone(),
                mean,
                log_var,
            }
        })
    }

    /// `N`.
    pub fn count(&self) -> usize {
        self.mean.len() / self.width
    }

    /// `D`.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the z of each image.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.z.chunks_exact(self.width)
    }

    /// Returns KL(q || N(0, 1)) in closed form (Kingma, Welling 2014, appendix B).
    fn kl_at(&self, place: usize) -> f64 {
        let (mean, log_var) = (self.mean[place], self.log_var[place]);
        0.5 * (mean.powi(2) + log_var.exp_m1() - log_var)
    }

    /// Returns the KL summed over the latents, in nats; `None` for an autoencoder.
    pub fn kl(&self) -> Option<Estimate> {
        let of_image = |n: usize| {
            (0..self.width)
                .map(|d| self.kl_at(n * self.width + d))
                .sum::<f64>()
        };
        self.drawn.then(|| {
            Estimate::of(
                (0..self.count())
                    .map(of_image)
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        })
    }

    /// `[D]`.
    pub fn latents(&self) -> Vec<LatentStatistics> {
        (0..self.width).map(|d| self.latent(d)).collect()
    }

    fn latent(&self, d: usize) -> LatentStatistics {
        let places = || (0..self.count()).map(|n| n * self.width + d);
        let over_images = |sum: f64| sum / self.count() as f64;
        let mean = over_images(places().map(|place| self.mean[place]).sum());
        let squares = places()
            .map(|place| (self.mean[place] - mean).powi(2))
            .sum();
        let drawn = |value: &dyn Fn(usize) -> f64| {
            self.drawn.then(|| over_images(places().map(value).sum()))
        };
        LatentStatistics {
            kl: drawn(&|place| self.kl_at(place)),
            mean,
            variance_of_mean: over_images(squares),
            mean_variance: drawn(&|place| self.log_var[place].exp()).unwrap_or(0.0),
        }
    }
}
