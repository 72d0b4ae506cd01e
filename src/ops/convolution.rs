//! The description of a convolution: shapes, window, activation and memory layouts.

use super::activation::Activation;

/// The sliding window of a convolution. Kernel and stride are the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: usize,
    pub stride: usize,
    /// The zeros added before and after, `[vertical, horizontal]`; for a transposed convolution, the rows removed
    /// there.
    pub padding: [(usize, usize); 2],
    /// The rows at the end that no window reaches, `[vertical, horizontal]`; only for transposed convolutions.
    pub output_padding: [usize; 2],
}

/// A convolution between feature maps of two shapes, with bias and activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// `[C, H, W]`.
    pub input: [usize; 3],
    /// `[C, H, W]`.
    pub output: [usize; 3],
    pub window: Window,
    pub activation: Activation,
    /// The layouts of the input and of the output.
    pub layouts: [MapLayout; 2],
}

impl Convolution {
    /// Returns the convolution with what its kernel cannot fuse left out, and that activation.
    pub fn without_unfused(self) -> (Self, Activation) {
        if self.activation.is_fused() {
            return (self, Activation::None);
        }
        let plain = Self {
            activation: Activation::None,
            ..self
        };
        (plain, self.activation)
    }
}

/// The order of the values of a feature map in a flat tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapLayout {
    /// `[C, H, W]`: the order of images, and of the units of dense layers.
    #[default]
    ChannelsFirst,
    /// `[H, W, C]`: the order that convolutions read and write fastest.
    ChannelsLast,
}
