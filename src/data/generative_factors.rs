//! The factors that images were generated from: measures of disentanglement compare the latents with them.

use std::ops::Range;

use super::Factor;

/// The value of each factor for each of `N` images, `F` factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerativeFactors {
    /// `[F]`: "shape", "scale", ...
    pub names: Vec<String>,
    /// `[F]`: the number of values of each factor.
    pub sizes: Vec<usize>,
    /// The names of the factors whose values are classes: their order means nothing.
    pub classes: Vec<String>,
    /// `[N, F]`.
    values: Vec<u8>,
}

impl GenerativeFactors {
    /// `values`: `[N, F]`, those of factor `f` from 0 to `sizes[f] - 1`. Their order means something (larger is further right,
    /// more turned, ...) except for the factors named in `classes`.
    pub fn new(names: &[&str], sizes: &[usize], classes: &[&str], values: Vec<u8>) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            sizes: sizes.to_vec(),
            classes: classes.iter().map(|name| (*name).to_owned()).collect(),
            values,
        }
    }

    /// Returns the factors of image `index`, `[F]`.
    pub fn factors(&self, index: usize) -> &[u8] {
        &self.values[index * self.names.len()..][..self.names.len()]
    }

    /// Returns the factors of the images `ids`, one by one.
    pub fn columns(&self, ids: &[u32]) -> Vec<Factor> {
        let of = |f: usize| Factor {
            name: self.names[f].clone(),
            levels: ids
                .iter()
                .map(|&id| u16::from(self.factors(id as usize)[f]))
                .collect(),
            size: self.sizes[f],
            nominal: self.classes.contains(&self.names[f]),
        };
        (0..self.names.len()).map(of).collect()
    }

    /// Returns the factors of the images in `range`.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let values =
            self.values[range.start * self.names.len()..range.end * self.names.len()].to_vec();
        Self {
            values,
            names: self.names.clone(),
            sizes: self.sizes.clone(),
            classes: self.classes.clone(),
        }
    }

    /// Returns the factors of the images `ids`, in their order.
    #[must_use]
    pub fn select(&self, ids: &[usize]) -> Self {
        let values = ids
            .iter()
            .flat_map(|&id| self.factors(id).iter().copied())
            .collect();
        Self {
            values,
            ..self.clone()
        }
    }
}
