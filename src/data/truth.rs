//! What pictures were drawn from, where that is known: what a measure of disentanglement compares the codes with.

use std::ops::Range;

/// The value of each factor for each of `N` pictures, `F` factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroundTruth {
    /// `[F]`: "shape", "scale", ...
    pub names: &'static [&'static str],
    /// `[F]`: how many values each factor takes.
    pub sizes: &'static [usize],
    /// `[N, F]`.
    values: Vec<u8>,
}

impl GroundTruth {
    /// `values`: `[N, F]`, those of factor `f` from 0 to `sizes[f] - 1`, in an order that means something (larger is
    /// further right, more turned, ...) but for classes.
    pub fn new(names: &'static [&'static str], sizes: &'static [usize], values: Vec<u8>) -> Self {
        Self { names, sizes, values }
    }

    /// The factors of picture `index`, `[F]`.
    pub fn factors(&self, index: usize) -> &[u8] {
        &self.values[index * self.names.len()..][..self.names.len()]
    }

    /// That of the pictures of `range`.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let values = self.values[range.start * self.names.len()..range.end * self.names.len()].to_vec();
        Self { values, ..*self }
    }
}
