//! The FactorVAE score (Kim, Mnih 2018, section 4): images that share the value of one factor are drawn, and the latent
//! whose means vary least among them, relative to its variance over all images, predicts which factor it was.
//!
//! Each such draw is a vote of a latent for a factor. A latent stands for the factor that it votes for most often in the
//! first votes; the score is the share of further votes that agree. All counts are those of disentanglement_lib.

use super::common::average;
use crate::data::Factor;
use crate::ops::pool;
use crate::ops::simd::with_widest_simd;
use crate::rng::Rng;

/// Images of a vote, drawn with replacement from those that share the value.
const IMAGES: usize = 64;
/// Votes that decide what a latent stands for.
const TO_LEARN: usize = 10_000;
/// Votes that are scored.
const TO_SCORE: usize = 5_000;
/// Votes that one core takes at a time.
const ROWS: usize = 100;
/// A latent whose means have a smaller standard deviation has collapsed to the prior, and has no vote.
const COLLAPSED: f64 = 0.05;

/// Measures the score; `None` if fewer than two factors vary, because a single one would always be right; 0 if all latents
/// have collapsed. With one latent it is about the chance of guessing.
///
/// # Shapes
/// `means`: `[N][D]`; `factors`: `[F]`, of `N` images, each with more than one value.
pub fn factor_vae_score(means: &[Vec<f32>], factors: &[Factor], rng: Rng) -> Option<f64> {
    if factors.len() < 2 || means.is_empty() {
        return None;
    }
    let latent_count = means[0].len();
    let all: Vec<u32> = (0..means.len() as u32).collect();
    let spread: Vec<f64> = (0..latent_count)
        .map(|latent| variance(means, &all, latent))
        .collect();
    let active: Vec<usize> = (0..latent_count)
        .filter(|&latent| spread[latent].sqrt() >= COLLAPSED)
        .collect();
    if active.is_empty() {
        return Some(0.0);
    }
    let groups: Vec<Vec<Vec<u32>>> = factors.iter().map(Factor::groups).collect();
    // [N][A], the active latents side by side: a vote reads whole rows.
    let rows: Vec<Vec<f32>> = means
        .iter()
        .map(|row| active.iter().map(|&latent| row[latent]).collect())
        .collect();
    // The factor and the latent; `None` if no other image shares the value.
    let vote = |number: usize| {
        let rng = rng.at(number as u64);
        let factor = rng.below(0, factors.len() as u64) as usize;
        let first = rng.below(1, means.len() as u64) as usize;
        let group = &groups[factor][usize::from(factors[factor].levels[first])];
        if group.len() < 2 {
            return None;
        }
        let some: Vec<u32> = (0..IMAGES)
            .map(|index| group[rng.below(2 + index as u64, group.len() as u64) as usize])
            .collect();
        let among = variances(&rows, &some);
        let among = active.iter().zip(among);
        let scaled = among.map(|(&latent, variance)| (latent, variance / spread[latent]));
        scaled
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(latent, _)| (factor, latent))
    };
    let votes = |range: std::ops::Range<usize>| -> Vec<(usize, usize)> {
        let starts = range.clone().step_by(ROWS);
        let rows = |from: usize| {
            (from..(from + ROWS).min(range.end))
                .filter_map(&vote)
                .collect::<Vec<_>>()
        };
        pool::map(starts, rows).concat()
    };
    let mut counts = vec![vec![0_u32; factors.len()]; latent_count];
    votes(0..TO_LEARN)
        .iter()
        .for_each(|&(factor, latent)| counts[latent][factor] += 1);
    let stands_for: Vec<usize> = counts
        .iter()
        .map(|counts| {
            (0..counts.len())
                .rev()
                .max_by_key(|&factor| counts[factor])
                .unwrap_or(0)
        })
        .collect();
    let right: Vec<f64> = votes(TO_LEARN..TO_LEARN + TO_SCORE)
        .into_iter()
        .map(|(factor, latent)| f64::from(u8::from(stands_for[latent] == factor)))
        .collect();
    average(&right)
}

/// Returns the variance of each latent's means over some images, with the bits of [`variance`].
fn variances(rows: &[Vec<f32>], indices: &[u32]) -> Vec<f64> {
    let width = rows.first().map_or(0, Vec::len);
    let n = indices.len() as f64;
    // The sum of no numbers is -0.
    let (mut means, mut squares) = (vec![-0.0; width], vec![-0.0; width]);
    with_widest_simd(
        #[inline(always)]
        || {
            for &index in indices {
                let row = rows[index as usize].iter();
                means
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, &value)| *sum += f64::from(value));
            }
            means.iter_mut().for_each(|mean| *mean /= n);
            for &index in indices {
                let row = rows[index as usize].iter().zip(&means);
                squares
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, (&value, mean))| {
                        let difference = f64::from(value) - mean;
                        *sum += difference * difference;
                    });
            }
            squares.iter_mut().for_each(|sum| *sum /= n);
        },
    );
    squares
}

/// Returns the variance of a latent's means over some images.
fn variance(means: &[Vec<f32>], indices: &[u32], latent: usize) -> f64 {
    let value = |&index: &u32| f64::from(means[index as usize][latent]);
    let n = indices.len() as f64;
    let mean = indices.iter().map(value).sum::<f64>() / n;
    indices
        .iter()
        .map(|index| (value(index) - mean).powi(2))
        .sum::<f64>()
        / n
}
