//! How probable latents are under a fitted mixture, beside N(0, I).

use rayon::prelude::*;

use super::super::estimate::Estimate;
use super::super::posteriors::Posteriors;
use crate::density::{GaussianMixture, LOG_TWO_PI};
use crate::rng::Rng;

/// The mean log density of latents, in nats per image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FittedDensities {
    /// Under the mixture.
    pub mixture: Estimate,
    /// Under N(0, I).
    pub standard_normal: Estimate,
}

/// Returns the mean log density of one latent of each posterior, drawn with the noise of `rng` at the posterior's index; of
/// the means themselves if the posteriors are points, without variances. Both densities are those of the same latents.
pub fn latent_densities(
    mixture: &GaussianMixture,
    posteriors: &Posteriors,
    rng: Rng,
) -> FittedDensities {
    let latent = |(index, mean): (usize, &Vec<f32>)| {
        let mut z = mean.clone();
        if let Some(log_vars) = posteriors.log_vars.get(index) {
            let mut noise = vec![0.0; z.len()];
            rng.at(index as u64).fill_normal(&mut noise);
            for ((z, log_var), noise) in z.iter_mut().zip(log_vars).zip(noise) {
                *z += (0.5 * log_var).exp() * noise;
            }
        }
        let squares = z.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>();
        let standard_normal = -0.5 * (LOG_TWO_PI * z.len() as f64 + squares);
        (mixture.log_prob(&z), standard_normal)
    };
    let means = &posteriors.means;
    let both: Vec<(f64, f64)> = means.par_iter().enumerate().map(latent).collect();
    FittedDensities {
        mixture: Estimate::of(both.iter().map(|(mixture, _)| *mixture)),
        standard_normal: Estimate::of(both.iter().map(|(_, normal)| *normal)),
    }
}
