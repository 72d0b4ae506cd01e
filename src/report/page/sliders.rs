//! The sliders of the explorer, one for each latent: their order, their ends and their marks.

use super::explorer::{LatentAxis, RandomLatents};
use crate::eval::largest_first;

/// The value between which and its negative N(0, 1) has 95 % of its mass.
const NORMAL_95: f32 = 1.96;

/// Returns the sliders of `count` latents, those that carry most first. The marks are those of random latents, or of the
/// `known` ones, `[N][D]`, if there is no prior.
pub fn sliders(
    count: usize,
    carried: Option<&[f64]>,
    random: &RandomLatents,
    known: &[Vec<f32>],
) -> Vec<LatentAxis> {
    let order = carried.map_or_else(|| (0..count).collect(), largest_first);
    let sample = match random {
        RandomLatents::Drawn(samples) => samples,
        RandomLatents::Normal | RandomLatents::None => known,
    };
    // Under N(0, I) all latents have one scale, and their sliders too.
    let both_ways = known.iter().flatten().flat_map(|&value| [value, -value]);
    let normal = Some([-NORMAL_95, NORMAL_95]);
    let common = range(normal, both_ways);
    let axis = |index: usize| {
        let (marks, range) = match random {
            RandomLatents::Normal => (normal, common),
            _ => {
                let marks = middle(sample.iter().map(|z| z[index]).collect());
                (marks, range(marks, known.iter().map(|z| z[index])))
            }
        };
        LatentAxis {
            index,
            carried: carried.map(|carried| carried[index]),
            range,
            marks,
        }
    };
    order.into_iter().map(axis).collect()
}

/// Returns the values between which the middle 95 % of some values lie; `None` without values.
fn middle(mut values: Vec<f32>) -> Option<[f32; 2]> {
    values.sort_by(f32::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some([0.025, 0.975].map(|share: f64| values[(share * last as f64).round() as usize]))
}

/// Returns the ends of a slider, at halves: half as far again as the marks, and at least as far as the known latents.
fn range(marks: Option<[f32; 2]>, known: impl Iterator<Item = f32>) -> [f32; 2] {
    let [mut low, mut high] = match marks {
        Some([low, high]) => {
            let more = ((high - low) / 4.0).max(0.5);
            [low - more, high + more]
        }
        None => [-3.0, 3.0],
    };
    for value in known {
        low = low.min(value);
        high = high.max(value);
    }
    [(2.0 * low).floor() / 2.0, (2.0 * high).ceil() / 2.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_holds_its_marks_and_every_known_latent() {
        assert_eq!(range(Some([-1.96, 1.96]), [].into_iter()), [-3.0, 3.0]);
        assert_eq!(
            range(Some([-1.96, 1.96]), [4.1, -0.2].into_iter()),
            [-3.0, 4.5]
        );
        assert_eq!(range(Some([2.0, 2.0]), [].into_iter()), [1.5, 2.5]);
        assert_eq!(range(None, [].into_iter()), [-3.0, 3.0]);
    }

    #[test]
    fn the_middle_leaves_the_same_share_out_on_both_sides() {
        let values = (0..=1000).rev().map(|value| value as f32).collect();
        assert_eq!(middle(values), Some([25.0, 975.0]));
        assert_eq!(middle(Vec::new()), None);
    }
}
