//! The time that work would take on more cores than the machine has: every item of every job runs on one thread and is timed,
//! and the jobs are then divided among the cores as the pool divides them.
//!
//! Not simulated: that cores share the memory and the last cache, and that each of them has caches of its own.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::shares::Shares;

/// The time that it takes to open and close a job (an estimate).
const JOB_COST: Duration = Duration::from_nanos(1000);

/// The time that each core adds to a job, because all cores read and change the same two numbers (an estimate).
const COST_PER_CORE: Duration = Duration::from_nanos(100);

thread_local! {
    static SIMULATION: RefCell<Option<Simulation>> = const { RefCell::new(None) };
}

/// The simulation that is running on this thread.
struct Simulation {
    cores: usize,
    /// Whether an item is running. A job within an item is a part of it.
    is_in_item: bool,
    /// The time that all items took.
    items: Duration,
    /// The time that the jobs would take.
    jobs: Duration,
}

/// The time of some work on one core, and on the cores that were simulated.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedTime {
    pub alone: Duration,
    /// The part of `alone` that is spent in jobs.
    pub in_jobs: Duration,
    pub simulated: Duration,
}

/// Does `work` on this thread and returns the time that it would take on `cores` cores. The jobs are cut for as many.
pub fn simulate(cores: usize, work: impl FnOnce()) -> SimulatedTime {
    SIMULATION.set(Some(Simulation {
        cores,
        is_in_item: false,
        items: Duration::ZERO,
        jobs: Duration::ZERO,
    }));
    let start = Instant::now();
    work();
    let alone = start.elapsed();
    let simulation = SIMULATION.take();
    let (items, jobs) = simulation.map_or_else(Default::default, |s| (s.items, s.jobs));
    SimulatedTime {
        alone,
        in_jobs: items,
        simulated: alone.saturating_sub(items) + jobs,
    }
}

/// Returns the number of simulated cores, or `None` if this thread does not simulate.
pub(super) fn cores() -> Option<usize> {
    SIMULATION.with_borrow(|simulation| simulation.as_ref().map(|simulation| simulation.cores))
}

/// Runs a job of `count` items on this thread, and returns whether this thread simulates; without a simulation nothing runs.
pub(super) fn run(count: usize, item: impl Fn(usize)) -> bool {
    let Some(is_in_item) = SIMULATION.with_borrow(|s| s.as_ref().map(|s| s.is_in_item)) else {
        return false;
    };
    if is_in_item {
        (0..count).for_each(item);
        return true;
    }
    let set = |is_in_item: bool| {
        SIMULATION.with_borrow_mut(|s| s.iter_mut().for_each(|s| s.is_in_item = is_in_item));
    };
    set(true);
    let times: Vec<Duration> = (0..count)
        .map(|number| {
            let start = Instant::now();
            item(number);
            start.elapsed()
        })
        .collect();
    set(false);
    SIMULATION.with_borrow_mut(|simulation| {
        if let Some(simulation) = simulation {
            simulation.items += times.iter().sum::<Duration>();
            simulation.jobs += makespan(&times, simulation.cores);
        }
    });
    true
}

/// Returns the time from the start of a job, whose items take `times`, to the end of its last item.
fn makespan(times: &[Duration], cores: usize) -> Duration {
    let cores = cores.min(times.len());
    if cores < 2 {
        return times.iter().sum();
    }
    let shares = Shares::new(times.len(), cores);
    let mut ends = vec![Duration::ZERO; cores];
    // The core that is free first takes the next item.
    while let Some((core, end)) = ends.iter_mut().enumerate().min_by_key(|(_, end)| **end) {
        match shares.take(core) {
            Some(item) => *end += times[item],
            None => break,
        }
    }
    ends.into_iter().max().unwrap_or_default() + JOB_COST + COST_PER_CORE * cores as u32
}

#[cfg(test)]
mod tests {
    use super::super::pool;
    use super::*;

    #[test]
    fn the_longest_share_is_the_time_of_a_job() {
        let ms = Duration::from_millis;
        let job = |times: &[u64], cores: usize| {
            let times: Vec<Duration> = times.iter().map(|&time| ms(time)).collect();
            makespan(&times, cores).as_millis()
        };
        assert_eq!(job(&[], 4), 0);
        assert_eq!(job(&[3, 4], 1), 7);
        assert_eq!(job(&[3, 4], 9), 4);
        // The second core has done its share first, and takes the last item of the other one.
        assert_eq!(job(&[5, 5, 5, 1, 1, 1], 2), 10);
    }

    #[test]
    fn every_item_runs_once_and_jobs_are_cut_for_the_simulated_cores() {
        let done = std::sync::Mutex::new(Vec::new());
        let time = simulate(7, || {
            assert_eq!(pool::threads(), 7);
            pool::for_each(0..3, |i| {
                pool::for_each(0..2, |j| done.lock().unwrap().push((i, j)))
            });
        });
        let all: Vec<_> = (0..3).flat_map(|i| (0..2).map(move |j| (i, j))).collect();
        assert_eq!(done.into_inner().unwrap(), all);
        assert!(time.in_jobs <= time.alone);
        assert_ne!(cores(), Some(7));
    }
}
