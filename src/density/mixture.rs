//! Mixtures of Gaussians with any covariance, p(z) = sum_k w_k N(z; m_k, S_k), on the host in float64. The mixtures that
//! are trained with a network, on tensors, are in `gaussian.rs`.

use super::{Covariance, LOG_TWO_PI};

/// A mixture of `K` Gaussians of `D` latents.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    /// The `K` components, at least one.
    pub components: Vec<MixtureComponent>,
}

/// One Gaussian of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureComponent {
    /// The share of the mixture; the shares of all components sum to 1.
    pub weight: f64,
    /// `[D]`.
    pub mean: Vec<f64>,
    pub covariance: Covariance,
}

impl GaussianMixture {
    /// Returns log p(z), in nats.
    ///
    /// # Shapes
    /// `z`: `[D]`.
    pub fn log_prob(&self, z: &[f32]) -> f64 {
        let terms = self
            .components
            .iter()
            .map(|component| component.weight.ln() + component.expected_log_prob(z, None));
        log_sum(&terms.collect::<Vec<_>>())
    }

    /// Returns a draw. A temperature other than 1 multiplies its distance to the mean of its component.
    ///
    /// # Shapes
    /// `uniform`: in [0, 1), chooses the component; `noise`: standard normal, `[D]`; result: `[D]`.
    pub fn draw(&self, uniform: f32, noise: &[f32], temperature: f32) -> Vec<f32> {
        let mut left = f64::from(uniform);
        let chosen = self.components.iter().find(|component| {
            left -= component.weight;
            left < 0.0
        });
        // The weights can sum to a little less than 1.
        let heaviest = || {
            let by_weight =
                |a: &&MixtureComponent, b: &&MixtureComponent| a.weight.total_cmp(&b.weight);
            self.components.iter().max_by(by_weight)
        };
        let Some(component) = chosen.or_else(heaviest) else {
            return vec![0.0; noise.len()];
        };
        let moved = component.covariance.scale(noise);
        let numbers = component.mean.iter().zip(moved);
        numbers
            .map(|(mean, moved)| (mean + f64::from(temperature) * moved) as f32)
            .collect()
    }
}

impl MixtureComponent {
    /// Returns E[log N(z; m, S)] for z from a Gaussian with this mean and these variances, or from the point `mean` without
    /// variances: log N(mean; m, S) - 1/2 tr(S^-1 diag(variances)).
    ///
    /// # Shapes
    /// `mean` and `variances`: `[D]`.
    pub fn expected_log_prob(&self, mean: &[f32], variances: Option<&[f32]>) -> f64 {
        let differences = mean.iter().zip(&self.mean);
        let difference: Vec<f64> = differences.map(|(z, m)| f64::from(*z) - m).collect();
        let spread = variances.map_or(0.0, |variances| {
            let variances = variances.iter().map(|&variance| f64::from(variance));
            self.covariance.trace_with(variances)
        });
        let constant = LOG_TWO_PI * mean.len() as f64 + self.covariance.log_determinant;
        -0.5 * (constant + self.covariance.squared_distance(&difference) + spread)
    }
}

/// Returns the logarithm of a sum of exponentials, without overflow.
pub fn log_sum(terms: &[f64]) -> f64 {
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return most;
    }
    most + terms
        .iter()
        .map(|term| (term - most).exp())
        .sum::<f64>()
        .ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn component(weight: f64, mean: [f64; 2], values: Vec<f64>) -> MixtureComponent {
        MixtureComponent {
            weight,
            mean: mean.to_vec(),
            covariance: Covariance::new(values, 2).unwrap(),
        }
    }

    #[test]
    fn the_density_is_the_sum_of_the_weighted_gaussians() {
        let mixture = GaussianMixture {
            components: vec![
                component(0.25, [0.0, 0.0], vec![1.0, 1.0]),
                component(0.75, [1.0, 0.0], vec![2.0, 1.0, 1.0, 3.0]),
            ],
        };
        // The inverse of the second matrix is [[3, -1], [-1, 2]] / 5.
        let tau = std::f64::consts::TAU;
        let by_hand = |first: f64, second: f64| {
            0.25 * (-first / 2.0).exp() / tau + 0.75 * (-second / 2.0).exp() / (tau * 5_f64.sqrt())
        };
        for (z, expected) in [
            ([0.0, 1.0], by_hand(1.0, 1.4)),
            ([1.0, 1.0], by_hand(2.0, 0.4)),
        ] {
            assert!((mixture.log_prob(&z) - expected.ln()).abs() < 1e-14);
        }
    }

    #[test]
    fn draws_have_the_moments_of_the_mixture_and_a_temperature_narrows_the_components() {
        let mixture = GaussianMixture {
            components: vec![
                component(0.3, [-2.0, 0.0], vec![1.0, 0.5, 0.5, 2.0]),
                component(0.7, [3.0, 1.0], vec![0.5, 0.25]),
            ],
        };
        let rng = Rng::new(5);
        let draw = |id: u64, temperature: f32| {
            let mut noise = [0.0; 2];
            rng.at(id).fill_normal(&mut noise);
            mixture.draw(rng.stream("component").uniform(id), &noise, temperature)
        };
        let count = 100_000;
        let all: Vec<Vec<f32>> = (0..count).map(|id| draw(id, 1.0)).collect();
        let mean = |f: &dyn Fn(&[f32]) -> f32| {
            all.iter().map(|z| f64::from(f(z))).sum::<f64>() / count as f64
        };
        assert!((mean(&|z| z[0]) - 1.5).abs() < 0.02);
        assert!((mean(&|z| z[1]) - 0.7).abs() < 0.02);
        let variance = 0.3 * 1.0 + 0.7 * 0.5 + 0.3 * 0.7 * 25.0;
        assert!((mean(&|z| (z[0] - 1.5).powi(2)) - variance).abs() < 0.05);
        assert!((mean(&|z| (z[0] - 1.5) * (z[1] - 0.7)) - (0.15 + 0.3 * 0.7 * 5.0)).abs() < 0.05);
        let still = draw(3, 0.0);
        assert!(still == [-2.0, 0.0] || still == [3.0, 1.0]);
    }
}
