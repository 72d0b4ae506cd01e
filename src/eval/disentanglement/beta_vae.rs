//! The beta-VAE score (Higgins et al. 2017, section 3): the accuracy of a linear classifier that predicts which factor two
//! images share from the distance of their latents, latent by latent.
//!
//! Its input is the mean over pairs of images of |m(a) - m(b)|, where a and b of each pair have the same value of one
//! factor. All counts are those of disentanglement_lib, and so is the logistic regression, except that differences are
//! first scaled to a variance of 1.

use super::super::probe::Logistic;
use crate::data::Factor;
use crate::ops::pool;
use crate::rng::Rng;

/// Pairs that are averaged over.
const PAIRS: usize = 64;
/// Averages that the classifier learns from.
const TO_LEARN: usize = 10_000;
/// Averages that it is scored on.
const TO_SCORE: usize = 5_000;
/// Averages that one core takes at a time.
const ROWS: usize = 100;

/// Measures the score; `None` if fewer than two factors vary, because a single one would always be right. Constant latents
/// predict nothing.
///
/// # Shapes
/// `means`: `[N][D]`; `factors`: `[F]`, of `N` images, each with more than one value.
pub fn beta_vae_score(means: &[Vec<f32>], factors: &[Factor], rng: Rng) -> Option<f64> {
    if factors.len() < 2 || means.is_empty() {
        return None;
    }
    let groups: Vec<Vec<Vec<u32>>> = factors.iter().map(Factor::groups).collect();
    let example = |number: usize| {
        let rng = rng.at(number as u64);
        let factor = rng.below(0, factors.len() as u64) as usize;
        let mut sums = vec![0.0; means[0].len()];
        for pair in 0..PAIRS as u64 {
            let a = rng.below(1 + 2 * pair, means.len() as u64) as usize;
            let group = &groups[factor][usize::from(factors[factor].levels[a])];
            // Any image but the same one, unless there is no other: the last one stands in for it.
            let others = (group.len() - 1).max(1);
            let mut b = group[rng.below(2 + 2 * pair, others as u64) as usize] as usize;
            if b == a {
                b = group[group.len() - 1] as usize;
            }
            for (sum, (a, b)) in sums.iter_mut().zip(means[a].iter().zip(&means[b])) {
                *sum += f64::from((a - b).abs());
            }
        }
        (
            sums.into_iter()
                .map(|sum| (sum / PAIRS as f64) as f32)
                .collect::<Vec<f32>>(),
            factor as u16,
        )
    };
    let examples = |range: std::ops::Range<usize>| -> (Vec<Vec<f32>>, Vec<u16>) {
        let starts = range.clone().step_by(ROWS);
        let rows = |from: usize| {
            (from..(from + ROWS).min(range.end))
                .map(&example)
                .collect::<Vec<_>>()
        };
        pool::map(starts, rows).into_iter().flatten().unzip()
    };
    let (x, labels) = examples(0..TO_LEARN);
    let classifier = Logistic::fit(&x, &labels, factors.len(), false);
    let (x, labels) = examples(TO_LEARN..TO_LEARN + TO_SCORE);
    Some(classifier.accuracy(&x, &labels))
}
