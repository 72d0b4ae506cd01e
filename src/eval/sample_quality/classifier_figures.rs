//! The figures of a classifier's predictions: those of samples, beside those of held-out images.

use crate::eval::Estimate;
use crate::eval::bootstrap::Resamples;

/// The probability from which on a prediction is confident.
pub const CONFIDENT: f64 = 0.9;

/// The figures of the classes that a classifier predicts.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierFigures {
    /// The share of held-out images whose label is predicted. It bounds what the other figures can mean.
    pub accuracy: Estimate,
    /// The mean probability of the most probable class, of samples and of held-out images.
    pub confidence: [Estimate; 2],
    /// The share of images with such a class of at least [`CONFIDENT`].
    pub confident: [Estimate; 2],
    /// The entropy of the shares of the classes, in nats. It is at most the logarithm of the number of classes.
    pub entropy: [Estimate; 2],
    /// `[class]`: the share of images for which each class is predicted.
    pub histogram: Vec<[f64; 2]>,
    /// The share of samples for which the class that a conditional model was asked for is predicted; `None` for other models.
    pub as_asked: Option<Estimate>,
}

impl ClassifierFigures {
    /// Summarises the predictions for samples and for held-out images, each a class with its probability. `labels` are the
    /// classes of the held-out images, and `asked` those that samples were asked for. The resamples are those of the samples
    /// and of the held-out images.
    pub fn new(
        predictions: [&[(u32, f64)]; 2],
        labels: &[u32],
        asked: Option<&[u32]>,
        class_count: usize,
        resamples: [&Resamples; 2],
    ) -> Self {
        let [samples, held_out] = [0, 1].map(|set| (predictions[set], resamples[set]));
        let agreement = |(predictions, resamples): (&[(u32, f64)], &Resamples), classes: &[u32]| {
            let right = predictions.iter().zip(classes);
            let right =
                right.map(|((predicted, _), class)| f64::from(u8::from(predicted == class)));
            resamples.mean(&right.collect::<Vec<f64>>())
        };
        let each = |value: &dyn Fn(&(u32, f64)) -> f64| {
            [samples, held_out].map(|(predictions, resamples)| {
                resamples.mean(&predictions.iter().map(value).collect::<Vec<f64>>())
            })
        };
        let shares = |predictions: &[(u32, f64)], counts: &[f32]| {
            let mut shares = vec![0.0; class_count];
            for ((class, _), &count) in predictions.iter().zip(counts) {
                shares[*class as usize] += f64::from(count) / predictions.len() as f64;
            }
            shares
        };
        let histogram =
            [samples, held_out].map(|(predictions, all)| shares(predictions, &all.counts[0]));
        let [of_samples, of_held_out] = histogram;
        let pairs = of_samples.into_iter().zip(of_held_out);
        Self {
            accuracy: agreement(held_out, labels),
            confidence: each(&|(_, probability)| *probability),
            confident: each(&|(_, probability)| f64::from(u8::from(*probability >= CONFIDENT))),
            entropy: [samples, held_out].map(|(predictions, resamples)| {
                resamples.figure(|counts| entropy(&shares(predictions, counts)))
            }),
            histogram: pairs
                .map(|(samples, held_out)| [samples, held_out])
                .collect(),
            as_asked: asked.map(|asked| agreement(samples, asked)),
        }
    }
}

fn entropy(shares: &[f64]) -> f64 {
    let shares = shares.iter().filter(|share| **share > 0.0);
    -shares.map(|share| share * share.ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn predictions_are_counted() {
        let samples = [(0, 0.95), (0, 0.5), (1, 0.9), (0, 0.85)];
        let held_out = [(0, 1.0), (1, 1.0), (1, 1.0), (0, 1.0)];
        let resamples = Resamples::new(4, Rng::new(1));
        let found = ClassifierFigures::new(
            [&samples, &held_out],
            &[0, 1, 1, 1],
            Some(&[0, 1, 1, 1]),
            3,
            [&resamples, &resamples],
        );
        assert_eq!(found.accuracy.mean, 0.75);
        assert_eq!(found.as_asked.unwrap().mean, 0.5);
        assert!((found.confidence[0].mean - 0.8).abs() < 1e-12);
        assert_eq!(found.confidence[1].mean, 1.0);
        assert_eq!(found.confident.map(|share| share.mean), [0.5, 1.0]);
        assert_eq!(found.histogram, [[0.75, 0.5], [0.25, 0.5], [0.0, 0.0]]);
        assert!((found.entropy[1].mean - 2.0_f64.ln()).abs() < 1e-12);
        assert!(found.confident[0].se.unwrap() > 0.1);
    }
}
