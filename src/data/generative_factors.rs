//! What images were drawn from, where that is known: what a measure of disentanglement compares the latents with.

use std::ops::Range;

use super::Factor;

/// The value of each factor for each of `N` images, `F` factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerativeFactors {
    /// `[F]`: "shape", "scale", ...
    pub names: &'static [&'static str],
    /// `[F]`: how many values each factor takes.
    pub sizes: &'static [usize],
    /// Those of the factors whose values are classes: their order means nothing.
    pub classes: &'static [&'static str],
    /// `[N, F]`.
    values: Vec<u8>,
}

impl GenerativeFactors {
    /// `values`: `[N, F]`, those of factor `f` from 0 to `sizes[f] - 1`, in an order that means something (larger is
    /// further right, more turned, ...) but for `classes`, which are some of the names.
    pub fn new(
        names: &'static [&'static str],
        sizes: &'static [usize],
        classes: &'static [&'static str],
        values: Vec<u8>,
    ) -> Self {
        Self {
            names,
            sizes,
            classes,
            values,
        }
    }

    /// The factors of image `index`, `[F]`.
    pub fn factors(&self, index: usize) -> &[u8] {
        &self.values[index * self.names.len()..][..self.names.len()]
    }

    /// The factors of the first `count` images, one by one.
    pub fn columns(&self, count: usize) -> Vec<Factor> {
        let of = |f: usize| Factor {
            name: self.names[f].to_owned(),
            levels: (0..count)
                .map(|index| u16::from(self.factors(index)[f]))
                .collect(),
            size: self.sizes[f],
            nominal: self.classes.contains(&self.names[f]),
        };
        (0..self.names.len()).map(of).collect()
    }

    /// That of the images of `range`.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let values =
            self.values[range.start * self.names.len()..range.end * self.names.len()].to_vec();
        Self { values, ..*self }
    }
}
