//! The items of a job, divided among the threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A range of items for each thread, as its start and end in one number.
pub struct Shares(Vec<AtomicU64>);

impl Shares {
    /// Divides `items` items, at most 2^32, among `threads` threads.
    pub fn new(items: usize, threads: usize) -> Self {
        let threads = threads.max(1);
        let start = |thread: usize| thread * items / threads;
        let range = |thread| AtomicU64::new(pack(start(thread), start(thread + 1)));
        Self((0..threads).map(range).collect())
    }

    /// Takes the first item of the share of `thread`, or else the last one of another share, or `None` if all are taken.
    pub fn take(&self, thread: usize) -> Option<usize> {
        let own = self.0.get(thread).and_then(take_first);
        own.or_else(|| {
            let others = (1..=self.0.len()).map(|i| (thread + i) % self.0.len());
            others.filter_map(|other| take_last(&self.0[other])).next()
        })
    }
}

fn take_first(share: &AtomicU64) -> Option<usize> {
    let taken = share.fetch_update(Relaxed, Relaxed, |share| {
        let (start, end) = unpack(share);
        (start < end).then(|| pack(start + 1, end))
    });
    taken.ok().map(|share| unpack(share).0)
}

fn take_last(share: &AtomicU64) -> Option<usize> {
    let taken = share.fetch_update(Relaxed, Relaxed, |share| {
        let (start, end) = unpack(share);
        (start < end).then(|| pack(start, end - 1))
    });
    taken.ok().map(|share| unpack(share).1 - 1)
}

fn pack(start: usize, end: usize) -> u64 {
    (start as u64) << 32 | end as u64
}

fn unpack(share: u64) -> (usize, usize) {
    (
        (share >> 32) as usize,
        (share & u64::from(u32::MAX)) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once_and_first_by_its_own_thread() {
        for (items, threads) in [(0, 1), (1, 1), (7, 2), (64, 5), (3, 3)] {
            let shares = Shares::new(items, threads);
            let first = shares.take(threads - 1);
            assert_eq!(
                first,
                (items > 0).then_some((threads - 1) * items / threads)
            );
            let mut taken: Vec<usize> = first
                .into_iter()
                .chain((0..items).filter_map(|i| shares.take(i % (threads + 1))))
                .collect();
            taken.sort_unstable();
            assert_eq!(taken, (0..items).collect::<Vec<_>>());
            assert_eq!(shares.take(0), None);
        }
    }
}
