//! The comparison of two sets of points by all their pairs, in one pass over the blocks of products.

use burn::tensor::Device;

use super::kernel_distance::{KernelSums, kernel_distance};
use super::manifold::{Memberships, radii};
use super::points::PointSet;
use crate::eval::Estimate;
use crate::eval::bootstrap::Resamples;
use crate::rng::Rng;

/// A set of points with the figures of the pairs within it.
pub struct SelfCompared {
    points: PointSet,
    resamples: Resamples,
    /// `[N]`: the squared distance of each point to its k-th nearest other point.
    radii: Vec<f32>,
    kernels: KernelSums,
}

/// The figures of one set of points beside another, the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    pub precision: Estimate,
    pub recall: Estimate,
    pub density: Estimate,
    pub coverage: Estimate,
    pub kernel_distance: Estimate,
}

impl SelfCompared {
    /// Compares the points with each other. `rng` draws the resamples.
    pub fn new(points: PointSet, rng: Rng, device: &Device) -> Self {
        let resamples = Resamples::new(points.len(), rng);
        let mut kernels = KernelSums::within(&resamples, device);
        let mut all = Vec::with_capacity(points.len());
        points.for_each_block(&points, |block| {
            all.extend(radii(&block));
            kernels.add(&block, &resamples, points.width);
        });
        Self {
            points,
            resamples,
            radii: all,
            kernels,
        }
    }

    /// Returns the figures of these points, beside real ones. The neighbourhoods are those of all points in every resample:
    /// points that are drawn twice would have no distance.
    pub fn beside(&self, real: &Self, device: &Device) -> Compared {
        let mut memberships = Memberships::new(real.points.len());
        let mut kernels = KernelSums::between(&self.resamples, &real.resamples, device);
        self.points.for_each_block(&real.points, |block| {
            memberships.add(&block, &self.radii, &real.radii);
            kernels.add(&block, &self.resamples, real.points.width);
        });
        Compared {
            precision: self.resamples.mean(&memberships.inside()),
            recall: real.resamples.mean(&memberships.recalled),
            density: self.resamples.mean(&memberships.densities()),
            coverage: real.resamples.mean(&memberships.covered),
            kernel_distance: kernel_distance(&self.kernels, &real.kernels, &kernels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device::default()
    }

    fn set(values: &[f32], width: usize, seed: u64) -> SelfCompared {
        let device = device();
        let points = PointSet::new(values.to_vec(), width, &device);
        SelfCompared::new(points, Rng::new(seed), &device)
    }

    fn normal(count: usize, width: usize, seed: u64, shift: f32, scale: f32) -> Vec<f32> {
        let mut values = vec![0.0; count * width];
        Rng::new(seed).stream("points").fill_normal(&mut values);
        values
            .iter_mut()
            .for_each(|value| *value = shift + scale * *value);
        values
    }

    fn compared(samples: &[f32], real: &[f32], width: usize) -> Compared {
        set(samples, width, 1).beside(&set(real, width, 2), &device())
    }

    fn means(found: &Compared) -> [f64; 4] {
        [found.precision, found.recall, found.density, found.coverage].map(|figure| figure.mean)
    }

    #[test]
    fn points_on_a_line_have_the_figures_that_are_counted_by_hand() {
        // The fifth nearest other point of 0, 1, ..., 6 is 5, 4, 3, 3, 3, 4 and 5 away.
        let real: Vec<f32> = (0..7).map(|i| i as f32).collect();
        // 2.5 lies in all seven balls, 100 in none, and -4.5 in that of 0 alone. The samples' own balls, with two neighbours,
        // reach far: of 2.5 to 100 (97.5), of 100 to -4.5, of -4.5 to 100: all real points are recalled.
        let found = compared(&[2.5, 100.0, -4.5], &real, 1);
        let expected = [2.0 / 3.0, 1.0, 8.0 / 15.0, 1.0];
        for (found, expected) in means(&found).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        // Samples in a heap far to the right: their balls reach 0.5, and no real point is in one.
        let far: Vec<f32> = (0..6).map(|i| 1000.0 + 0.1 * i as f32).collect();
        assert_eq!(means(&compared(&far, &real, 1)), [0.0; 4]);
        // Nearer, they lie in the ball of 6 alone, which reaches to 11.
        let near: Vec<f32> = (0..6).map(|i| 10.5 + 0.01 * i as f32).collect();
        let found = means(&compared(&near, &real, 1));
        for (found, expected) in found.into_iter().zip([1.0, 0.0, 0.2, 1.0 / 7.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn the_kernel_distance_of_few_points_is_its_sum() {
        let (x, y) = (
            [1.0_f32, 0.0, 0.0, 2.0, 1.0, 1.0],
            [0.5_f32, 0.5, -1.0, 1.0],
        );
        let kernel = |a: &[f32], b: &[f32]| {
            let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            (f64::from(product) / 2.0 + 1.0).powi(3)
        };
        let sum = |a: &[f32], b: &[f32], within: bool| {
            let (a, b) = (a.chunks(2).enumerate(), b.chunks(2).enumerate());
            let pairs = a.flat_map(|(i, a)| b.clone().map(move |(j, b)| (i, a, j, b)));
            let pairs: Vec<_> = pairs.filter(|(i, _, j, _)| !within || i != j).collect();
            let count = pairs.len() as f64;
            pairs
                .into_iter()
                .map(|(_, a, _, b)| kernel(a, b))
                .sum::<f64>()
                / count
        };
        let expected = sum(&x, &x, true) + sum(&y, &y, true) - 2.0 * sum(&x, &y, false);
        let found = compared(&x, &y, 2).kernel_distance.mean;
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }

    #[test]
    fn identical_sets_are_precise_and_complete() {
        let points = normal(200, 8, 1, 0.0, 1.0);
        let found = compared(&points, &points, 8);
        let [precision, recall, density, coverage] = means(&found);
        assert_eq!([precision, recall, coverage], [1.0; 3]);
        // Each point lies in its own ball and, on the mean, in k others.
        assert!((density - 6.0 / 5.0).abs() < 1e-9, "{density}");
        // Copies are nearer to each other than other draws of the distribution, so that the distance is below 0.
        assert!(found.kernel_distance.mean < 0.0);
    }

    #[test]
    fn two_draws_of_one_distribution_agree_and_shifted_or_narrow_ones_do_not() {
        let real = normal(600, 6, 1, 0.0, 1.0);
        let same = compared(&normal(600, 6, 2, 0.0, 1.0), &real, 6);
        assert!(
            same.precision.mean > 0.9 && same.recall.mean > 0.9,
            "{same:?}"
        );
        assert!(
            (same.density.mean - 1.0).abs() < 0.1 && same.coverage.mean > 0.93,
            "{same:?}"
        );
        let error = same.kernel_distance.se.unwrap();
        assert!(same.kernel_distance.mean.abs() < 4.0 * error);
        let shifted = compared(&normal(600, 6, 2, 1.5, 1.0), &real, 6);
        for (shifted, same) in means(&shifted).into_iter().zip(means(&same)) {
            assert!(shifted < same - 0.3, "{shifted} {same}");
        }
        assert!(shifted.kernel_distance.mean > 20.0 * error);
        // Samples without variety: precise, dense, and far from complete.
        let narrow = compared(&normal(600, 6, 2, 0.0, 0.3), &real, 6);
        assert!(
            narrow.precision.mean > 0.99 && narrow.density.mean > 1.3,
            "{narrow:?}"
        );
        assert!(
            narrow.recall.mean < 0.2 && narrow.coverage.mean < 0.7,
            "{narrow:?}"
        );
    }

    #[test]
    fn the_kernel_distance_has_no_bias_and_its_error_is_no_smaller_than_its_spread() {
        let draws: Vec<Estimate> = (0..60)
            .map(|draw| {
                let [x, y] = [2 * draw, 2 * draw + 1].map(|seed| normal(80, 4, seed, 0.0, 1.0));
                compared(&x, &y, 4).kernel_distance
            })
            .collect();
        let all = Estimate::of(draws.iter().map(|draw| draw.mean));
        let error = all.se.unwrap();
        assert!(all.mean.abs() < 3.0 * error, "{} {error}", all.mean);
        let spread = error * (draws.len() as f64).sqrt();
        let stated = Estimate::of(draws.iter().filter_map(|draw| draw.se)).mean;
        // Where both sets are of one distribution, the bootstrap states too large an error, up to sqrt(3).
        assert!((0.9..2.0).contains(&(stated / spread)), "{stated} {spread}");
    }
}
