//! Multinomial logistic regression, p(y | x) = softmax(W x + b), on features of mean 0 and variance 1. It minimises the
//! mean negative log-likelihood plus |W|^2 / 2N, which is scikit-learn's default penalty (C = 1).

use super::lbfgs::minimise;
use super::logits::{Logits, TOGETHER, add};
use crate::ops::pool;
use crate::ops::simd::with_widest_simd;

/// Examples that one core takes at a time.
const ROWS: usize = 256;

/// A fitted classifier.
#[derive(Clone, Debug)]
pub struct Logistic {
    /// `[D]`: each feature's mean, and one over its standard deviation; 0 for a constant feature, which tells nothing.
    standard: Vec<[f64; 2]>,
    /// `[C][D + 1]`: the intercept is the last.
    weights: Vec<Vec<f64>>,
}

impl Logistic {
    /// `balanced`: every class has the same weight, instead of every example.
    ///
    /// # Shapes
    /// `x`: `[N][D]`; `labels`: `[N]`, each below `classes`.
    pub fn fit(x: &[Vec<f32>], labels: &[u16], classes: usize, balanced: bool) -> Self {
        let inputs = x.first().map_or(0, Vec::len);
        let standard = pool::map(0..inputs, |input| {
            standard(x.iter().map(|row| f64::from(row[input])))
        });
        let mut fitted = Self {
            standard,
            weights: vec![vec![0.0; inputs + 1]; classes],
        };
        if x.is_empty() {
            return fitted;
        }
        let mut counts = vec![0_usize; classes];
        labels
            .iter()
            .for_each(|&label| counts[usize::from(label)] += 1);
        let occurring = counts.iter().filter(|&&count| count > 0).count();
        let weight = |label: u16| match balanced {
            true => 1.0 / (occurring * counts[usize::from(label)]) as f64,
            false => 1.0 / x.len() as f64,
        };
        let examples: Vec<(Vec<f64>, u16, f64)> = x
            .iter()
            .zip(labels)
            .map(|(x, &label)| (fitted.standardised(x), label, weight(label)))
            .collect();
        let width = inputs + 1;
        let found = minimise(vec![0.0; classes * width], |weights| {
            loss(&examples, weights, width)
        });
        fitted.weights = found.chunks_exact(width).map(<[f64]>::to_vec).collect();
        fitted
    }

    /// Returns the most probable class.
    pub fn predict(&self, x: &[f32]) -> u16 {
        let x = self.standardised(x);
        let logits: Vec<f64> = self
            .weights
            .iter()
            .map(|weights| logit(weights, &x))
            .collect();
        // The first of equal ones.
        (0..logits.len())
            .rev()
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
            .unwrap_or(0) as u16
    }

    /// Returns the share of examples whose class is predicted.
    pub fn accuracy(&self, x: &[Vec<f32>], labels: &[u16]) -> f64 {
        let right = self.right(x, labels);
        right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
    }

    /// Returns the mean of the classes' own accuracies, over those that occur.
    pub fn balanced_accuracy(&self, x: &[Vec<f32>], labels: &[u16]) -> f64 {
        let mut of_class = vec![[0_usize; 2]; self.weights.len()];
        for (right, &label) in self.right(x, labels).into_iter().zip(labels) {
            of_class[usize::from(label)][0] += usize::from(right);
            of_class[usize::from(label)][1] += 1;
        }
        let shares = of_class
            .iter()
            .filter(|[_, all]| *all > 0)
            .map(|&[right, all]| right as f64 / all as f64);
        let shares: Vec<f64> = shares.collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }

    fn right(&self, x: &[Vec<f32>], labels: &[u16]) -> Vec<bool> {
        let chunks = x.chunks(ROWS).zip(labels.chunks(ROWS));
        let of = |(x, labels): (&[Vec<f32>], &[u16])| {
            x.iter()
                .zip(labels)
                .map(|(x, &label)| self.predict(x) == label)
                .collect::<Vec<bool>>()
        };
        pool::map(chunks, of).concat()
    }

    fn standardised(&self, x: &[f32]) -> Vec<f64> {
        x.iter()
            .zip(&self.standard)
            .map(|(&x, [mean, scale])| (f64::from(x) - mean) * scale)
            .collect()
    }
}

/// Returns the mean, and one over the standard deviation, or 0 if that is no more than rounding.
fn standard(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    [
        mean,
        if deviation > 1e-6 * mean.abs() {
            1.0 / deviation
        } else {
            0.0
        },
    ]
}

fn logit(weights: &[f64], x: &[f64]) -> f64 {
    let (intercept, weights) = weights
        .split_last()
        .map_or((0.0, weights), |(last, rest)| (*last, rest));
    intercept
        + weights
            .iter()
            .zip(x)
            .map(|(weight, x)| weight * x)
            .sum::<f64>()
}

/// Returns the sums of [`loss`] over some examples. Several are taken together, and each number is still added up in their
/// order.
#[inline(always)]
fn part(examples: &[(Vec<f64>, u16, f64)], logits: &Logits, width: usize) -> (f64, Vec<f64>) {
    let classes = logits.classes();
    let (mut loss, mut gradient) = (0.0, vec![0.0; classes * width]);
    // [TOGETHER][C]: the logits, and then the derivatives by them.
    let mut p = vec![vec![0.0; classes]; TOGETHER];
    for examples in examples.chunks(TOGETHER) {
        // The last one stands in for those that are missing.
        let x = std::array::from_fn(|i| &examples[i.min(examples.len() - 1)].0[..]);
        logits.fill(x, &mut p);
        for (p, (_, label, importance)) in p.iter_mut().zip(examples) {
            let of_label = p[usize::from(*label)];
            let largest = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            p.iter_mut().for_each(|p| *p = (*p - largest).exp());
            let total: f64 = p.iter().sum();
            loss += importance * (total.ln() + largest - of_label);
            for (class, p) in p.iter_mut().enumerate() {
                *p = importance * (*p / total - f64::from(u8::from(class == usize::from(*label))));
            }
        }
        for (class, gradient) in gradient.chunks_exact_mut(width).enumerate() {
            let (inputs, intercept) = gradient.split_at_mut(width - 1);
            let errors: [f64; TOGETHER] = std::array::from_fn(|i| p[i][class]);
            add(inputs, errors, x, examples.len());
            for error in &errors[..examples.len()] {
                intercept[0] += error;
            }
        }
    }
    (loss, gradient)
}

/// Returns the function that is minimised and its gradient. Both are added up in the examples' order, so that the number of
/// threads does not change them.
///
/// # Shapes
/// `examples`: features `[D]`, class and weight; `weights` and the gradient: `[C * width]`, where `width` is D + 1.
fn loss(examples: &[(Vec<f64>, u16, f64)], weights: &[f64], width: usize) -> (f64, Vec<f64>) {
    let logits = Logits::new(weights, width);
    let pass = pool::map(examples.chunks(ROWS), |examples| {
        with_widest_simd(
            #[inline(always)]
            || part(examples, &logits, width),
        )
    });
    let penalty = 1.0 / examples.len() as f64;
    let (mut value, mut gradient) = (0.0, vec![0.0; weights.len()]);
    for (loss, part) in pass {
        value += loss;
        gradient
            .iter_mut()
            .zip(part)
            .for_each(|(sum, part)| *sum += part);
    }
    for (gradient, weights) in gradient
        .chunks_exact_mut(width)
        .zip(weights.chunks_exact(width))
    {
        for (gradient, weight) in gradient.iter_mut().zip(&weights[..width - 1]) {
            value += 0.5 * penalty * weight * weight;
            *gradient += penalty * weight;
        }
    }
    (value, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn examples() -> Vec<(Vec<f64>, u16, f64)> {
        let normal = |i: u64| f64::from(Rng::new(3).normal(i));
        (0..300)
            .map(|i| {
                (
                    vec![normal(4 * i), normal(4 * i + 1)],
                    (i % 3) as u16,
                    1.0 / 300.0,
                )
            })
            .collect()
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let examples = examples();
        let weights: Vec<f64> = (0..9).map(|i| 0.3 * f64::from(i) - 1.0).collect();
        let (_, gradient) = loss(&examples, &weights, 3);
        for i in 0..9 {
            let at = |step: f64| {
                let mut moved = weights.clone();
                moved[i] += step;
                loss(&examples, &moved, 3).0
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-8,
                "{i}: {slope} and {}",
                gradient[i]
            );
        }
        // log 3, where nothing is known.
        assert!((loss(&examples, &[0.0; 9], 3).0 - 3_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_fitted_is_the_minimum() {
        // Classes that overlap: a Gaussian each, of variance 1, around 0, 1 and 3. The best rule cuts at 0.5 and 2.
        let x: Vec<Vec<f32>> = (0..30_000)
            .map(|i| vec![[0.0, 1.0, 3.0][i % 3] + Rng::new(4).normal(i as u64), 7.0])
            .collect();
        let labels: Vec<u16> = (0..30_000).map(|i| i % 3).collect();
        for balanced in [false, true] {
            let fitted = Logistic::fit(&x, &labels, 3, balanced);
            for (point, class) in [(-5.0, 0), (0.4, 0), (0.6, 1), (1.9, 1), (2.1, 2), (9.0, 2)] {
                assert_eq!(fitted.predict(&[point, 7.0]), class, "{point}");
            }
            // Phi(1/2), Phi(1) - Phi(-1/2), Phi(1).
            let exact = (0.691_46 + 0.841_34 - 0.308_54 + 0.841_34) / 3.0;
            assert!((fitted.accuracy(&x, &labels) - exact).abs() < 0.01);
            assert!((fitted.balanced_accuracy(&x, &labels) - exact).abs() < 0.01);
        }
        // One class is rare: it is ignored if examples have equal weight, and not if classes have.
        let few: Vec<usize> = (0..30_000).filter(|i| i % 3 != 1 || i % 300 == 1).collect();
        let (x, labels): (Vec<_>, Vec<_>) = few.iter().map(|&i| (x[i].clone(), labels[i])).unzip();
        let of_rare = |balanced| Logistic::fit(&x, &labels, 3, balanced).predict(&[1.0, 7.0]);
        assert_eq!([of_rare(false), of_rare(true)], [0, 1]);
    }

    #[test]
    fn nothing_to_learn_from_gives_the_most_frequent_class() {
        let fitted = Logistic::fit(&vec![vec![2.0]; 5], &[1, 1, 0, 1, 2], 3, false);
        assert_eq!(fitted.predict(&[2.0]), 1);
        assert_eq!(Logistic::fit(&[], &[], 3, true).predict(&[]), 0);
    }
}
