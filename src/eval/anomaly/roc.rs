//! Areas under curves over all thresholds of a score, where each image or pixel has a weight. Equal scores share a threshold.

/// A score, and its weight among the normal and among the abnormal ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedScore {
    pub score: f64,
    pub normal: f64,
    pub abnormal: f64,
}

/// Calls `step` for each threshold, the highest first, with the normal and the abnormal weight before and after it.
fn for_each_threshold(
    scores: impl Iterator<Item = WeightedScore>,
    mut step: impl FnMut([f64; 2], [f64; 2]),
) {
    let (mut before, mut after, mut at) = ([0.0; 2], [0.0; 2], f64::NAN);
    for score in scores {
        if score.score != at {
            step(before, after);
            (before, at) = (after, score.score);
        }
        after = [after[0] + score.normal, after[1] + score.abnormal];
    }
    step(before, after);
}

/// Returns the area under the ROC curve, the share of the abnormal weight that is found over the share of the normal weight
/// that is flagged, up to the share `limit` and divided by it. The curve is straight between thresholds, which at the
/// limit 1 counts pairs of equal scores as half (midranks: Mann, Whitney 1947).
///
/// `scores` are sorted, the highest first; without normal or abnormal weight the result is NaN.
pub fn area_under_roc(scores: impl Iterator<Item = WeightedScore> + Clone, limit: f64) -> f64 {
    let mut all = [0.0; 2];
    for_each_threshold(scores.clone(), |_, after| all = after);
    let mut area = 0.0;
    for_each_threshold(scores, |before, after| {
        let [left, right] = [before[0] / all[0], after[0] / all[0]];
        let [low, high] = [before[1] / all[1], after[1] / all[1]];
        let end = right.min(limit);
        if end > left {
            let high = low + (high - low) * (end - left) / (right - left);
            area += 0.5 * (low + high) * (end - left);
        }
    });
    if all[0] > 0.0 && all[1] > 0.0 {
        area / limit
    } else {
        f64::NAN
    }
}

/// Returns the average precision: the sum over thresholds of the precision times the abnormal share found since the threshold
/// before. It is the area under the precision-recall curve without the optimistic straight lines between its points (Davis,
/// Goadrich 2006), and in expectation the abnormal share for scores that say nothing.
///
/// `scores` are sorted, the highest first; without abnormal weight the result is NaN.
pub fn average_precision(scores: impl Iterator<Item = WeightedScore>) -> f64 {
    let (mut sum, mut found) = (0.0, 0.0);
    for_each_threshold(scores, |before, after| {
        let flagged = after[0] + after[1];
        if flagged > 0.0 {
            sum += (after[1] - before[1]) * after[1] / flagged;
        }
        found = after[1];
    });
    sum / found
}

/// A point of a ROC curve: the shares of normal and of abnormal images that are flagged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    pub false_alarms: f64,
    pub found: f64,
}

/// Returns the ROC curve of scores, from (0, 0) to (1, 1), a point for each threshold.
pub fn roc_points(normal: &[f64], abnormal: &[f64]) -> Vec<RocPoint> {
    let weighted = |scores: &[f64], normal: f64| -> Vec<WeightedScore> {
        let score = |&score| WeightedScore {
            score,
            normal,
            abnormal: 1.0 - normal,
        };
        scores.iter().map(score).collect()
    };
    let mut all = [weighted(normal, 1.0), weighted(abnormal, 0.0)].concat();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut points = Vec::new();
    for_each_threshold(all.into_iter(), |_, after| {
        points.push(RocPoint {
            false_alarms: after[0] / normal.len().max(1) as f64,
            found: after[1] / abnormal.len().max(1) as f64,
        });
    });
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(pairs: &[(f64, bool)]) -> Vec<WeightedScore> {
        let mut scores: Vec<WeightedScore> = pairs
            .iter()
            .map(|&(score, abnormal)| WeightedScore {
                score,
                normal: f64::from(!abnormal),
                abnormal: f64::from(abnormal),
            })
            .collect();
        scores.sort_by(|a, b| b.score.total_cmp(&a.score));
        scores
    }

    #[test]
    fn perfect_reversed_and_equal_scores_have_the_areas_1_0_and_one_half() {
        let area = |pairs: &[(f64, bool)]| area_under_roc(scores(pairs).into_iter(), 1.0);
        assert_eq!(area(&[(1.0, false), (2.0, true), (3.0, true)]), 1.0);
        assert_eq!(area(&[(3.0, false), (2.0, true), (1.0, true)]), 0.0);
        assert_eq!(area(&[(1.0, false), (1.0, true), (1.0, true)]), 0.5);
        assert!(area(&[(1.0, true)]).is_nan());
    }

    #[test]
    fn a_curve_starts_at_nothing_and_ends_at_everything() {
        let points = roc_points(&[1.0, 2.0], &[2.0, 3.0]);
        let pairs: Vec<_> = points.iter().map(|p| (p.false_alarms, p.found)).collect();
        assert_eq!(pairs, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
    }

    #[test]
    fn a_limited_area_is_relative_to_the_limit() {
        // The first abnormal one is found at once, the second after half of the normal ones.
        let scores = scores(&[(4.0, true), (3.0, false), (2.0, true), (1.0, false)]);
        let area = |limit| area_under_roc(scores.iter().copied(), limit);
        assert_eq!([area(0.5), area(1.0)], [0.5, 0.75]);
        // A tie is a straight line from (0, 0) to (1, 1).
        let tie = [(1.0, true), (1.0, false)];
        assert!((area_under_roc(super::tests::scores(&tie).into_iter(), 0.3) - 0.15).abs() < 1e-12);
    }

    #[test]
    fn a_weight_counts_as_so_many_images() {
        let once = scores(&[
            (3.0, true),
            (2.0, false),
            (2.0, true),
            (2.0, true),
            (1.0, false),
        ]);
        let mut weighted = scores(&[(3.0, true), (2.0, false), (2.0, true), (1.0, false)]);
        let twice = weighted
            .iter_mut()
            .find(|s| s.score == 2.0 && s.abnormal > 0.0);
        twice.unwrap().abnormal = 2.0;
        assert_eq!(
            area_under_roc(once.iter().copied(), 1.0),
            area_under_roc(weighted.iter().copied(), 1.0)
        );
        assert_eq!(
            average_precision(once.into_iter()),
            average_precision(weighted.into_iter())
        );
    }
}
