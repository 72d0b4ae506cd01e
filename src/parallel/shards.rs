//! The shards of a batch: parts whose gradients are computed one by one, on whichever process, and added in a fixed order.

use std::ops::Range;

use super::ranks;
use crate::check::count;
use crate::error::{Error, Result};

/// The largest number of shards.
const MOST: usize = 4096;

/// The shards of each batch that this process computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    /// The number of shards of a batch, over all processes: a power of two.
    count: usize,
    /// This process's share of them.
    own: Range<usize>,
}

impl Shards {
    /// Returns this process's share of `count` shards.
    ///
    /// # Errors
    /// Returns an error if the shards cannot be divided evenly among the processes.
    pub fn new(count: usize) -> Result<Self> {
        Self::check(count)?;
        Self::of_rank(count, ranks::rank(), ranks::count())
    }

    /// Checks the value of `train.shards`.
    ///
    /// # Errors
    /// Returns an error if `shards` is not a power of two, or too large.
    pub fn check(shards: usize) -> Result<()> {
        count("train.shards", shards, MOST)?;
        if shards.is_power_of_two() {
            return Ok(());
        }
        Err(Error::request(format!(
            "train.shards is {shards}; expected a power of two, so that the gradients are added in pairs"
        ))
        .with_hint(format!("take {}", shards.next_power_of_two())))
    }

    fn of_rank(shards: usize, rank: usize, processes: usize) -> Result<Self> {
        if shards.is_multiple_of(processes) {
            let each = shards / processes;
            return Ok(Self {
                count: shards,
                own: rank * each..(rank + 1) * each,
            });
        }
        let what = format!("{processes} processes cannot divide train.shards = {shards} evenly");
        let hint = match processes.is_power_of_two() {
            true => format!(
                "pass `--set train.shards={processes}` to a new run (another number of shards gives other bytes), or start no more processes than shards"
            ),
            false => "start 1, 2, 4, ... processes, no more than shards".to_owned(),
        };
        Err(Error::request(what).with_hint(hint))
    }

    /// Returns the number of shards of a batch, over all processes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the places, in a batch of `images` images, of the shards that this process computes. A shard of a batch with
    /// fewer images than shards may be empty.
    pub fn own(&self, images: usize) -> impl ExactSizeIterator<Item = Range<usize>> + use<> {
        let (count, own) = (self.count, self.own.clone());
        own.map(move |shard| shard * images / count..(shard + 1) * images / count)
    }

    /// Returns how many of this process's shards of a batch of `images` images are not empty.
    pub fn own_filled(&self, images: usize) -> usize {
        self.own(images).filter(|places| !places.is_empty()).count()
    }
}

/// A sum in the order of a balanced binary tree over the terms: ((a + b) + (c + d)) + ((e + f) + (g + h)). It holds as many
/// partial sums as the tree is deep.
#[derive(Debug)]
pub struct TreeSum<T> {
    /// The sums of whole subtrees, the larger first, with the number of their terms.
    subtrees: Vec<(usize, T)>,
}

impl<T> Default for TreeSum<T> {
    fn default() -> Self {
        Self {
            subtrees: Vec::new(),
        }
    }
}

impl<T> TreeSum<T> {
    /// Adds the next term.
    pub fn push(&mut self, term: T, add: impl Fn(T, T) -> T) {
        let mut next = (1, term);
        while let Some((terms, left)) = self.subtrees.pop_if(|(terms, _)| *terms == next.0) {
            next = (2 * terms, add(left, next.1));
        }
        self.subtrees.push(next);
    }

    /// Returns the sum of a number of terms that is a power of two, or `None` for any other number.
    pub fn total(mut self) -> Option<T> {
        let (_, sum) = self.subtrees.pop()?;
        self.subtrees.is_empty().then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree<T: ToString>(terms: &[T]) -> Option<String> {
        let mut sum = TreeSum::default();
        for term in terms {
            sum.push(term.to_string(), |a, b| format!("({a}{b})"));
        }
        sum.total()
    }

    const TERMS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    #[test]
    fn terms_are_added_in_pairs() {
        assert_eq!(tree(&TERMS).unwrap(), "(((ab)(cd))((ef)(gh)))");
        assert_eq!(tree(&TERMS[..1]).unwrap(), "a");
        assert_eq!(tree(&TERMS[..3]), None, "not a power of two");
    }

    #[test]
    fn the_order_of_a_sum_does_not_depend_on_who_adds() {
        for processes in [1, 2, 4, 8] {
            let own = TERMS.chunks(TERMS.len() / processes);
            let parts: Vec<String> = own.map(|own| tree(own).unwrap()).collect();
            assert_eq!(tree(&parts), tree(&TERMS), "{processes}");
        }
    }

    #[test]
    fn shards_are_cut_by_the_batch_alone() {
        for images in [0, 3, 8, 100, 128] {
            for processes in [1, 2, 4, 8] {
                let ranges: Vec<Range<usize>> = (0..processes)
                    .flat_map(|rank| Shards::of_rank(8, rank, processes).unwrap().own(images))
                    .collect();
                let one: Vec<Range<usize>> =
                    Shards::of_rank(8, 0, 1).unwrap().own(images).collect();
                assert_eq!(ranges, one);
                assert_eq!(
                    ranges.iter().map(ExactSizeIterator::len).sum::<usize>(),
                    images
                );
                assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
        }
    }

    #[test]
    fn shards_that_cannot_be_divided_are_refused() {
        let error = Shards::of_rank(2, 0, 4).unwrap_err();
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("train.shards=4"))
        );
        assert!(Shards::of_rank(8, 0, 3).is_err());
        assert!(
            Shards::check(6)
                .unwrap_err()
                .hint()
                .is_some_and(|hint| hint == "take 8")
        );
        assert!(Shards::check(0).is_err());
    }
}
