//! How often a normal image is flagged, whatever the model: split conformal p-values (Vovk, Gammerman, Shafer 2005; Bates,
//! Candès, Lei, Romano, Sesia 2023, Testing for outliers with conformal p-values).
//!
//! The scores of n normal images that neither trained nor chose the model calibrate. An image with the score s has
//! p = (1 + the number of calibration scores >= s) / (n + 1). If it is normal, its rank among the n + 1 scores is uniform, so
//! that p <= a with probability at most a. To flag where p <= a is to flag the scores above the k-th largest
//! calibration score, with k = floor(a (n + 1)).
//!
//! That probability is a mean over calibration sets. The rate of one set is the probability that a new score is above its k-th
//! largest score: of n numbers, uniform in [0, 1] without ties, the k-th smallest, whose distribution is Beta(k, n + 1 - k)
//! with the mean k / (n + 1). Ties only lower the rate. So P(rate > a) <= 1 - I_a(k, n + 1 - k), and the confidence
//! c is kept by the largest k with I_a(k, n + 1 - k) >= c.

use crate::density::{beta_cdf, beta_quantile};
use crate::error::{Error, Result};

/// The slack for products such as 0.07 x 100, which rounding moves past a whole number.
const ROUNDING: f64 = 1e-9;

/// The false-alarm rate that is promised unless another is asked for.
pub const FALSE_ALARMS: f64 = 0.05;

/// A bound on how often normal images are flagged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalseAlarmPromise {
    /// The largest rate at which normal images are flagged, `a`.
    pub rate: f64,
    /// `c`: this set's own rate is at most `rate` with this probability over calibration sets. `None`: the mean of the rates
    /// is at most `rate`.
    pub confidence: Option<f64>,
}

/// The scores of calibration images.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// `[n]`, the largest first.
    scores: Vec<f64>,
}

/// The scores that are flagged: those above a calibration score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlaggingRule {
    /// The rank `k` of the threshold among the calibration scores, from 1 for the largest.
    pub rank: usize,
    /// The k-th largest calibration score. A score is flagged if it is larger.
    pub threshold: f64,
    /// The probability that a normal image is flagged, the mean over calibration sets: at most this.
    pub mean_rate: f64,
    /// The 5 % and the 95 % quantile over calibration sets of the rate at which normal images are flagged.
    pub rate_range: [f64; 2],
}

impl FalseAlarmPromise {
    /// Checks that the promise can be given.
    ///
    /// # Errors
    /// The rate or the confidence is not between 0 and 1.
    pub fn check(&self) -> Result<()> {
        let between = |flag: &str, value: f64| {
            if value > 0.0 && value < 1.0 {
                return Ok(());
            }
            Err(Error::request(format!(
                "{flag} is {value}; expected a number above 0 and below 1"
            )))
        };
        between("--fpr", self.rate)?;
        self.confidence
            .map_or(Ok(()), |confidence| between("--confidence", confidence))
    }

    /// Returns the smallest number of calibration images with which the promise can be given: with the rank 1, the rates are
    /// 1 / (n + 1) in the mean and above `a` with the probability (1 - a)^n.
    pub fn images_needed(&self) -> usize {
        let for_mean = (1.0 / self.rate - ROUNDING).ceil() - 1.0;
        let for_confidence = self.confidence.map_or(0.0, |confidence| {
            ((-confidence).ln_1p() / (-self.rate).ln_1p() - ROUNDING).ceil()
        });
        for_mean.max(for_confidence).max(1.0) as usize
    }

    /// Returns the largest rank that keeps the promise with `n` calibration images, or `None` if they are too few.
    pub fn rank(&self, n: usize) -> Option<usize> {
        let highest = (self.rate * (n as f64 + 1.0) + ROUNDING).floor() as usize;
        let highest = highest.min(n);
        let Some(confidence) = self.confidence else {
            return (highest > 0).then_some(highest);
        };
        let is_kept = |rank: usize| {
            beta_cdf(self.rate, rank as f64, (n + 1 - rank) as f64) >= confidence - ROUNDING
        };
        // The probability falls with the rank.
        let (mut kept, mut broken) = (0, highest + 1);
        while broken - kept > 1 {
            let middle = kept.midpoint(broken);
            if is_kept(middle) {
                kept = middle;
            } else {
                broken = middle;
            }
        }
        (kept > 0).then_some(kept)
    }
}

impl Calibration {
    /// Takes the scores of calibration images, in any order.
    ///
    /// # Errors
    /// There is no score, or one is NaN or infinite.
    pub fn new(mut scores: Vec<f64>) -> Result<Self> {
        if scores.is_empty() {
            return Err(Error::request("there are no calibration images"));
        }
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(Error::failed(
                "a calibration image has a score that is NaN or infinite",
            ));
        }
        scores.sort_by(|a, b| b.total_cmp(a));
        Ok(Self { scores })
    }

    /// Returns the calibration scores, the largest first.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Returns `n`, the number of calibration images.
    pub fn count(&self) -> usize {
        self.scores.len()
    }

    /// Returns the number of calibration scores that are at least `score`.
    pub fn at_least(&self, score: f64) -> usize {
        self.scores.partition_point(|&other| other >= score)
    }

    /// Returns the p-value of an image: the smallest rate of false alarms at which it is flagged.
    pub fn p_value(&self, score: f64) -> f64 {
        (1.0 + self.at_least(score) as f64) / (1.0 + self.count() as f64)
    }

    /// Returns which scores are flagged.
    ///
    /// # Errors
    /// The promise needs more calibration images, or its rate or confidence is not between 0 and 1.
    pub fn rule(&self, promise: FalseAlarmPromise) -> Result<FlaggingRule> {
        promise.check()?;
        let n = self.count();
        let Some(rank) = promise.rank(n) else {
            return Err(too_few(promise, n));
        };
        let (a, b) = (rank as f64, (n + 1 - rank) as f64);
        Ok(FlaggingRule {
            rank,
            threshold: self.scores[rank - 1],
            mean_rate: a / (a + b),
            rate_range: [0.05, 0.95].map(|p| beta_quantile(p, a, b)),
        })
    }
}

impl FlaggingRule {
    /// Returns whether an image with this score is flagged.
    pub fn flags(&self, score: f64) -> bool {
        score > self.threshold
    }
}

fn too_few(promise: FalseAlarmPromise, n: usize) -> Error {
    let confidence = promise
        .confidence
        .map(|confidence| format!(" with confidence {confidence}"))
        .unwrap_or_default();
    let smallest = 1.0 / (n as f64 + 1.0);
    let lowest_rate = promise.confidence.map_or(smallest, |confidence| {
        smallest.max(-((-confidence).ln_1p() / n as f64).exp_m1())
    });
    // Rounded up, so that the hint's rate is one that can be promised.
    let lowest_rate = (lowest_rate * 1000.0 - ROUNDING).ceil() / 1000.0;
    Error::request(format!(
        "--fpr {}{confidence} needs {} calibration images; there are {n}",
        promise.rate,
        promise.images_needed()
    ))
    .with_hint(format!(
        "calibrate with more normal images, or pass `--fpr {lowest_rate}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn promise(rate: f64, confidence: Option<f64>) -> FalseAlarmPromise {
        FalseAlarmPromise { rate, confidence }
    }

    #[test]
    fn a_tie_counts_against_the_image() {
        let calibration = Calibration::new(vec![1.0, 3.0, 2.0, 2.0]).unwrap();
        let p = [0.5, 1.0, 2.0, 2.5, 3.0, 3.5].map(|score| calibration.p_value(score));
        assert_eq!(p, [1.0, 1.0, 0.8, 0.4, 0.4, 0.2]);
    }

    #[test]
    fn an_image_is_flagged_where_its_p_value_is_at_most_the_promised_rate() {
        let rng = Rng::new(1);
        // Whole numbers, so that there are ties.
        let scores = (0..99).map(|i| f64::from((rng.normal(i) * 5.0).round()));
        let calibration = Calibration::new(scores.collect()).unwrap();
        for percent in 1..100 {
            let rate = f64::from(percent) / 100.0;
            let rule = calibration.rule(promise(rate, None)).unwrap();
            assert_eq!(rule.rank, percent as usize);
            for score in -20..20 {
                let score = f64::from(score);
                let p = calibration.p_value(score);
                assert_eq!(rule.flags(score), p <= rate + 1e-9, "{rate} {score} {p}");
            }
        }
    }

    #[test]
    fn ranks_and_needed_images_are_those_of_exact_binomial_tails() {
        for (rate, n, mean, confident) in [
            (0.05, 50, Some(2), None),
            (0.05, 200, Some(10), Some(5)),
            (0.05, 1000, Some(50), Some(39)),
            (0.01, 50, None, None),
            (0.01, 500, Some(5), Some(2)),
            (0.01, 2000, Some(20), Some(13)),
        ] {
            assert_eq!(promise(rate, None).rank(n), mean, "{rate} {n}");
            assert_eq!(promise(rate, Some(0.95)).rank(n), confident, "{rate} {n}");
        }
        for (rate, confidence, needed) in [
            (0.01, None, 99),
            (0.05, None, 19),
            (0.02, None, 49),
            (0.01, Some(0.95), 299),
            (0.05, Some(0.95), 59),
            (0.9, None, 1),
        ] {
            let promise = promise(rate, confidence);
            assert_eq!(promise.images_needed(), needed);
            assert!(promise.rank(needed).is_some());
            assert!(needed == 1 || promise.rank(needed - 1).is_none());
        }
    }

    #[test]
    fn too_few_images_are_an_error_with_the_number_needed_and_a_rate_that_can_be_promised() {
        let calibration = Calibration::new((0..64).map(f64::from).collect()).unwrap();
        for (confidence, needed) in [(None, "99"), (Some(0.95), "299")] {
            let error = calibration.rule(promise(0.01, confidence)).unwrap_err();
            assert_eq!(error.code(), 2);
            assert!(
                error.to_string().contains(&format!("needs {needed} ")),
                "{error}"
            );
            let hint = error.hint().unwrap();
            let rate = hint.split("--fpr ").nth(1).unwrap().trim_end_matches('`');
            let possible = promise(rate.parse().unwrap(), confidence);
            assert_eq!(calibration.rule(possible).unwrap().rank, 1, "{hint}");
        }
        for wrong in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(calibration.rule(promise(wrong, None)).is_err());
            assert!(calibration.rule(promise(0.1, Some(wrong))).is_err());
        }
    }

    /// Over 2000 calibration sets of 60 uniform scores, the rate of the rule is known exactly: 1 - threshold.
    #[test]
    fn the_promise_holds_in_the_mean_and_with_confidence_over_calibration_sets() {
        let rates = |confidence| -> Vec<f64> {
            let set = |set: u64| {
                let rng = Rng::new(7).at(set);
                let scores = (0..60).map(|i| f64::from(rng.uniform(i))).collect();
                let calibration = Calibration::new(scores).unwrap();
                1.0 - calibration
                    .rule(promise(0.1, confidence))
                    .unwrap()
                    .threshold
            };
            (0..2000).map(set).collect()
        };
        let mean = rates(None).iter().sum::<f64>() / 2000.0;
        // The mean of the Beta distribution is 6 / 61, its deviation 0.038: the standard error is 0.0008.
        assert!((mean - 6.0 / 61.0).abs() < 0.003, "{mean}");
        let broken = rates(Some(0.95)).iter().filter(|rate| **rate > 0.1).count();
        // 5 % of the sets, and three standard errors.
        assert!(broken <= 130, "{broken}");
    }

    #[test]
    fn scores_that_are_no_numbers_do_not_calibrate() {
        assert!(Calibration::new(vec![]).is_err());
        assert!(Calibration::new(vec![1.0, f64::NAN]).is_err());
    }
}
