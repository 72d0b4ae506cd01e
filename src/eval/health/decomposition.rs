//! The mean KL split into three terms (Chen et al. 2018, equation 2), with q(z) = 1/N sum_n q(z | x_n):
//!
//! E_x KL(q(z | x) || p(z)) = I_q(x; z) + KL(q(z) || prod_d q(z_d)) + sum_d KL(q(z_d) || p(z_d)):
//! the mutual information of image and latent, the total correlation of the latents, and how far each latent alone is from
//! the prior.
//!
//! One z of each image is drawn, and log q(z) there is the log of the mean over all N posteriors. For these N images each
//! term is an unbiased estimate, with its standard error, and for every z the three add up to log q(z | x) - log p(z).
//! As an estimate for the distribution that the N images come from, the mutual information is too small, because it cannot
//! exceed log N, and the other two terms are too large by as much. Close to log N ([`KlDecomposition::is_saturated`]) it is a
//! lower bound, and the total correlation says little. No standard error over images shows that.

use crate::density::LOG_TWO_PI;
use crate::ops::pool;

use super::super::estimate::Estimate;
use super::aggregate::AggregatePosterior;

/// Images that one core takes at a time.
const AT_A_TIME: usize = 8;

/// Terms this far below the largest one add less than rounding does to a sum of `f64`.
const NOTHING: f64 = -45.0;

/// Means over images, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct KlDecomposition {
    /// log q(z | x) - log p(z) at the drawn z: the sum of the three.
    pub kl: Estimate,
    pub mutual_information: Estimate,
    pub total_correlation: Estimate,
    pub dimension_wise: Estimate,
    /// `[D]`: KL(q(z_d) || p(z_d)).
    pub by_latent: Vec<f64>,
}

impl KlDecomposition {
    /// Whether the mutual information is so close to log N, the most that `images` can show, that there may be more of it. The
    /// total correlation then holds the rest.
    pub fn is_saturated(&self, images: usize) -> bool {
        self.mutual_information.mean > (images as f64).ln() - 1.0
    }
}

/// The log densities at one z.
struct LogDensities {
    log_q_given_x: f64,
    log_q: f64,
    /// `[D]`: log q(z_d).
    log_q_by_latent: Vec<f64>,
    /// `[D]`: log p(z_d).
    log_p_by_latent: Vec<f64>,
}

impl LogDensities {
    /// Returns log prod_d q(z_d).
    fn log_product(&self) -> f64 {
        self.log_q_by_latent.iter().sum()
    }

    fn log_p(&self) -> f64 {
        self.log_p_by_latent.iter().sum()
    }
}

/// Decomposes the KL. It takes `N^2 D` exponentials: 2 000 images and 20 latents take a second of one core. Not defined for
/// an autoencoder's points.
pub fn decompose(aggregate: &AggregatePosterior) -> KlDecomposition {
    let columns = Columns::of(aggregate);
    let images: Vec<usize> = (0..aggregate.count()).collect();
    let some = |some: &[usize]| some.iter().map(|&n| columns.terms(n)).collect::<Vec<_>>();
    let terms: Vec<LogDensities> = pool::map(images.chunks(AT_A_TIME), some)
        .into_iter()
        .flatten()
        .collect();
    let estimate = |of: &dyn Fn(&LogDensities) -> f64| {
        Estimate::of(terms.iter().map(of).collect::<Vec<_>>().into_iter())
    };
    let by_latent = |d: usize| {
        terms
            .iter()
            .map(|terms| terms.log_q_by_latent[d] - terms.log_p_by_latent[d])
            .sum::<f64>()
            / terms.len() as f64
    };
    KlDecomposition {
        kl: estimate(&|terms| terms.log_q_given_x - terms.log_p()),
        mutual_information: estimate(&|terms| terms.log_q_given_x - terms.log_q),
        total_correlation: estimate(&|terms| terms.log_q - terms.log_product()),
        dimension_wise: estimate(&|terms| terms.log_product() - terms.log_p()),
        by_latent: (0..aggregate.width()).map(by_latent).collect(),
    }
}

/// The posteriors ordered latent by latent.
struct Columns<'a> {
    aggregate: &'a AggregatePosterior,
    /// `[D][N]`: the means; 1 / variance; log of the density at the mean.
    mean: Vec<Vec<f64>>,
    precision: Vec<Vec<f64>>,
    peak: Vec<Vec<f64>>,
}

impl<'a> Columns<'a> {
    fn of(aggregate: &'a AggregatePosterior) -> Self {
        let width = aggregate.width();
        let column = |values: &[f64], of: &dyn Fn(f64) -> f64| {
            (0..width)
                .map(|d| {
                    values
                        .iter()
                        .skip(d)
                        .step_by(width)
                        .map(|&value| of(value))
                        .collect()
                })
                .collect::<Vec<Vec<f64>>>()
        };
        Self {
            aggregate,
            mean: column(&aggregate.mean, &|mean| mean),
            precision: column(&aggregate.log_var, &|log_var| (-log_var).exp()),
            peak: column(&aggregate.log_var, &|log_var| -0.5 * (LOG_TWO_PI + log_var)),
        }
    }

    fn terms(&self, n: usize) -> LogDensities {
        let width = self.aggregate.width();
        let z = &self.aggregate.z[n * width..][..width];
        let mut joint = vec![0.0; self.aggregate.count()];
        let mut of_latent = joint.clone();
        let mut log_q_by_latent = Vec::with_capacity(width);
        for (d, z) in z.iter().enumerate() {
            let gaussians = self.mean[d]
                .iter()
                .zip(&self.precision[d])
                .zip(&self.peak[d]);
            let places = of_latent.iter_mut().zip(&mut joint);
            for ((value, joint), ((mean, precision), peak)) in places.zip(gaussians) {
                *value = peak - 0.5 * (z - mean).powi(2) * precision;
                *joint += *value;
            }
            log_q_by_latent.push(log_mean_exp(&of_latent));
        }
        LogDensities {
            log_q_given_x: joint[n],
            log_q: log_mean_exp(&joint),
            log_q_by_latent,
            log_p_by_latent: z.iter().map(|z| -0.5 * (LOG_TWO_PI + z.powi(2))).collect(),
        }
    }
}

/// Returns the logarithm of the mean of exp(values).
fn log_mean_exp(values: &[f64]) -> f64 {
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = values
        .iter()
        .map(|value| value - top)
        .filter(|below| *below > NOTHING)
        .map(f64::exp)
        .sum();
    top + (sum / values.len() as f64).ln()
}
