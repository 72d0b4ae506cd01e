//! How well a score tells abnormal images from normal ones, over all thresholds, with errors by the bootstrap.

use super::roc::{WeightedScore, area_under_roc, average_precision};
use crate::error::{Error, Result};
use crate::eval::Estimate;
use crate::eval::bootstrap::{Resamples, spread};
use crate::rng::Rng;

/// The area under the ROC curve of a score that says nothing.
pub const CHANCE_AUROC: f64 = 0.5;

/// How well a score finds abnormal images.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The area under the ROC curve: the probability that an abnormal image has a higher score than a normal one, where equal
    /// scores count as half.
    pub auroc: Estimate,
    /// The area under the precision-recall curve, as average precision.
    pub auprc: Estimate,
    /// The area under the precision-recall curve of a score that says nothing: the share of abnormal images.
    pub chance_auprc: f64,
    pub normal_count: usize,
    pub abnormal_count: usize,
    /// `[1 + resamples]`: the area under the ROC curve of all images, then of each resample.
    areas: Vec<f64>,
}

impl Detection {
    /// Measures scores; the higher, the stranger. Normal and abnormal images are resampled apart, so that their
    /// numbers stay what they are. The same `rng` and numbers of images give the same resamples, so that scores of the same
    /// images can be compared.
    ///
    /// # Errors
    /// There are no normal or no abnormal images, or a score is NaN.
    pub fn measure(normal: &[f64], abnormal: &[f64], rng: Rng) -> Result<Self> {
        for (scores, kind) in [(normal, "normal"), (abnormal, "abnormal")] {
            if scores.is_empty() {
                return Err(Error::request(format!("there are no {kind} images")));
            }
            if scores.iter().any(|score| score.is_nan()) {
                return Err(Error::failed(format!("the score of a {kind} image is NaN")));
            }
        }
        let resamples = [(normal, "normal"), (abnormal, "abnormal")]
            .map(|(scores, name)| Resamples::new(scores.len(), rng.stream(name)));
        // Sorted once for all resamples.
        let mut order: Vec<(f64, bool, usize)> = Vec::new();
        order.extend(normal.iter().enumerate().map(|(i, &s)| (s, false, i)));
        order.extend(abnormal.iter().enumerate().map(|(i, &s)| (s, true, i)));
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let figures = |resample: usize| {
            let weighted = order.iter().map(|&(score, is_abnormal, image)| {
                let counts = &resamples[usize::from(is_abnormal)].counts[resample];
                let count = f64::from(counts[image]);
                WeightedScore {
                    score,
                    normal: if is_abnormal { 0.0 } else { count },
                    abnormal: if is_abnormal { count } else { 0.0 },
                }
            });
            [
                area_under_roc(weighted.clone(), 1.0),
                average_precision(weighted),
            ]
        };
        let all: Vec<[f64; 2]> = (0..resamples[0].counts.len()).map(figures).collect();
        let are_several = normal.len().min(abnormal.len()) > 1;
        let [auroc, auprc] = [0, 1].map(|i| {
            let spread = spread(all.iter().map(|figures| figures[i]));
            // A single image is the same in every resample, which says nothing about its error.
            Estimate {
                se: spread.se.filter(|_| are_several),
                ..spread
            }
        });
        Ok(Self {
            areas: all.iter().map(|figures| figures[0]).collect(),
            auroc,
            auprc,
            chance_auprc: abnormal.len() as f64 / order.len() as f64,
            normal_count: normal.len(),
            abnormal_count: abnormal.len(),
        })
    }

    /// Returns how much larger the area under the ROC curve is than that of another score of the same images, with the error of
    /// this difference: images that are hard for both scores add nothing to it.
    pub fn above(&self, other: &Self) -> Estimate {
        let pairs = self.areas.iter().zip(&other.areas);
        let difference = spread(pairs.map(|(area, other)| area - other));
        Estimate {
            se: difference.se.filter(|_| self.auroc.se.is_some()),
            ..difference
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_the_area_is_about_that_of_its_formula() {
        let rng = Rng::new(3);
        let scores = |stream: &str, count: u64, shift: f64| -> Vec<f64> {
            let rng = rng.stream(stream);
            (0..count)
                .map(|i| f64::from(rng.normal(i)) + shift)
                .collect()
        };
        let found = Detection::measure(&scores("a", 200, 0.0), &scores("b", 100, 1.0), Rng::new(1))
            .unwrap();
        // Hanley, McNeil 1982, equation 1.
        let a = found.auroc.mean;
        let [q1, q2] = [a / (2.0 - a), 2.0 * a * a / (1.0 + a)];
        let variance =
            (a * (1.0 - a) + 99.0 * (q1 - a * a) + 199.0 * (q2 - a * a)) / (100.0 * 200.0);
        let ratio = found.auroc.se.unwrap() / variance.sqrt();
        assert!((ratio - 1.0).abs() < 0.25, "{ratio}");
        assert!((a - 0.76).abs() < 0.08, "{a}");
        assert!((found.chance_auprc - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_difference_of_two_like_scores_is_known_better_than_either_score() {
        let rng = Rng::new(5);
        let normal: Vec<f64> = (0..100).map(|i| f64::from(rng.normal(i))).collect();
        let abnormal: Vec<f64> = (100..200).map(|i| 1.0 + f64::from(rng.normal(i))).collect();
        let shaken = |scores: &[f64]| -> Vec<f64> {
            let noise = rng.stream("noise");
            let pairs = (0..).zip(scores);
            pairs
                .map(|(i, score)| score + 0.1 * f64::from(noise.normal(i)))
                .collect()
        };
        let measure = |a: &[f64], b: &[f64]| Detection::measure(a, b, Rng::new(1)).unwrap();
        let one = measure(&normal, &abnormal);
        let other = measure(&shaken(&normal), &shaken(&abnormal));
        let difference = one.above(&other);
        assert!((difference.mean - (one.auroc.mean - other.auroc.mean)).abs() < 1e-12);
        assert!(difference.se.unwrap() < 0.4 * one.auroc.se.unwrap());
        assert_eq!(one.above(&one).se, Some(0.0));
    }

    #[test]
    fn a_single_image_has_an_unknown_error() {
        let found = Detection::measure(&[1.0], &[2.0, 3.0], Rng::new(1)).unwrap();
        assert_eq!((found.auroc.mean, found.auroc.se), (1.0, None));
        assert_eq!(found.above(&found).se, None);
    }

    #[test]
    fn without_both_kinds_of_images_nothing_is_measured() {
        for (normal, abnormal) in [(&[][..], &[1.0][..]), (&[1.0], &[]), (&[f64::NAN], &[1.0])] {
            assert!(Detection::measure(normal, abnormal, Rng::new(1)).is_err());
        }
    }
}
