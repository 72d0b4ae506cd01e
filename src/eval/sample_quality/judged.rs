//! The readings of a classifier: those of samples, beside those of held-out images.

use super::bootstrap::Resamples;
use crate::eval::Estimate;

/// The probability from which on the classifier is sure.
pub const SURE: f64 = 0.9;

/// The classifier's findings.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The share of held-out images that are read as their labels say. It bounds what the other figures can mean.
    pub accuracy: Estimate,
    /// The mean probability of the most probable class, of samples and of held-out images.
    pub confidence: [Estimate; 2],
    /// The share of images with such a class of at least [`SURE`].
    pub sure: [Estimate; 2],
    /// The entropy of the shares of the classes, in nats. It is at most the logarithm of the number of classes.
    pub entropy: [Estimate; 2],
    /// `[class]`: the share of images that are read as each class.
    pub histogram: Vec<[f64; 2]>,
    /// The share of samples that are read as the class that a conditional model was asked for; `None` for other models.
    pub as_asked: Option<Estimate>,
}

impl Judged {
    /// Summarises the readings of samples and of held-out images, each a class with its probability. `labels` are the
    /// classes of the held-out images, and `asked` those that samples were asked for. The resamples are those of the samples
    /// and of the held-out images.
    pub fn new(
        readings: [&[(u32, f64)]; 2],
        labels: &[u32],
        asked: Option<&[u32]>,
        class_count: usize,
        resamples: [&Resamples; 2],
    ) -> Self {
        let [samples, held_out] = [0, 1].map(|set| (readings[set], resamples[set]));
        let agreement = |(readings, resamples): (&[(u32, f64)], &Resamples), classes: &[u32]| {
            let right = readings.iter().zip(classes);
            let right = right.map(|((read, _), class)| f64::from(u8::from(read == class)));
            resamples.mean(&right.collect::<Vec<f64>>())
        };
        let each = |value: &dyn Fn(&(u32, f64)) -> f64| {
            [samples, held_out].map(|(readings, resamples)| {
                resamples.mean(&readings.iter().map(value).collect::<Vec<f64>>())
            })
        };
        let shares = |readings: &[(u32, f64)], counts: &[f32]| {
            let mut shares = vec![0.0; class_count];
            for ((class, _), &count) in readings.iter().zip(counts) {
                shares[*class as usize] += f64::from(count) / readings.len() as f64;
            }
            shares
        };
        let histogram = [samples, held_out].map(|(readings, all)| shares(readings, &all.counts[0]));
        let [of_samples, of_held_out] = histogram;
        let pairs = of_samples.into_iter().zip(of_held_out);
        Self {
            accuracy: agreement(held_out, labels),
            confidence: each(&|(_, probability)| *probability),
            sure: each(&|(_, probability)| f64::from(u8::from(*probability >= SURE))),
            entropy: [samples, held_out].map(|(readings, resamples)| {
                resamples.figure(|counts| entropy(&shares(readings, counts)))
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
    fn readings_are_counted() {
        let samples = [(0, 0.95), (0, 0.5), (1, 0.9), (0, 0.85)];
        let held_out = [(0, 1.0), (1, 1.0), (1, 1.0), (0, 1.0)];
        let resamples = Resamples::new(4, Rng::new(1));
        let found = Judged::new(
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
        assert_eq!(found.sure.map(|sure| sure.mean), [0.5, 1.0]);
        assert_eq!(found.histogram, [[0.75, 0.5], [0.25, 0.5], [0.0, 0.0]]);
        assert!((found.entropy[1].mean - 2.0_f64.ln()).abs() < 1e-12);
        assert!(found.sure[0].se.unwrap() > 0.1);
    }
}
