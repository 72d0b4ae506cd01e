//! The kernel distance: the squared maximum mean discrepancy of two sets of points under the kernel
//! k(x, y) = (x·y / D + 1)³ (Bińkowski, Sutherland, Arbel, Gretton 2018, Demystifying MMD GANs, section 4 and equation 4).
//!
//! MMD² = 1/m(m-1) sum_{i≠j} k(x_i, x_j) + 1/n(n-1) sum_{i≠j} k(y_i, y_j) - 2/mn sum_{i,j} k(x_i, y_j) is unbiased: its
//! expectation is 0 if both sets are drawn from one distribution, and a value below 0 is possible. All pairs are summed up,
//! where the authors average over subsets. A constant that is subtracted from k cancels out; 1 is, for precision.

use burn::tensor::{Device, Tensor, TensorData};

use super::points::PairBlock;
use crate::eval::Estimate;
use crate::eval::bootstrap::{Resamples, spread};
use crate::ops::{Activation, dense, pool};

/// Sums of the kernel over pairs of points.
#[derive(Clone, Debug)]
pub struct KernelSums {
    /// `[1 + RESAMPLES]`.
    sums: Vec<f64>,
    /// `[N, 1 + RESAMPLES]`: how often each point of the second set counts.
    second: Tensor<2>,
    /// `[1 + RESAMPLES]`: the number of pairs.
    pairs: Vec<f64>,
    /// Whether both sets are the same, so that a point makes no pair with itself.
    is_within: bool,
}

impl KernelSums {
    /// Returns sums over the pairs within one set, before any are added.
    pub fn within(resamples: &Resamples, device: &Device) -> Self {
        let pairs = resamples.counts.iter().map(|counts| {
            let (sum, squares) = moments(counts);
            sum * sum - squares
        });
        Self::new(resamples, pairs.collect(), true, device)
    }

    /// Returns sums over the pairs of two sets, before any are added.
    pub fn between(first: &Resamples, second: &Resamples, device: &Device) -> Self {
        let counts = first.counts.iter().zip(&second.counts);
        let pairs = counts.map(|(first, second)| moments(first).0 * moments(second).0);
        Self::new(second, pairs.collect(), false, device)
    }

    fn new(second: &Resamples, pairs: Vec<f64>, is_within: bool, device: &Device) -> Self {
        let images = second.counts.first().map_or(0, Vec::len);
        let values = (0..images).flat_map(|image| second.counts.iter().map(move |row| row[image]));
        let data = TensorData::new(values.collect::<Vec<f32>>(), [images, second.counts.len()]);
        Self {
            sums: vec![0.0; pairs.len()],
            second: Tensor::from_data(data, device),
            pairs,
            is_within,
        }
    }

    /// Adds the pairs of a block. `first` counts the points of the first set; `width` is the number of coordinates.
    pub fn add(&mut self, block: &PairBlock, first: &Resamples, width: usize) {
        let mut kernels = block.products.clone();
        let columns = kernels.len() / block.rows.len();
        let rows = block.rows.clone().zip(kernels.chunks_mut(columns));
        pool::for_each(rows, |(row, kernels)| {
            for value in kernels.iter_mut() {
                *value = kernel(*value / width as f32);
            }
            if self.is_within {
                kernels[row] = 0.0;
            }
        });
        let shape = [block.rows.len(), columns];
        let device = self.second.device();
        let kernels = Tensor::from_data(TensorData::new(kernels, shape), &device);
        let zeros = Tensor::zeros([self.sums.len()], &device);
        let sums = dense(kernels, self.second.clone(), zeros, Activation::None);
        let sums: Vec<f32> = sums.into_data().iter().collect();
        for (row, sums) in block.rows.clone().zip(sums.chunks(self.sums.len())) {
            for ((total, counts), &sum) in self.sums.iter_mut().zip(&first.counts).zip(sums) {
                *total += f64::from(counts[row]) * f64::from(sum);
            }
        }
    }

    /// Returns the mean of the kernel over all pairs, for all images and for each resample.
    fn means(&self) -> impl Iterator<Item = f64> {
        let sums = self.sums.iter().zip(&self.pairs);
        sums.map(|(sum, pairs)| sum / pairs)
    }
}

/// Returns MMD² from the sums within each of two sets and between them.
pub fn kernel_distance(first: &KernelSums, second: &KernelSums, between: &KernelSums) -> Estimate {
    let within = first.means().zip(second.means());
    let figures = within
        .zip(between.means())
        .map(|((first, second), between)| first + second - 2.0 * between);
    spread(figures)
}

/// Returns (t + 1)³ - 1.
fn kernel(t: f32) -> f32 {
    t * (3.0 + t * (3.0 + t))
}

/// Returns the sum of counts, and the sum of their squares.
fn moments(counts: &[f32]) -> (f64, f64) {
    let counts = counts.iter().map(|&count| f64::from(count));
    (
        counts.clone().sum(),
        counts.map(|count| count * count).sum(),
    )
}
