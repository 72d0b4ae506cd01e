//! The derivatives of the examples in the nodes of a tree, added up by the bins of an input.

/// The number of bins that an input's values are put into.
pub const BINS: usize = 128;
/// The most nodes of a level that is split.
pub const NODES: usize = 4;

/// The first and second derivatives of the loss by a logit, summed.
pub type Derivatives = [f64; 2];

/// The derivatives of each node's examples, added up by the bins of one input.
pub struct Histogram {
    sums: [Derivatives; BINS * NODES],
    /// For each node, a bit for each bin that has an example. With few examples most bins have none, and they are neither
    /// cleared nor looked at: adding nothing changes no sum.
    occupied: [u128; NODES],
}

impl Histogram {
    pub fn new() -> Self {
        Self {
            sums: [[0.0; 2]; BINS * NODES],
            occupied: [0; NODES],
        }
    }

    pub fn clear(&mut self) {
        for node in 0..self.occupied.len() {
            let bins = ones(std::mem::take(&mut self.occupied[node]));
            bins.for_each(|bin| self.sums[node * BINS + usize::from(bin)] = [0.0; 2]);
        }
    }

    pub fn add(&mut self, node: usize, bin: u8, [gradient, curvature]: Derivatives) {
        self.occupied[node] |= 1 << bin;
        let sum = &mut self.sums[node * BINS + usize::from(bin)];
        sum[0] += gradient;
        sum[1] += curvature;
    }

    /// Returns the bins of a node that have examples, in order, with their sums.
    pub fn node(&self, node: usize) -> impl Iterator<Item = (u8, Derivatives)> + Clone {
        let sums = &self.sums[node * BINS..][..BINS];
        ones(self.occupied[node]).map(|bin| (bin, sums[usize::from(bin)]))
    }
}

/// Returns the positions of the bits that are set, from the lowest.
fn ones(mut bits: u128) -> impl Iterator<Item = u8> + Clone {
    std::iter::from_fn(move || {
        let position = (bits != 0).then(|| bits.trailing_zeros() as u8);
        bits &= bits.wrapping_sub(1);
        position
    })
}
