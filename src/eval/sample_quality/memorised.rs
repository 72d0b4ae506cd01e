//! The share of samples that copy a training image.
//!
//! A distance alone does not show a copy: a blurred sample is near to many images, and a simple image is near to others
//! like it. A copy is much nearer to one training image than to the next ones. So each image has a ratio: the distance to
//! its nearest training image over the mean distance to the five that follow (as in Carlini et al. 2023, Extracting
//! training data from diffusion models, section 5.1). A sample counts as a copy if its ratio is at most the 1 % quantile of
//! the ratios of held-out images, which are no copies. So 1 % of new real images count as copies, by chance; a larger share
//! of the samples does not come by chance.

use super::nearest::NearestList;
use crate::eval::Estimate;
use crate::eval::bootstrap::Resamples;

/// The share of held-out images that count as copies.
pub const QUANTILE: f64 = 0.01;

/// How near samples and held-out images are to training images.
#[derive(Clone, Debug, PartialEq)]
pub struct Memorised {
    /// The share of samples that count as copies.
    pub samples: Estimate,
    /// The share of held-out images that do, 1 % or the next larger share that there is.
    pub held_out: Estimate,
    /// The ratio up to which an image counts as a copy.
    pub threshold: f64,
    /// The root of the mean squared difference per value to the nearest training image, of samples and of held-out images.
    pub distances: [Estimate; 2],
    /// The indices of the samples, those that are most like a copy first, each with the id of its nearest training image.
    pub most_alike: Vec<(usize, u32)>,
}

impl Memorised {
    /// Compares the nearest training images of samples with those of held-out images. `width` is the number of values of an
    /// image. The resamples are those of the samples and of the held-out images.
    pub fn new(
        samples: &[NearestList],
        held_out: &[NearestList],
        width: usize,
        resamples: [&Resamples; 2],
    ) -> Self {
        let [ratios, real_ratios] = [samples, held_out].map(|lists| {
            let ratios = lists.iter().map(ratio);
            ratios.collect::<Vec<f64>>()
        });
        let [of_samples, of_held_out] = resamples;
        let order = sorted(&real_ratios);
        let threshold = quantile(&real_ratios, &order, &of_held_out.counts[0]);
        let mut thresholds = of_held_out
            .counts
            .iter()
            .map(|counts| quantile(&real_ratios, &order, counts));
        let figures = of_samples.counts.iter().map(|counts| {
            let threshold = thresholds.next().unwrap_or(threshold);
            share(&ratios, counts, threshold)
        });
        let distances =
            [(samples, of_samples), (held_out, of_held_out)].map(|(lists, resamples)| {
                let distances = lists.iter().map(|list| distance(list, width));
                resamples.mean(&distances.collect::<Vec<f64>>())
            });
        let most_alike = sorted(&ratios).into_iter();
        let most_alike = most_alike.filter_map(|index| Some((index, samples[index].first()?.1)));
        Self {
            samples: crate::eval::bootstrap::spread(figures.collect::<Vec<f64>>().into_iter()),
            held_out: of_held_out.figure(|counts| share(&real_ratios, counts, threshold)),
            threshold,
            distances,
            most_alike: most_alike.collect(),
        }
    }
}

/// Returns the distance to the nearest training image over the mean distance to the next ones. It is 0 for a copy of an
/// image that the training set has many times, and 1 if there is no other image.
fn ratio(list: &NearestList) -> f64 {
    let distance = |(square, _): &(f32, u32)| f64::from(*square).sqrt();
    let Some((nearest, others)) = list.split_first().filter(|(_, others)| !others.is_empty())
    else {
        return 1.0;
    };
    let mean = others.iter().map(distance).sum::<f64>() / others.len() as f64;
    if mean > 0.0 {
        distance(nearest) / mean
    } else {
        0.0
    }
}

fn distance(list: &NearestList, width: usize) -> f64 {
    let square = list
        .first()
        .map_or(f64::NAN, |(square, _)| f64::from(*square));
    (square / width as f64).sqrt()
}

fn sorted(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    order
}

/// Returns the smallest of `values` such that 1 % of the counts are of values up to it.
fn quantile(values: &[f64], order: &[usize], counts: &[f32]) -> f64 {
    let all = counts.iter().map(|&count| f64::from(count)).sum::<f64>();
    let mut seen = 0.0;
    let reached = order.iter().find(|&&index| {
        seen += f64::from(counts[index]);
        seen >= QUANTILE * all
    });
    reached.map_or(f64::NAN, |&index| values[index])
}

fn share(values: &[f64], counts: &[f32], threshold: f64) -> f64 {
    let pairs = values.iter().zip(counts);
    let below = pairs.filter(|(value, _)| **value <= threshold);
    // A sum of nothing is -0, and is printed so.
    (0.0 + below.map(|(_, &count)| f64::from(count)).sum::<f64>()) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Returns the list of an image with this distance to the nearest training image and 1 to the others.
    fn list(nearest: f32) -> NearestList {
        let mut list = vec![(nearest * nearest, 7)];
        list.extend((0..5).map(|id| (1.0, id)));
        list
    }

    fn lists(count: usize, seed: u64) -> Vec<NearestList> {
        let rng = Rng::new(seed);
        let nearest = (0..count as u64).map(|index| 0.5 + 0.5 * rng.uniform(index));
        nearest.map(list).collect()
    }

    fn found(samples: &[NearestList], held_out: &[NearestList]) -> Memorised {
        let resamples = [samples, held_out].map(|lists| Resamples::new(lists.len(), Rng::new(1)));
        Memorised::new(samples, held_out, 4, [&resamples[0], &resamples[1]])
    }

    #[test]
    fn copies_are_found_and_new_images_count_as_copies_in_one_percent() {
        let held_out = lists(2000, 1);
        let new = found(&lists(2000, 2), &held_out);
        assert_eq!(new.held_out.mean, 0.01);
        assert!(
            (new.samples.mean - 0.01).abs() < 4.0 * new.samples.se.unwrap(),
            "{:?}",
            new.samples
        );
        let mut copied = lists(2000, 2);
        copied[..500].fill(list(0.05));
        let copied = found(&copied, &held_out);
        assert!(
            (copied.samples.mean - 0.2575).abs() < 0.01,
            "{:?}",
            copied.samples
        );
        assert!(
            copied.most_alike[..500]
                .iter()
                .all(|(index, id)| *index < 500 && *id == 7)
        );
    }

    #[test]
    fn blurred_samples_that_are_near_to_many_images_are_no_copies() {
        let near = |index: u64| {
            let mut list: NearestList = (0..6).map(|id| (0.01, id)).collect();
            list[0].0 -= 1e-4 * Rng::new(4).uniform(index);
            list
        };
        let blurred: Vec<NearestList> = (0..1000).map(near).collect();
        let found = found(&blurred, &lists(1000, 1));
        assert_eq!(found.samples.mean, 0.0);
        assert!(found.distances[0].mean < 0.2 * found.distances[1].mean);
    }

    #[test]
    fn the_ratio_of_a_copy_is_0_and_of_a_lonely_image_1() {
        assert_eq!(ratio(&vec![(0.0, 1), (4.0, 2)]), 0.0);
        assert_eq!(ratio(&vec![(0.0, 1), (0.0, 2)]), 0.0);
        assert_eq!(ratio(&vec![(1.0, 1), (4.0, 2), (16.0, 3)]), 1.0 / 3.0);
        assert_eq!(ratio(&vec![(1.0, 1)]), 1.0);
        assert_eq!(distance(&vec![(16.0, 1)], 4), 2.0);
    }
}
