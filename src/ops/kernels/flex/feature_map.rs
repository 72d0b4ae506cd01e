//! The order of the values of a feature map in a tensor.

use std::borrow::Cow;

use crate::ops::convolution::MapLayout;
use crate::ops::kernels::product::transpose;

/// The shape and the layout of a feature map of one image in a tensor.
#[derive(Clone, Copy)]
pub struct FeatureMap {
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    pub layout: MapLayout,
}

impl FeatureMap {
    /// Returns the numbers of channels and pixels if the products need the map transposed, or `None` if they do not.
    pub fn transposition(&self) -> Option<[usize; 2]> {
        let [channels, height, width] = self.shape;
        let as_needed =
            self.layout == MapLayout::ChannelsLast || channels == 1 || height * width == 1;
        (!as_needed).then_some([channels, height * width])
    }

    /// Returns the values of a map with the channels of each pixel side by side.
    pub fn channels_last<'a>(&self, values: &'a [f32]) -> Cow<'a, [f32]> {
        let Some([channels, pixels]) = self.transposition() else {
            return values.into();
        };
        let mut transposed = vec![0.0; values.len()];
        transpose(
            values,
            pixels,
            [channels, pixels],
            &mut transposed,
            channels,
        );
        transposed.into()
    }

    /// Calls `fill` with zeros for the values of a map with the channels of each pixel side by side, and writes them to
    /// `out` in this map's layout. `out` is 0.
    pub fn write(&self, out: &mut [f32], fill: impl FnOnce(&mut [f32])) {
        let Some([channels, pixels]) = self.transposition() else {
            return fill(out);
        };
        let mut map = vec![0.0; out.len()];
        fill(&mut map);
        transpose(&map, channels, [pixels, channels], out, pixels);
    }
}
