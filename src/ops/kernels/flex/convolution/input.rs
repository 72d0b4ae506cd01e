//! The way of an image into a convolution's frame, and of the gradient back.

use super::windows::Frame;
use crate::ops::kernels::flex::feature_map::FeatureMap;

/// The change of an image before the windows of a convolution read it.
pub trait FrameInput: Sync {
    /// Writes the values `x` of the image `image` of the batch into a frame. The zeros around it stay as they are.
    fn fill(&self, image: usize, x: &[f32], frame: &Frame, into: &mut [f32]);

    /// Returns whether a frame without zeros would get the values of the tensor as they are.
    fn is_unchanged(&self) -> bool {
        false
    }

    /// Returns the map that the gradient in the framed values is written to.
    fn gradient_map(&self) -> FeatureMap;

    /// Returns the number of gradients in parameters that [`FrameInput::backward`] sums up.
    fn parameters(&self) -> usize {
        0
    }

    /// Turns the gradient in the framed values of an image into the gradient in `x`, and adds the gradients in parameters
    /// to `sums`.
    fn backward(&self, _image: usize, _x: &[f32], _gradient: &mut [f32], _sums: &mut [f32]) {}
}

/// The image as it is.
impl FrameInput for FeatureMap {
    fn fill(&self, _image: usize, x: &[f32], frame: &Frame, into: &mut [f32]) {
        frame.fill(&self.channels_last(x), into);
    }

    fn is_unchanged(&self) -> bool {
        self.transposition().is_none()
    }

    fn gradient_map(&self) -> FeatureMap {
        *self
    }
}
