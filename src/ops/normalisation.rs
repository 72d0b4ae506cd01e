//! The description of a group normalisation.

use super::activation::Activation;
use super::convolution::MapLayout;

/// The number that is added to a variance before its root is taken: PyTorch's default.
pub const EPSILON: f32 = 1e-5;

/// A group normalisation with the activation that follows it (Wu, He 2018): the values of each image in each group of
/// channels get the mean 0 and the variance 1, and then each channel a trained scale and shift. It does not look at the
/// other images of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalisation {
    /// The shape of the map, `[C, H, W]`.
    pub map: [usize; 3],
    /// The number of groups, which divides `C`.
    pub groups: usize,
    pub activation: Activation,
    /// The layouts of the input and of the output.
    pub layouts: [MapLayout; 2],
}
