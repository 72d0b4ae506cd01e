//! The M-step: the components that maximise F with its penalty for given responsibilities r_nk.
//!
//! N_k = sum_n r_nk; w_k = N_k / N; mu_k = sum_n r_nk m_n / N_k;
//! S_k = sum_n r_nk ((m_n - mu_k) (m_n - mu_k)^T + diag(v_n)) / N_k + c / N_k I.

use rayon::prelude::*;

use super::points::{Points, Responsibilities};
use crate::density::{Covariance, GaussianMixture, MixtureComponent};
use crate::error::{Error, Result};

/// The most latents for which a component has a full covariance. With more it has independent latents.
pub const MOST_FULL: usize = 64;

/// The part of the mean variance of a latent, over all images, that a component with its fair share of the images has as
/// additional variance.
const FLOOR: f64 = 1e-6;

/// A component with fewer images, N_k, stays as it is.
const FEWEST: f64 = 1e-6;

/// Returns c, the strength of the penalty. It is in proportion to the square of the scale of the latents.
pub fn floor(points: &Points, count: usize) -> f64 {
    let images = points.means.len();
    let all: Responsibilities = (0..images as u32).map(|image| (image, 1.0)).collect();
    let [_, spread] = moments(points, &all);
    let mean = spread.iter().sum::<f64>() / points.width as f64;
    // Latents that are all the same still have a density.
    (FLOOR * mean).max(1e-30) * images as f64 / count as f64
}

/// Returns the penalty that is subtracted from F: c / 2N sum_k tr(S_k^-1).
pub fn penalty(mixture: &GaussianMixture, floor: f64, images: usize) -> f64 {
    let traces = mixture.components.iter().map(|component| {
        let ones = component.mean.iter().map(|_| 1.0);
        component.covariance.trace_with(ones)
    });
    floor / (2.0 * images as f64) * traces.sum::<f64>()
}

/// Returns the mixture for these members. `before` holds the components for those without members.
///
/// # Errors
/// Returns an error if a covariance cannot be inverted, because the latents are too large.
pub fn maximise(
    points: &Points,
    members: &[Responsibilities],
    before: Option<&GaussianMixture>,
    floor: f64,
) -> Result<GaussianMixture> {
    let components: Vec<Option<MixtureComponent>> = members
        .par_iter()
        .enumerate()
        .map(|(k, members)| {
            let share = members.iter().map(|(_, r)| r).sum::<f64>();
            let weight = share / points.means.len() as f64;
            if share < FEWEST {
                let old = before.and_then(|before| before.components.get(k));
                return old
                    .cloned()
                    .map(|old| MixtureComponent { weight, ..old })
                    .or_else(|| empty(points, k, floor));
            }
            let [mean, spread] = moments(points, members);
            let values = if points.width > MOST_FULL {
                spread.iter().map(|spread| spread + floor / share).collect()
            } else {
                full(points, members, &mean, share, floor)
            };
            Some(MixtureComponent {
                weight,
                covariance: Covariance::new(values, points.width)?,
                mean,
            })
        })
        .collect();
    let components: Option<Vec<MixtureComponent>> = components.into_iter().collect();
    components
        .map(|components| GaussianMixture { components })
        .ok_or_else(|| {
            Error::failed("a mixture cannot be fitted: the latents are too large for a covariance")
                .with_hint("`vae doctor` shows the variance of each latent")
        })
}

/// Returns a component without images, which k-means++ gives where images are equal.
fn empty(points: &Points, k: usize, floor: f64) -> Option<MixtureComponent> {
    let mean = points.means.get(k)?.iter().map(|&value| f64::from(value));
    let values = if points.width > MOST_FULL {
        vec![floor; points.width]
    } else {
        full(points, &[], &[], 1.0, floor)
    };
    Some(MixtureComponent {
        weight: 0.0,
        mean: mean.collect(),
        covariance: Covariance::new(values, points.width)?,
    })
}

/// Returns the mean of each latent over the members, and its variance: that of the means plus the mean of the variances.
fn moments(points: &Points, members: &[(u32, f64)]) -> [Vec<f64>; 2] {
    let share = members.iter().map(|(_, r)| r).sum::<f64>();
    let [mut mean, mut variance] = [vec![0.0; points.width], vec![0.0; points.width]];
    for &(image, r) in members {
        let row = &points.means[image as usize];
        mean.iter_mut()
            .zip(row)
            .for_each(|(sum, &m)| *sum += r * f64::from(m));
    }
    mean.iter_mut().for_each(|sum| *sum /= share);
    for &(image, r) in members {
        let row = &points.means[image as usize];
        for ((sum, &m), mean) in variance.iter_mut().zip(row).zip(&mean) {
            *sum += r * (f64::from(m) - mean).powi(2);
        }
        for (sum, &v) in variance
            .iter_mut()
            .zip(points.variances(image as usize).unwrap_or_default())
        {
            *sum += r * f64::from(v);
        }
    }
    variance.iter_mut().for_each(|sum| *sum /= share);
    [mean, variance]
}

/// Returns the covariance of a component, `[D, D]`.
fn full(points: &Points, members: &[(u32, f64)], mean: &[f64], share: f64, floor: f64) -> Vec<f64> {
    let width = points.width;
    let mut sums = vec![0.0; width * width];
    let mut difference = vec![0.0; width];
    for &(image, r) in members {
        let row = &points.means[image as usize];
        for ((d, &m), mean) in difference.iter_mut().zip(row).zip(mean) {
            *d = f64::from(m) - mean;
        }
        for (i, line) in sums.chunks_exact_mut(width).enumerate() {
            let scale = r * difference[i];
            let pairs = line[..=i].iter_mut().zip(&difference);
            pairs.for_each(|(sum, d)| *sum += scale * d);
        }
        let variances = points.variances(image as usize).unwrap_or_default();
        for (d, &v) in variances.iter().enumerate() {
            sums[d * (width + 1)] += r * f64::from(v);
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= share);
    for i in 0..width {
        sums[i * (width + 1)] += floor / share;
        for j in 0..i {
            sums[j * width + i] = sums[i * width + j];
        }
    }
    sums
}
