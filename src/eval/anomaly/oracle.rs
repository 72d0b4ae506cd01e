//! The threshold that a person who knows all answers would choose. Its numbers are a bound on what any threshold can reach, and no
//! measurement: it is chosen on the images that it is measured on.

/// The threshold with the largest F1 = 2 TP / (2 TP + FP + FN), and what it finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oracle {
    pub f1: f64,
    /// Scores that are at least this are flagged.
    pub threshold: f64,
    /// The share of abnormal images that are flagged.
    pub found: f64,
    /// The share of normal images that are flagged.
    pub false_alarms: f64,
}

impl Oracle {
    /// Tries every score as the threshold, and returns the highest of the best ones. Returns `None` without abnormal images.
    pub fn new(normal: &[f64], abnormal: &[f64]) -> Option<Self> {
        let mut all: Vec<(f64, bool)> = Vec::new();
        all.extend(normal.iter().map(|&score| (score, false)));
        all.extend(abnormal.iter().map(|&score| (score, true)));
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut flagged = [0.0; 2];
        let mut best: Option<Self> = None;
        for (i, &(score, is_abnormal)) in all.iter().enumerate() {
            flagged[usize::from(is_abnormal)] += 1.0;
            if all.get(i + 1).is_some_and(|next| next.0 == score) || abnormal.is_empty() {
                continue;
            }
            let [false_alarms, found] = flagged;
            let f1 = 2.0 * found / (found + false_alarms + abnormal.len() as f64);
            if best.is_none_or(|best| f1 > best.f1) {
                best = Some(Self {
                    f1,
                    threshold: score,
                    found: found / abnormal.len() as f64,
                    false_alarms: false_alarms / normal.len().max(1) as f64,
                });
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_threshold_is_the_one_of_all_that_has_the_largest_f1() {
        let (normal, abnormal) = ([1.0, 2.0, 3.0, 4.0], [3.0, 5.0, 6.0]);
        let found = Oracle::new(&normal, &abnormal).unwrap();
        let f1 = |threshold: f64| {
            let above = |scores: &[f64]| scores.iter().filter(|s| **s >= threshold).count() as f64;
            2.0 * above(&abnormal) / (above(&abnormal) + above(&normal) + 3.0)
        };
        let all = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(f1);
        let best = all.into_iter().fold(0.0, f64::max);
        assert_eq!((found.f1, f1(found.threshold)), (best, best));
        assert_eq!(
            (found.threshold, found.found, found.false_alarms),
            (5.0, 2.0 / 3.0, 0.0)
        );
        assert_eq!(Oracle::new(&normal, &[]), None);
        assert_eq!(Oracle::new(&[], &[1.0]).unwrap().f1, 1.0);
    }
}
