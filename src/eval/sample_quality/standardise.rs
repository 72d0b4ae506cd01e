//! Features on one scale: each has mean 0 and variance 1 over the real images that samples are compared with.

use crate::error::{Error, Result};

/// A feature with a smaller standard deviation than this part of the largest one is rounding.
const SMALLEST: f64 = 1e-6;

/// The scale of each feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardiser {
    /// The number of features before any are left out.
    width: usize,
    /// For each feature that is kept: its index, its mean and its standard deviation.
    kept: Vec<(usize, f64, f64)>,
}

impl Standardiser {
    /// Returns the scales of features, `N * width` numbers. A feature that is the same in all images is left out.
    ///
    /// # Errors
    /// Returns an error if all images have the same features.
    pub fn new(features: &[f32], width: usize) -> Result<Self> {
        let count = (features.len() / width) as f64;
        let mut means = vec![0.0; width];
        for row in features.chunks_exact(width) {
            let pairs = means.iter_mut().zip(row);
            pairs.for_each(|(mean, &value)| *mean += f64::from(value) / count);
        }
        let mut variances = vec![0.0; width];
        for row in features.chunks_exact(width) {
            for ((variance, mean), &value) in variances.iter_mut().zip(&means).zip(row) {
                *variance += (f64::from(value) - mean).powi(2) / count;
            }
        }
        let deviations: Vec<f64> = variances.into_iter().map(f64::sqrt).collect();
        let largest = deviations.iter().copied().fold(0.0, f64::max);
        let scales = means.into_iter().zip(deviations).enumerate();
        let kept: Vec<(usize, f64, f64)> = scales
            .map(|(index, (mean, deviation))| (index, mean, deviation))
            .filter(|(.., deviation)| *deviation > SMALLEST * largest)
            .collect();
        if kept.is_empty() {
            return Err(Error::request(
                "sample quality: the training images are all the same, so that there is nothing to compare samples with",
            )
            .with_hint("leave `--sample-quality` out"));
        }
        Ok(Self { width, kept })
    }

    /// Returns the number of features that are kept.
    pub fn kept_count(&self) -> usize {
        self.kept.len()
    }

    /// Returns the features that are kept, on their scales.
    pub fn apply(&self, features: &[f32]) -> Vec<f32> {
        let rows = features.chunks_exact(self.width);
        let scaled = rows.flat_map(|row| {
            let kept = self.kept.iter();
            kept.map(|(index, mean, deviation)| {
                ((f64::from(row[*index]) - mean) / deviation) as f32
            })
        });
        scaled.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_mean_0_and_variance_1_and_constant_ones_are_left_out() {
        let features = [1.0, 7.0, 10.0, 3.0, 7.0, 30.0];
        let scales = Standardiser::new(&features, 3).unwrap();
        assert_eq!(scales.kept_count(), 2);
        assert_eq!(scales.apply(&features), [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(scales.apply(&[5.0, 0.0, 20.0]), [3.0, 0.0]);
        assert!(Standardiser::new(&[1.0, 2.0, 1.0, 2.0], 2).is_err());
    }
}
