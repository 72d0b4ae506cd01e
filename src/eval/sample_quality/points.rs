//! Points in feature space, and the products of all pairs of them. A block of pairs is in memory at a time, and the
//! distances follow from the products: |a - b|² = |a|² + |b|² - 2 a·b.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use crate::ops::{Activation, dense, pool};

/// The number of pairs in a block.
const PAIRS: usize = 1 << 21;

/// Points on a device.
#[derive(Clone, Debug)]
pub struct PointSet {
    /// `D`.
    pub width: usize,
    /// `[N]`: the squared length of each point.
    pub squares: Vec<f32>,
    /// `[N, D]`.
    rows: Tensor<2>,
    /// `[D, N]`.
    columns: Tensor<2>,
}

/// The products of some points with all points of a set.
pub struct PairBlock<'a> {
    /// The indices of the points of the first set.
    pub rows: Range<usize>,
    /// `[rows, N]`.
    pub products: Vec<f32>,
    first: &'a PointSet,
    second: &'a PointSet,
}

impl PointSet {
    /// Returns points with `width` coordinates each.
    pub fn new(values: Vec<f32>, width: usize, device: &Device) -> Self {
        let square = |point: &[f32]| {
            let squares = point.iter().map(|&value| f64::from(value).powi(2));
            squares.sum::<f64>() as f32
        };
        let squares: Vec<f32> = values.chunks_exact(width).map(square).collect();
        let shape = [squares.len(), width];
        let rows = Tensor::<2>::from_data(TensorData::new(values, shape), device);
        // A transposed view would be copied at every product.
        let columns = Tensor::from_data(rows.clone().transpose().into_data(), device);
        Self {
            width,
            squares,
            rows,
            columns,
        }
    }

    /// Returns `N`.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// Calls `work` with the products of all pairs of these points and `others`, block after block.
    pub fn for_each_block(&self, others: &Self, mut work: impl FnMut(PairBlock)) {
        let zeros = Tensor::zeros([others.len()], &others.rows.device());
        let step = (PAIRS / others.len().max(1)).max(1);
        for start in (0..self.len()).step_by(step) {
            let end = (start + step).min(self.len());
            let block = self.rows.clone().slice([start..end, 0..self.width]);
            let products = dense(
                block,
                others.columns.clone(),
                zeros.clone(),
                Activation::None,
            );
            work(PairBlock {
                rows: start..end,
                products: products.into_data().iter().collect(),
                first: self,
                second: others,
            });
        }
    }
}

impl PairBlock<'_> {
    /// Returns what `work` makes of each row: the index of the point, and its squared distances to all points of the other
    /// set.
    pub fn map_distances<R: Send>(&self, work: impl Fn(usize, &mut [f32]) -> R + Sync) -> Vec<R> {
        let rows = self
            .rows
            .clone()
            .zip(self.products.chunks(self.second.len()));
        pool::map(rows, |(row, products)| {
            let own = self.first.squares[row];
            let pairs = products.iter().zip(&self.second.squares);
            let mut distances: Vec<f32> = pairs
                .map(|(product, other)| (own + other - 2.0 * product).max(0.0))
                .collect();
            work(row, &mut distances)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn blocks_hold_the_distances_of_all_pairs() {
        let device = Device::default();
        let mut values = vec![0.0; 7 * 5 + 11 * 5];
        Rng::new(1).fill_normal(&mut values);
        let (a, b) = values.split_at(7 * 5);
        let [first, second] = [a, b].map(|values| PointSet::new(values.to_vec(), 5, &device));
        let mut seen = 0;
        first.for_each_block(&second, |block| {
            block.map_distances(|row, distances| {
                for (other, distance) in distances.iter().enumerate() {
                    let pairs = a[5 * row..5 * row + 5]
                        .iter()
                        .zip(&b[5 * other..5 * other + 5]);
                    let expected: f32 = pairs.map(|(x, y)| (x - y).powi(2)).sum();
                    assert!((distance - expected).abs() < 1e-5);
                }
            });
            seen += block.rows.len();
        });
        assert_eq!(seen, 7);
    }
}
