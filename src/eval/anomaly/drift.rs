//! Whether new images come from where the calibration images came from: the test of Kolmogorov (1933) and Smirnov (1939).
//!
//! The p-values of normal images are uniform, but they share one calibration set, whose own error moves all of them. So the
//! distance between their distribution and the uniform one is judged as that of two samples, the calibration scores and
//! the new ones: with n m / (n + m) in place of the number of images. The probability of a distance at least as
//! large is 2 sum_j (-1)^(j - 1) exp(-2 j^2 l^2) with l = (e + 0.12 + 0.11 / e) D and e the root of that number, which is
//! good for small samples too (Stephens 1970).

use super::conformal::Calibration;

/// The fewest images that are tested.
pub const FEWEST_FOR_DRIFT: usize = 50;

/// The result of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// The largest difference of the distribution functions of the new and the calibration scores.
    pub distance: f64,
    /// The probability of such a distance, or a larger one, if the images come from the same place.
    pub p_value: f64,
}

impl Drift {
    /// Compares new scores with those of calibration, or returns `None` if there are fewer than
    /// [`FEWEST_FOR_DRIFT`].
    pub fn new(calibration: &Calibration, scores: &[f64]) -> Option<Self> {
        if scores.len() < FEWEST_FOR_DRIFT {
            return None;
        }
        let old = calibration.scores();
        let mut new = scores.to_vec();
        new.sort_by(|a, b| b.total_cmp(a));
        let (n, m) = (old.len() as f64, new.len() as f64);
        // The distribution functions are compared behind each value; equal images have equal scores.
        let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
        while i < old.len() && j < new.len() {
            let value = old[i].max(new[j]);
            i += old[i..].iter().take_while(|score| **score >= value).count();
            j += new[j..].iter().take_while(|score| **score >= value).count();
            distance = distance.max((i as f64 / n - j as f64 / m).abs());
        }
        let root = (n * m / (n + m)).sqrt();
        Some(Self {
            distance,
            p_value: kolmogorov((root + 0.12 + 0.11 / root) * distance),
        })
    }
}

/// Returns the probability that a number of Kolmogorov's distribution is at least `l`.
fn kolmogorov(l: f64) -> f64 {
    // Below, the probability differs from 1 by less than 1e-12, and the series needs many terms.
    if l < 0.18 {
        return 1.0;
    }
    let term = |j: i32| (-2.0 * f64::from(j * j) * l * l).exp();
    let sum: f64 = (1..=30)
        .map(|j| if j % 2 == 1 { term(j) } else { -term(j) })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn normals(count: u64, seed: u64, shift: f64) -> Vec<f64> {
        let rng = Rng::new(seed);
        (0..count)
            .map(|i| f64::from(rng.normal(i)) + shift)
            .collect()
    }

    #[test]
    fn probabilities_are_those_of_scipy() {
        // scipy.special.kolmogorov, version 1.17.
        for (l, expected) in KOLMOGOROV {
            assert!((kolmogorov(l) - expected).abs() < 1e-12, "{l}");
        }
    }

    #[test]
    fn images_from_the_same_place_are_rejected_as_often_as_the_level_says() {
        let rejected = (0..500).filter(|&set| {
            let calibration = Calibration::new(normals(64, 2 * set, 0.0)).unwrap();
            let drift = Drift::new(&calibration, &normals(2000, 2 * set + 1, 0.0)).unwrap();
            drift.p_value <= 0.05
        });
        let rejected = rejected.count();
        assert!((10..=45).contains(&rejected), "{rejected} of 500");
    }

    #[test]
    fn a_shift_is_seen_and_few_images_are_not_judged() {
        let calibration = Calibration::new(normals(200, 1, 0.0)).unwrap();
        let drift = Drift::new(&calibration, &normals(100, 2, 1.0)).unwrap();
        assert!(drift.p_value < 1e-6 && drift.distance > 0.3, "{drift:?}");
        assert_eq!(Drift::new(&calibration, &normals(49, 2, 1.0)), None);
        let same = Drift::new(&calibration, &normals(200, 1, 0.0)).unwrap();
        assert!(same.p_value > 0.99, "{same:?}");
    }

    #[test]
    fn equal_scores_on_both_sides_are_no_drift() {
        let half_equal = |seed| [vec![1.5; 100], normals(100, seed, 0.0)].concat();
        let calibration = Calibration::new(half_equal(1)).unwrap();
        let drift = Drift::new(&calibration, &half_equal(2)).unwrap();
        assert!(drift.p_value > 0.05, "{drift:?}");
        let all_equal = Calibration::new(vec![2.0; 60]).unwrap();
        let drift = Drift::new(&all_equal, &[2.0; 70]).unwrap();
        assert_eq!((drift.distance, drift.p_value), (0.0, 1.0));
    }

    const KOLMOGOROV: [(f64, f64); 6] = [
        (0.1, 1.0),
        (0.3, 0.9999906941986655),
        (0.6, 0.8642827790506042),
        (1.0, 0.26999967167735456),
        (1.36, 0.049485876755377876),
        (3.0, 3.045995948942526e-08),
    ];
}
