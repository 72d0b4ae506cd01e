//! Standard errors by the bootstrap (Efron 1979): images are drawn again with replacement, and a figure is computed once
//! more from the same distances, with each image counted as often as it was drawn.

use super::Estimate;
use crate::rng::Rng;

/// The number of resamples.
pub const RESAMPLES: usize = 200;

/// How often each of `N` images is drawn in each resample.
#[derive(Clone, Debug)]
pub struct Resamples {
    /// `[1 + RESAMPLES][N]`: the first row counts each image once.
    pub counts: Vec<Vec<f32>>,
}

impl Resamples {
    pub fn new(images: usize, rng: Rng) -> Self {
        let drawn = (0..RESAMPLES).map(|resample| {
            let rng = rng.at(resample as u64);
            let mut counts = vec![0.0; images];
            for index in 0..images as u64 {
                counts[rng.below(index, images as u64) as usize] += 1.0;
            }
            counts
        });
        Self {
            counts: std::iter::once(vec![1.0; images]).chain(drawn).collect(),
        }
    }

    /// Returns the mean of one value for each image.
    pub fn mean(&self, values: &[f64]) -> Estimate {
        self.figure(|counts| {
            let sum: f64 = counts
                .iter()
                .zip(values)
                .map(|(&count, value)| f64::from(count) * value)
                .sum();
            sum / values.len() as f64
        })
    }

    /// Returns a figure that depends on how often each image counts.
    pub fn figure(&self, figure: impl Fn(&[f32]) -> f64) -> Estimate {
        spread(self.counts.iter().map(|counts| figure(counts)))
    }
}

/// Returns the first of `figures`, that of all images, with the standard deviation of the others, those of the resamples.
pub fn spread(mut figures: impl Iterator<Item = f64>) -> Estimate {
    let mean = figures.next().unwrap_or(f64::NAN);
    let others: Vec<f64> = figures.collect();
    let centre = others.iter().sum::<f64>() / others.len() as f64;
    let squares: f64 = others.iter().map(|other| (other - centre).powi(2)).sum();
    Estimate {
        mean,
        se: Some((squares / (others.len() as f64 - 1.0)).sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_mean_is_that_of_its_formula() {
        let rng = Rng::new(3);
        let values: Vec<f64> = (0..400).map(|i| f64::from(rng.normal(i))).collect();
        let found = Resamples::new(400, Rng::new(1)).mean(&values);
        let expected = Estimate::of(values.iter().copied());
        assert!((found.mean - expected.mean).abs() < 1e-12);
        let ratio = found.se.unwrap() / expected.se.unwrap();
        // The standard error of a standard deviation from 200 resamples is 5 %.
        assert!((ratio - 1.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn each_resample_draws_as_many_images_as_there_are() {
        let resamples = Resamples::new(50, Rng::new(1));
        assert_eq!(resamples.counts.len(), 1 + RESAMPLES);
        for counts in &resamples.counts {
            assert_eq!(counts.iter().sum::<f32>(), 50.0);
        }
        assert_ne!(resamples.counts[1], resamples.counts[2]);
    }
}
