//! A thread pool for jobs as short as ten microseconds: its threads wait awake for the next job.
//!
//! Use it for work that a training step or an evaluation repeats, and rayon for work that is done once, such as drawing
//! or reading a data set, whose items differ in length or start further parallel work.
//!
//! A training step is 25 jobs and more with a little single-threaded work between them. In these gaps the threads of a
//! general pool fall asleep, and waking one takes as long as a typical job: with rayon the preset `mnist` was 1.4 times
//! as fast on two cores as on one. These threads watch for a while before they sleep.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::shares::Shares;
use super::simulation;
use crate::os;

/// The time that an idle thread watches before it sleeps: longer than the gaps within a step.
const WATCH: Duration = Duration::from_micros(400);

thread_local! {
    /// The number of this thread in the pool: 0 is the thread that gives the pool its job.
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// Does `work` for every item, on all cores. Each core begins with a share of its own, the same in every job of as many
/// items, so that it finds the memory of its earlier share in its cache; when it has done that, it helps the others. So
/// the result of an item must not depend on the others.
pub fn for_each<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let items: Vec<Mutex<Option<T>>> = items
        .into_iter()
        .map(|item| Mutex::new(Some(item)))
        .collect();
    let do_item = |item: usize| {
        if let Some(item) = lock(&items[item]).take() {
            work(item);
        }
    };
    if simulation::run(items.len(), do_item) {
        return;
    }
    let threads = threads().min(items.len());
    let shares = Shares::new(items.len(), threads);
    let share = || {
        while let Some(item) = shares.take(THREAD.get()) {
            do_item(item);
        }
    };
    if threads < 2 {
        share()
    } else {
        pool(threads).run(&share, threads - 1)
    }
}

/// Returns the number of threads that a job runs on: those of rayon's pool, but not more than the cores that this process
/// may use (a container's share included), because threads that wait awake would keep a shared core from others. Within a
/// rayon pool of one thread, that thread does everything.
pub fn threads() -> usize {
    if let Some(cores) = simulation::cores() {
        return cores;
    }
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = CORES.get_or_init(|| available_parallelism().map_or(usize::MAX, NonZero::get));
    rayon::current_num_threads().min(*cores)
}

/// Returns the results of `work` for all items, in the order of the items.
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

/// Returns `length` values, 0 at first, and the results of `work` for each block of `block` of them, in their order. `work`
/// gets the number of its block.
///
/// Each block is cleared by the thread that works on it: to clear all of them first would take one thread's time.
pub fn fill<R: Send>(
    length: usize,
    block: usize,
    work: impl Fn(usize, &mut [f32]) -> R + Sync,
) -> (Vec<f32>, Vec<R>) {
    let mut values: Vec<f32> = Vec::with_capacity(length);
    let blocks = values.spare_capacity_mut()[..length].chunks_mut(block.max(1));
    let results = map(blocks.enumerate(), |(number, block)| {
        block.fill(MaybeUninit::new(0.0));
        // SAFETY: every value of the block has just been written.
        let block = unsafe { &mut *(std::ptr::from_mut(block) as *mut [f32]) };
        work(number, block)
    });
    // SAFETY: the blocks cover all values, and each has been written.
    unsafe { values.set_len(length) };
    (values, results)
}

/// A job as the threads see it: each calls it once, and the call takes items until none is left.
type JobPointer = *const (dyn Fn() + Sync);

#[derive(Default)]
struct Pool {
    /// The number of threads started.
    size: AtomicUsize,
    /// Locked by the thread that gives the pool its job.
    caller: Mutex<()>,
    /// The number of the open job and its free seats, or 0 if none is open. Numbers are not used twice. A thread takes a
    /// seat before it reads the job, so that a job of few items occupies few threads.
    open: AtomicU64,
    numbers: AtomicU64,
    /// The open job.
    job: Mutex<Option<SendJob>>,
    /// The number of threads that have left their seat in the open job.
    finished: AtomicUsize,
    /// Whether a thread panicked in the open job.
    failed: AtomicBool,
    asleep: AtomicUsize,
    bed: Mutex<()>,
    wake: Condvar,
}

/// The bits of [`Pool::open`] that count the free seats; the number of the job has the others.
const SEAT_BITS: u32 = 16;
const MOST_SEATS: u64 = (1 << SEAT_BITS) - 1;

fn free_seats(open: u64) -> u64 {
    open & MOST_SEATS
}

fn job_number(open: u64) -> u64 {
    open >> SEAT_BITS
}

#[derive(Clone, Copy)]
struct SendJob(JobPointer);

// SAFETY: the job behind the pointer is `Sync`, and `Pool::run` waits for all threads before it ends.
unsafe impl Send for SendJob {}

/// Returns the pool with at least `threads` threads, the caller's included.
fn pool(threads: usize) -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = POOL.get_or_init(Pool::default);
    // If a thread cannot be started, the others do its share.
    while pool.size.load(SeqCst) + 1 < threads {
        let number = pool.size.fetch_add(1, SeqCst) + 1;
        let _ = os::start(&format!("pool {number}"), None, move || {
            THREAD.set(number);
            pool.work()
        });
    }
    pool
}

impl Pool {
    /// Calls `job` on this thread and on up to `seats` free threads of the pool, and returns when all calls have returned.
    ///
    /// If the pool already has a job (from another thread, or the one that this job is a part of), it calls `job` on
    /// this thread alone.
    fn run(&self, job: &(dyn Fn() + Sync), seats: usize) {
        // A panic in an earlier job leaves nothing behind but the poisoned lock.
        let _caller = match self.caller.try_lock() {
            Ok(caller) => caller,
            Err(TryLockError::Poisoned(caller)) => caller.into_inner(),
            Err(TryLockError::WouldBlock) => return job(),
        };
        self.failed.store(false, SeqCst);
        self.finished.store(0, SeqCst);
        // SAFETY: only the lifetime is erased. A thread takes the pointer after it has taken a seat of this job;
        // `CloseOnDrop` takes away the free seats first and then waits until all threads have left theirs, also where
        // `job()` panics. So no thread calls the job after this function has returned.
        let erased =
            unsafe { std::mem::transmute::<*const (dyn Fn() + Sync + '_), JobPointer>(job) };
        *lock(&self.job) = Some(SendJob(erased));
        let number = self.numbers.fetch_add(1, SeqCst) + 1;
        let seats = MOST_SEATS.min(seats as u64);
        let close = CloseOnDrop { pool: self, seats };
        self.open.store(number << SEAT_BITS | seats, SeqCst);
        let asleep = self.asleep.load(SeqCst);
        if asleep > 0 {
            let _bed = lock(&self.bed);
            if asleep as u64 > seats {
                (0..seats).for_each(|_| self.wake.notify_one());
            } else {
                self.wake.notify_all();
            }
        }
        job();
        drop(close);
        if self.failed.swap(false, SeqCst) {
            // The panic has already been reported.
            resume_unwind(Box::new("a thread of the pool panicked"));
        }
    }

    /// Runs a thread of the pool: waits for jobs and does its share of each.
    fn work(&self) {
        let mut done = 0;
        loop {
            let number = self.wait(done);
            let take_seat =
                |open: u64| (job_number(open) == number && free_seats(open) > 0).then(|| open - 1);
            if self.open.fetch_update(SeqCst, SeqCst, take_seat).is_err() {
                continue;
            }
            done = number;
            let job = *lock(&self.job);
            let outcome = job.map(|SendJob(job)| {
                // SAFETY: this thread has a seat of the job, so `run` waits for it.
                catch_unwind(AssertUnwindSafe(|| unsafe { (*job)() }))
            });
            if outcome.is_some_and(|outcome| outcome.is_err()) {
                self.failed.store(true, SeqCst);
            }
            self.finished.fetch_add(1, SeqCst);
        }
    }

    /// Waits for an open job other than `done` with a free seat and returns its number.
    fn wait(&self, done: u64) -> u64 {
        let new_job = || {
            let open = self.open.load(SeqCst);
            (free_seats(open) > 0 && job_number(open) != done).then(|| job_number(open))
        };
        let start = Instant::now();
        while start.elapsed() < WATCH {
            for _ in 0..64 {
                if let Some(number) = new_job() {
                    return number;
                }
                std::hint::spin_loop();
            }
            // If there are more threads than cores, another thread may have work to do.
            std::thread::yield_now();
        }
        let mut bed = lock(&self.bed);
        self.asleep.fetch_add(1, SeqCst);
        let number = loop {
            match new_job() {
                Some(number) => break number,
                None => bed = self.wake.wait(bed).unwrap_or_else(PoisonError::into_inner),
            }
        };
        self.asleep.fetch_sub(1, SeqCst);
        number
    }
}

/// Closes the job when dropped, and waits until every thread that took a seat has left it.
struct CloseOnDrop<'a> {
    pool: &'a Pool,
    seats: u64,
}

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        let free = free_seats(self.pool.open.swap(0, SeqCst));
        let taken = (self.seats - free) as usize;
        let mut rounds = 0_u32;
        while self.pool.finished.load(SeqCst) < taken {
            std::hint::spin_loop();
            rounds += 1;
            if rounds.is_multiple_of(1024) {
                std::thread::yield_now();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    fn blocks_are_clear_before_they_are_filled() {
        for length in [0, 5, 12] {
            let (values, sums) = fill(length, 5, |number, block| {
                let sum: f32 = block.iter().sum();
                block[0] = number as f32 + 1.0;
                sum
            });
            let expected: Vec<f32> = (0..length)
                .map(|i| {
                    if i.is_multiple_of(5) {
                        (i / 5 + 1) as f32
                    } else {
                        0.0
                    }
                })
                .collect();
            assert_eq!((values, sums), (expected, vec![0.0; length.div_ceil(5)]));
        }
    }

    #[test]
    fn nested_jobs_and_jobs_of_many_threads_are_done() {
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
    fn sleeping_threads_wake_up_again() {
        for _ in 0..3 {
            std::thread::sleep(2 * WATCH);
            assert_eq!(map(0..100, |i| i).len(), 100);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        // The panic has no message, because the panic hook is not called.
        let failing = || {
            for_each(0..64, |i| {
                if i == 13 {
                    resume_unwind(Box::new("on purpose"));
                }
            })
        };
        assert!(catch_unwind(failing).is_err());
        // Another test may be using the pool, so this asks again until two threads have taken part.
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
