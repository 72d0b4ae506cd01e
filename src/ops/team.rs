//! The cores at work on one thing: threads that wait awake for the next job, so that a job can be as short as ten
//! microseconds.
//!
//! A training step is some thirty jobs with a little work of one core between them. A general thread pool lets its threads
//! sleep there, and to wake one takes as long as many of the jobs do: with rayon the preset `mnist` gained 1.4 times from
//! a second core. These threads watch for a while before they sleep.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How long an idle thread watches: longer than the gaps within a step.
const WATCH: Duration = Duration::from_micros(400);

/// Does `work` for every item, on all cores. Which core does which is left to chance: what an item gives must not depend
/// on the others.
pub fn for_each<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let items: Vec<Mutex<Option<T>>> = items
        .into_iter()
        .map(|item| Mutex::new(Some(item)))
        .collect();
    let next = AtomicUsize::new(0);
    let share = || {
        while let Some(item) = items.get(next.fetch_add(1, SeqCst)) {
            if let Some(item) = locked(item).take() {
                work(item);
            }
        }
    };
    // A thread of a pool of one is asked to do it alone.
    let threads = rayon::current_num_threads().min(items.len());
    if threads < 2 {
        share()
    } else {
        team(threads).run(&share)
    }
}

/// What `work` gives for every item, in the items' order.
pub fn map<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(items.into_iter().zip(&mut results), |(item, result)| {
        *result = Some(work(item))
    });
    results.into_iter().flatten().collect()
}

/// A job as the threads see it: each calls it once, and it takes what is left to do.
type Job = *const (dyn Fn() + Sync);

#[derive(Default)]
struct Team {
    /// Threads started.
    size: AtomicUsize,
    /// Held by the thread that gives the team its job.
    caller: Mutex<()>,
    /// The number of the open job, or 0. Numbers are not used twice.
    open: AtomicU64,
    numbers: AtomicU64,
    /// The open job.
    job: Mutex<Option<SendJob>>,
    /// Threads that are about to look at the job or are at work on it.
    active: AtomicUsize,
    /// Whether a thread failed in the open job.
    failed: AtomicBool,
    asleep: AtomicUsize,
    bed: Mutex<()>,
    wake: Condvar,
}

#[derive(Clone, Copy)]
struct SendJob(Job);

// SAFETY: what is behind the pointer is `Sync`; `Team::run` says how long it lives.
unsafe impl Send for SendJob {}

/// The team, with as many threads as rayon has, which burn uses: RAYON_NUM_THREADS decides for both.
fn team(threads: usize) -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    let team = TEAM.get_or_init(Team::default);
    // The caller is one of them. Where a thread cannot be had the others do its share.
    while team.size.load(SeqCst) + 1 < threads {
        let number = team.size.fetch_add(1, SeqCst) + 1;
        let _ = std::thread::Builder::new()
            .name(format!("team {number}"))
            .spawn(move || team.work());
    }
    team
}

impl Team {
    /// Calls `job` on this thread and on every thread of the team that is free, and returns when all have returned.
    ///
    /// Where the team has a job already (another thread's, or the one that this one is a part of), on this thread alone.
    fn run(&self, job: &(dyn Fn() + Sync)) {
        // A failure of an earlier job leaves nothing behind but the mark on the lock.
        let _caller = match self.caller.try_lock() {
            Ok(caller) => caller,
            Err(TryLockError::Poisoned(caller)) => caller.into_inner(),
            Err(TryLockError::WouldBlock) => return job(),
        };
        self.failed.store(false, SeqCst);
        // SAFETY: only the lifetime is left out. A thread takes the pointer after it has counted itself in `active` and
        // has then seen the job open; `Close` closes the job first and then waits until `active` is 0, also where
        // `job()` panics. Both sides use sequentially consistent operations, so one of them sees the other, and no
        // thread calls the job after this function has returned.
        let erased = unsafe { std::mem::transmute::<*const (dyn Fn() + Sync + '_), Job>(job) };
        *locked(&self.job) = Some(SendJob(erased));
        let number = self.numbers.fetch_add(1, SeqCst) + 1;
        let close = Close(self);
        self.open.store(number, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            let _bed = locked(&self.bed);
            self.wake.notify_all();
        }
        job();
        drop(close);
        assert!(
            !self.failed.swap(false, SeqCst),
            "a thread of the team failed; its message is above"
        );
    }

    /// The life of a thread of the team.
    fn work(&self) {
        let mut done = 0;
        loop {
            let number = self.wait(done);
            self.active.fetch_add(1, SeqCst);
            if self.open.load(SeqCst) == number {
                let job = *locked(&self.job);
                // SAFETY: the job is open and this thread is counted: see `run`.
                let outcome =
                    job.map(|SendJob(job)| catch_unwind(AssertUnwindSafe(|| unsafe { (*job)() })));
                if outcome.is_some_and(|outcome| outcome.is_err()) {
                    self.failed.store(true, SeqCst);
                }
                done = number;
            }
            self.active.fetch_sub(1, SeqCst);
        }
    }

    /// The number of an open job other than `done`.
    fn wait(&self, done: u64) -> u64 {
        let news = || Some(self.open.load(SeqCst)).filter(|&number| number != 0 && number != done);
        let start = Instant::now();
        while start.elapsed() < WATCH {
            for _ in 0..64 {
                if let Some(number) = news() {
                    return number;
                }
                std::hint::spin_loop();
            }
            // Where there are more threads than cores, another may have something to do.
            std::thread::yield_now();
        }
        let mut bed = locked(&self.bed);
        self.asleep.fetch_add(1, SeqCst);
        let number = loop {
            match news() {
                Some(number) => break number,
                None => bed = self.wake.wait(bed).unwrap_or_else(PoisonError::into_inner),
            }
        };
        self.asleep.fetch_sub(1, SeqCst);
        number
    }
}

/// Closes the job when dropped, once no thread is at work on it.
struct Close<'a>(&'a Team);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.open.store(0, SeqCst);
        let mut rounds = 0_u32;
        while self.0.active.load(SeqCst) > 0 {
            std::hint::spin_loop();
            rounds += 1;
            if rounds.is_multiple_of(1024) {
                std::thread::yield_now();
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_and_results_keep_their_order() {
        for round in 0..200 {
            let squares = map(0..round, |i| i * i);
            assert_eq!(squares, (0..round).map(|i| i * i).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_job_within_a_job_and_jobs_of_many_threads_are_done() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let sums = map(0..8_u64, |i| map(0..8_u64, |j| i * j).iter().sum::<u64>());
                        assert_eq!(sums.iter().sum::<u64>(), 28 * 28);
                    }
                });
            }
        });
    }

    #[test]
    fn the_team_wakes_up_again() {
        for _ in 0..3 {
            std::thread::sleep(2 * WATCH);
            assert_eq!(map(0..100, |i| i).len(), 100);
        }
    }

    #[test]
    fn a_failure_reaches_the_caller_and_the_team_lives_on() {
        let failing = || for_each(0..64, |i| assert!(i != 13, "on purpose"));
        assert!(catch_unwind(failing).is_err());
        // Now and then another test has the team: asked again until two threads have taken part.
        let threads = || {
            let ids = map(0..64, |_| {
                std::thread::sleep(Duration::from_micros(100));
                std::thread::current().id()
            });
            ids.iter().collect::<std::collections::HashSet<_>>().len()
        };
        assert!(rayon::current_num_threads() < 2 || (0..100).any(|_| threads() > 1));
    }
}
