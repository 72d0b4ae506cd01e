//! A convolution together with its direction.

use super::windows::Windows;
use crate::ops::convolution::Convolution;
use crate::ops::kernels::flex::feature_map::FeatureMap;

/// The largest number of images that are processed at a time.
const MAX_IMAGES: usize = 16;

/// Half of it is the number of values, in both maps, of the images that are processed at a time. With fewer, the products of
/// Winograd's tiles have few rows.
const VALUES: usize = 384 * 1024;

/// A convolution or a transposed convolution. The weight of both is `[S, C, k, k]`: `S` channels of the small map, `C`
/// channels of the big one.
#[derive(Clone, Copy, Debug)]
pub struct DirectedConvolution {
    pub convolution: Convolution,
    /// Whether it maps the big map to the small one.
    pub down: bool,
}

impl DirectedConvolution {
    pub fn windows(&self) -> Windows {
        Windows::new(self.convolution, self.down)
    }

    /// Returns the numbers of values of an input and of an output image.
    pub fn lengths(&self) -> [usize; 2] {
        [self.convolution.input, self.convolution.output].map(|map| map.iter().product())
    }

    pub fn input(&self) -> FeatureMap {
        FeatureMap {
            shape: self.convolution.input,
            layout: self.convolution.layouts[0],
        }
    }

    pub fn output(&self) -> FeatureMap {
        FeatureMap {
            shape: self.convolution.output,
            layout: self.convolution.layouts[1],
        }
    }

    /// Returns the number of images that are processed at a time.
    pub fn images_at_a_time(&self) -> usize {
        let values: usize = [self.convolution.input, self.convolution.output]
            .iter()
            .map(|map| map.iter().product::<usize>())
            .sum();
        (VALUES / (2 * values)).clamp(1, MAX_IMAGES)
    }
}
