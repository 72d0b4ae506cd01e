//! SAP, the separated attribute predictability (Kumar, Sattigeri, Balakrishnan 2018, section 3): the difference between how
//! well the best single latent predicts a factor and how well the next one does, averaged over factors.
//!
//! An ordered factor is predicted by linear regression, whose score is R^2, the squared correlation. A factor of classes
//! is predicted by thresholds on the latent: here those of a logistic regression fitted to one half of the images, each
//! class with the same weight, whose score is the mean over classes of the accuracy on the other half.

use super::super::probe::Logistic;
use super::common::{average, gap, halves, latents_of};
use crate::data::Factor;
use crate::ops::pool;
use crate::rng::Rng;

/// Measures SAP; `None` if no factor varies or there is no latent. With one latent the next one is taken to predict
/// nothing; a constant latent has an R^2 of 0 and gets one class right.
///
/// # Shapes
/// `means`: `[N][D]`; `factors`: `[F]`, of `N` images, each with more than one value.
pub fn sap(means: &[Vec<f32>], factors: &[Factor], rng: Rng) -> Option<f64> {
    let latent_count = means.first().filter(|row| !row.is_empty())?.len();
    let [fitted, held_out] = halves(means.len(), rng);
    let [x, test] = [&fitted, &held_out].map(|indices| latents_of(means, indices));
    let gaps: Vec<f64> = factors
        .iter()
        .map(|factor| {
            let [labels, truth] = [&fitted, &held_out].map(|indices| factor.of(indices).levels);
            let score = |latent: usize| {
                if !factor.nominal {
                    return squared_correlation(means, latent, &factor.levels);
                }
                let alone = |latents: &[Vec<f32>]| {
                    latents.iter().map(|z| vec![z[latent]]).collect::<Vec<_>>()
                };
                let classifier = Logistic::fit(&alone(&x), &labels, factor.size, true);
                classifier.balanced_accuracy(&alone(&test), &truth)
            };
            gap(pool::map(0..latent_count, score))
        })
        .collect();
    average(&gaps)
}

/// Returns the squared correlation of a latent's means with a factor's levels; 0 if one of them is constant.
fn squared_correlation(means: &[Vec<f32>], latent: usize, levels: &[u16]) -> f64 {
    let pairs = || {
        means
            .iter()
            .zip(levels)
            .map(|(row, &level)| (f64::from(row[latent]), f64::from(level)))
    };
    let n = means.len() as f64;
    let (a, b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs() {
        xx += (x - a) * (x - a);
        yy += (y - b) * (y - b);
        xy += (x - a) * (y - b);
    }
    // A latent that is constant but for rounding is constant.
    if xx <= 1e-12 * n * a * a || xx * yy <= 0.0 {
        0.0
    } else {
        xy * xy / (xx * yy)
    }
}
