//! The piece of each parameter that a process updates. The others are updated elsewhere, and their optimizer's slots are
//! kept there alone (stage 1 of ZeRO; Rajbhandari et al. 2020).

use std::ops::Range;

use super::{exchange, ranks, transport};

/// Pieces begin at multiples of this many values within a parameter: the values of one partial sum of a norm, so that the
/// norm does not depend on the pieces.
const CHUNK: usize = 16_384;

/// The division of all parameters, put one behind the other, among the processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The number of values of each parameter.
    sizes: Vec<usize>,
    /// The number of values that each process updates, in order.
    counts: Vec<usize>,
    /// The part of each parameter that this process updates, which may be empty.
    own: Vec<Range<usize>>,
}

impl Pieces {
    /// Returns the pieces of parameters with `sizes` values; `None` if there is one process, which updates everything.
    pub fn of(sizes: Vec<usize>) -> Option<Self> {
        (ranks::count() > 1).then(|| Self::of_rank(sizes, ranks::rank(), ranks::count()))
    }

    fn of_rank(sizes: Vec<usize>, rank: usize, processes: usize) -> Self {
        let total: usize = sizes.iter().sum();
        let mut counts = vec![0; processes];
        let mut own: Vec<Range<usize>> = vec![0..0; sizes.len()];
        let mut before = 0;
        for (&size, own) in sizes.iter().zip(&mut own) {
            for start in (0..size).step_by(CHUNK) {
                let end = (start + CHUNK).min(size);
                // The process in whose equal share the middle of the chunk lies.
                let middle = before + (start + end) / 2;
                let owner = middle * processes / total;
                counts[owner] += end - start;
                if owner == rank {
                    let first = if own.start == own.end {
                        start
                    } else {
                        own.start
                    };
                    *own = first..end;
                }
            }
            before += size;
        }
        Self { sizes, counts, own }
    }

    /// Returns the part of each parameter that this process updates.
    pub fn own(&self) -> &[Range<usize>] {
        &self.own
    }

    /// Returns this process's piece of the sum of all processes' `values`, added in the order of a balanced tree. There is a
    /// value for each value of the parameters.
    ///
    /// # Shapes
    /// `values`: `[P]`; result: `[own]`.
    pub fn total(&self, values: &[f32]) -> Vec<f32> {
        let length = self.counts[ranks::rank()];
        let mut received = vec![0.0; length * self.counts.len()];
        let lengths = vec![length; self.counts.len()];
        transport::swap_parts(values, &self.counts, &mut received, &lengths);
        add_in_pairs(&mut received, length);
        received.truncate(length);
        received
    }

    /// Returns the values of all pieces, by parameter, from each process's own.
    ///
    /// # Shapes
    /// `own`: `[own]`; result: `[parameters][n]`.
    pub fn gather(&self, own: &[f32]) -> Vec<Vec<f32>> {
        let mut all = vec![0.0; self.counts.iter().sum()];
        transport::gather_parts(own, &self.counts, &mut all);
        let mut rest = all.as_slice();
        let of_parameter = |&size: &usize| {
            let (values, after) = rest.split_at(size);
            rest = after;
            values.to_vec()
        };
        self.sizes.iter().map(of_parameter).collect()
    }

    /// Returns one number for each parameter: the sum, in order, of what `sum` returns for its chunks of [`CHUNK`] values.
    /// Each process computes those of its own piece.
    pub fn sums(&self, own: &[f32], sum: impl Fn(&[f32]) -> f32) -> Vec<f32> {
        let mut rest = own;
        let mut partial = Vec::new();
        for range in &self.own {
            let (values, after) = rest.split_at(range.len());
            rest = after;
            partial.extend(values.chunks(CHUNK).map(&sum));
        }
        let partial = exchange::gather_floats(&partial);
        let mut partial = partial.into_iter();
        let of_parameter = |size: &usize| partial.by_ref().take(size.div_ceil(CHUNK)).sum();
        self.sizes.iter().map(of_parameter).collect()
    }
}

/// Adds parts of `length` values in the order of [`super::TreeSum`], into the first part. Their number is a power of two.
fn add_in_pairs(parts: &mut [f32], length: usize) {
    let mut width = length;
    while width > 0 && width < parts.len() {
        for pair in parts.chunks_mut(2 * width) {
            let (left, right) = pair.split_at_mut(width);
            let terms = left[..length].iter_mut().zip(&*right);
            terms.for_each(|(left, right)| *left += right);
        }
        width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_belongs_to_one_process() {
        let sizes = vec![784 * 400, 400, 0, 400 * 20, 20, 20_000];
        for processes in 1..=9 {
            let all: Vec<Pieces> = (0..processes)
                .map(|rank| Pieces::of_rank(sizes.clone(), rank, processes))
                .collect();
            for (parameter, &size) in sizes.iter().enumerate() {
                let mut end = 0;
                for pieces in &all {
                    let own = &pieces.own[parameter];
                    if own.is_empty() {
                        continue;
                    }
                    assert_eq!(own.start, end);
                    assert_eq!(own.start % CHUNK, 0);
                    end = own.end;
                }
                assert_eq!(end, size);
            }
            for (rank, pieces) in all.iter().enumerate() {
                let own: usize = pieces.own.iter().map(ExactSizeIterator::len).sum();
                assert_eq!(own, pieces.counts[rank]);
                assert_eq!(
                    pieces.counts.iter().sum::<usize>(),
                    sizes.iter().sum::<usize>()
                );
            }
        }
    }

    #[test]
    fn parts_are_added_in_the_order_of_a_tree() {
        let rng = crate::rng::Rng::new(1);
        for (count, length) in [(1, 3), (2, 5), (4, 1), (8, 2), (8, 0)] {
            let mut parts: Vec<f32> = (0..count * length).map(|i| rng.normal(i as u64)).collect();
            let mut tree = crate::parallel::TreeSum::default();
            for part in parts.chunks(length.max(1)) {
                tree.push(part.to_vec(), |left, right| {
                    left.iter()
                        .zip(&right)
                        .map(|(left, right)| left + right)
                        .collect()
                });
            }
            add_in_pairs(&mut parts, length);
            assert_eq!(parts[..length], tree.total().unwrap_or_default());
        }
    }

    #[test]
    fn the_work_is_divided_about_evenly() {
        let pieces = Pieces::of_rank(vec![1_000_000, 10, 500_000], 0, 4);
        let fair = 1_500_010 / 4;
        for count in &pieces.counts {
            assert!(count.abs_diff(fair) <= CHUNK, "{:?}", pieces.counts);
        }
    }
}
