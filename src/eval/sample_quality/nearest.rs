//! The nearest training images of images, by the Euclidean distance of their pixels.

use burn::tensor::Tensor;

use super::points::PointSet;
use crate::data::Part;
use crate::error::Result;
use crate::loader::Loader;

/// The longest side of an image that is compared pixel by pixel. Larger images are averaged over squares first.
const LONGEST_SIDE: usize = 32;

/// The number of training images that are compared at a time.
const AT_A_TIME: usize = 512;

/// The number of neighbours that are found.
pub const NEAREST: usize = 6;

/// The nearest training images of one image: squared distances and ids, the nearest first.
pub type NearestList = Vec<(f32, u32)>;

/// Images, made smaller if they are large, ready to be compared pixel by pixel.
pub struct PixelPoints {
    points: PointSet,
}

impl PixelPoints {
    /// Reads the images of a part.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn new(loader: &Loader, part: &Part) -> Result<Self> {
        let mut values = Vec::new();
        let mut width = 1;
        for batch in loader.batches(part.split, &part.ids, AT_A_TIME) {
            let x = shrunk(batch?.1.x, part.split.shape);
            [_, width] = x.dims();
            values.extend(x.into_data().iter::<f32>());
        }
        let points = PointSet::new(values, width, &loader.device);
        Ok(Self { points })
    }

    /// Returns the number of values of an image.
    pub fn width(&self) -> usize {
        self.points.width
    }

    /// Returns the nearest images of `train` of each image, the nearest first. The training images are read in parts, so
    /// that memory does not grow with their number. `go_on` receives the number of training images done.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn nearest(
        &self,
        loader: &Loader,
        train: &Part,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<NearestList>>> {
        let mut found = vec![NearestList::new(); self.points.len()];
        let mut done = 0;
        for batch in loader.batches(train.split, &train.ids, AT_A_TIME) {
            let (ids, batch) = batch?;
            let x = shrunk(batch.x, train.split.shape);
            let values = x.into_data().iter().collect();
            let others = PointSet::new(values, self.points.width, &loader.device);
            self.points.for_each_block(&others, |block| {
                let lists = &found[block.rows.clone()];
                let start = block.rows.start;
                let merged = block.map_distances(|row, distances| {
                    let mut list = lists[row - start].clone();
                    for (&distance, &id) in distances.iter().zip(ids) {
                        insert(&mut list, distance, id);
                    }
                    list
                });
                found[block.rows.clone()].clone_from_slice(&merged);
            });
            done += ids.len();
            if !go_on(done) {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

/// Inserts an image if it is among the nearest; the first of equally near ones stays.
fn insert(list: &mut NearestList, distance: f32, id: u32) {
    if list.len() == NEAREST
        && list
            .last()
            .is_some_and(|(farthest, _)| distance >= *farthest)
    {
        return;
    }
    let place = list.partition_point(|(other, _)| *other <= distance);
    list.insert(place, (distance, id));
    list.truncate(NEAREST);
}

/// Returns images whose longer side is at most 32, by averaging over squares of pixels. Rows and columns at the end that
/// fill no square are left out.
///
/// # Shapes
/// `x`: `[B, P]`, of images `[C, H, W]`.
fn shrunk(x: Tensor<2>, [channels, height, width]: [usize; 3]) -> Tensor<2> {
    let square = height.max(width).div_ceil(LONGEST_SIDE);
    if square < 2 {
        return x;
    }
    let [batch, _] = x.dims();
    let (rows, columns) = ((height / square).max(1), (width / square).max(1));
    let square = [square.min(height), square.min(width)];
    x.reshape([batch, channels, height, width])
        .slice([
            0..batch,
            0..channels,
            0..rows * square[0],
            0..columns * square[1],
        ])
        .reshape([batch * channels, rows, square[0], columns, square[1]])
        .mean_dim(2)
        .mean_dim(4)
        .reshape([batch, channels * rows * columns])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;
    use crate::rng::Rng;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn large_images_are_averaged_over_squares() {
        let device = Device::default();
        let shape = [2, 3, 65];
        let values: Vec<f32> = (0..390).map(|i| i as f32).collect();
        let x = Tensor::from_data(TensorData::new(values, [1, 390]), &device);
        let small: Vec<f32> = shrunk(x.clone(), shape).into_data().iter().collect();
        // Squares of 3x3: one row of 21 in each channel.
        assert_eq!(small.len(), 42);
        assert_eq!(small[0], 66.0);
        assert_eq!(small[21], 66.0 + 195.0);
        assert_eq!(shrunk(x.clone(), [1, 13, 30]).dims(), x.dims());
    }

    #[test]
    fn the_nearest_training_images_are_found_in_order() {
        let device = Device::default();
        let loader = Loader::plain(&device);
        let shape = [1, 4, 4];
        let bytes = |count: usize, seed: u64| -> Vec<u8> {
            let rng = Rng::new(seed);
            (0..count as u64 * 16)
                .map(|i| rng.below(i, 256) as u8)
                .collect()
        };
        let train = Split::in_memory(bytes(1300, 1), shape);
        let images = Split::in_memory(bytes(20, 2), shape);
        let points = PixelPoints::new(&loader, &(&images).into()).unwrap();
        let found = points.nearest(&loader, &(&train).into(), &mut |_| true);
        let found = found.unwrap().unwrap();
        for (image, found) in found.iter().enumerate() {
            let [own, all] = [&images, &train].map(|split| split.bytes().unwrap());
            let own = &own[16 * image..][..16];
            let distance = |other: &[u8]| -> f64 {
                let pairs = own.iter().zip(other);
                pairs
                    .map(|(&a, &b)| ((f64::from(a) - f64::from(b)) / 255.0).powi(2))
                    .sum()
            };
            let mut order: Vec<(f64, u32)> = all.chunks(16).map(distance).zip(0..).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            for ((distance, id), (expected, nearest)) in found.iter().zip(&order[..NEAREST]) {
                assert_eq!(id, nearest);
                assert!((f64::from(*distance) - expected).abs() < 1e-4);
            }
        }
        let stopped = points.nearest(&loader, &(&train).into(), &mut |done| done < 600);
        assert!(stopped.unwrap().is_none());
    }
}
