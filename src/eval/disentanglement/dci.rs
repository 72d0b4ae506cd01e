//! Disentanglement, completeness and informativeness (Eastwood, Williams 2018, section 2).
//!
//! A predictor of each factor from all latents says how much each latent matters for it, R[latent][factor]. A latent is
//! disentangled if it matters for one factor only: 1 - H(its importances), the entropy in units of log F, averaged over
//! latents by how much each matters. A factor is complete if only one latent matters for it: 1 - H in units of log D,
//! averaged over factors. Informativeness is the share of held-out images whose factor is predicted.
//!
//! The predictor is gradient-boosted trees, as in disentanglement_lib: one half of the images to fit, the other to hold out.

use super::boosting::Boosted;
use super::common::{average, halves, latents_of};
use crate::data::Factor;
use crate::rng::Rng;

#[derive(Clone, Debug, PartialEq)]
pub struct Dci {
    /// `None` if fewer than two factors vary; 0 if no latent matters.
    pub disentanglement: Option<f64>,
    /// `None` if there is only one latent; 0 for a factor that no latent matters for.
    pub completeness: Option<f64>,
    pub informativeness: f64,
    /// `[F][D]`: each latent's share of what the splits have gained; all 0 if there were none.
    pub importance: Vec<Vec<f64>>,
}

/// Measures DCI; `None` if no factor varies, there is no latent, or there are fewer than two images.
///
/// # Shapes
/// `means`: `[N][D]`; `factors`: `[F]`, of `N` images, each with more than one value.
pub fn dci(means: &[Vec<f32>], factors: &[Factor], rng: Rng) -> Option<Dci> {
    if means.len() < 2 || means[0].is_empty() {
        return None;
    }
    let [fitted, held_out] = halves(means.len(), rng);
    let [x, test] = [&fitted, &held_out].map(|indices| latents_of(means, indices));
    let (mut importance, mut accuracies) = (Vec::new(), Vec::new());
    for factor in factors {
        let model = Boosted::fit(&x, &factor.of(&fitted).levels, factor.size);
        accuracies.push(model.accuracy(&test, &factor.of(&held_out).levels));
        importance.push(shares(&model.importance).unwrap_or_else(|| vec![0.0; means[0].len()]));
    }
    let informativeness = average(&accuracies)?;
    let [disentanglement, completeness] = [disentanglement(&importance), completeness(&importance)];
    Some(Dci {
        disentanglement,
        completeness,
        informativeness,
        importance,
    })
}

/// Returns the mean over latents of how much of each goes to one factor, weighted by the latent's share of all importance.
///
/// # Shapes
/// `importance`: `[F][D]`.
fn disentanglement(importance: &[Vec<f64>]) -> Option<f64> {
    if importance.len() < 2 {
        return None;
    }
    let latent_count = importance[0].len();
    let of = |latent: usize| {
        importance
            .iter()
            .map(|row| row[latent])
            .collect::<Vec<f64>>()
    };
    let all: f64 = importance.iter().flatten().sum();
    let weighted =
        (0..latent_count).map(|latent| of(latent).iter().sum::<f64>() * concentration(&of(latent)));
    Some(if all > 0.0 {
        weighted.sum::<f64>() / all
    } else {
        0.0
    })
}

/// Returns the mean over factors of how much of each comes from one latent.
///
/// # Shapes
/// `importance`: `[F][D]`.
fn completeness(importance: &[Vec<f64>]) -> Option<f64> {
    let of_factors: Vec<f64> = importance.iter().map(|row| concentration(row)).collect();
    if importance.first()?.len() < 2 {
        None
    } else {
        average(&of_factors)
    }
}

/// Returns 1 - H(shares of the values) / log(their number): 1 if one value has all, 0 if all are equal or 0.
fn concentration(values: &[f64]) -> f64 {
    let Some(shares) = shares(values) else {
        return 0.0;
    };
    let entropy = -shares
        .iter()
        .filter(|&&share| share > 0.0)
        .map(|share| share * share.ln())
        .sum::<f64>();
    1.0 - entropy / (values.len() as f64).ln()
}

fn shares(values: &[f64]) -> Option<Vec<f64>> {
    let sum: f64 = values.iter().sum();
    (sum > 0.0).then(|| values.iter().map(|value| value / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_importances_are_those_of_the_definition() {
        // Two factors, three latents: the first matters for one factor, the second for both, the third for none.
        let importance = [vec![0.75, 0.25, 0.0], vec![0.0, 1.0, 0.0]];
        let entropy = |shares: &[f64], base: f64| {
            -shares.iter().map(|share| share * share.ln()).sum::<f64>() / base.ln()
        };
        let expected = (0.75 + 1.25 * (1.0 - entropy(&[0.2, 0.8], 2.0))) / 2.0;
        assert!((disentanglement(&importance).unwrap() - expected).abs() < 1e-12);
        let expected = (1.0 - entropy(&[0.75, 0.25], 3.0) + 1.0) / 2.0;
        assert!((completeness(&importance).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_defined_is_left_out() {
        assert_eq!(disentanglement(&[vec![0.5, 0.5]]), None);
        assert_eq!(completeness(&[vec![1.0], vec![1.0]]), None);
        assert_eq!(disentanglement(&[vec![0.0; 2], vec![0.0; 2]]), Some(0.0));
        assert_eq!(completeness(&[vec![0.0; 2], vec![1.0, 0.0]]), Some(0.5));
    }
}
