//! The description of a change of a map's height and width.

use super::convolution::MapLayout;

/// A map whose pixels are the squares of `factor` x `factor` pixels of a larger map. Squares at the lower and the right
/// end may be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// The larger map, `[C, H, W]`.
    pub big: [usize; 3],
    /// The smaller map, `[C, H, W]`, with `H` and `W` divided by `factor` and rounded up.
    pub small: [usize; 3],
    pub factor: usize,
    /// The layouts of the input and of the output.
    pub layouts: [MapLayout; 2],
}

impl Resampling {
    /// Returns the resampling between a map and itself, which changes its layout alone.
    pub fn relayout(map: [usize; 3], layouts: [MapLayout; 2]) -> Self {
        Self {
            big: map,
            small: map,
            factor: 1,
            layouts,
        }
    }
}
