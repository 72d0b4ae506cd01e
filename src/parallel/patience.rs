//! How long a process waits for the others: it polls, tells the others that it waits, and ends the job when the time is up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mpi::point_to_point::{Destination, Source};
use mpi::topology::{Communicator, SimpleCommunicator};

use super::{ranks, resumable};
use crate::error::Error;
use crate::{os, ui};

/// The bytes for messages that MPI has not sent yet: those of [`Patience::tell`].
pub const BUFFER: usize = 1 << 20;

/// The tag of the messages of processes that wait.
const WAITING: i32 = 1;

/// A wait is first a loop, then a loop that lets others run, then one that sleeps.
const SPIN: Duration = Duration::from_micros(50);
const YIELD: Duration = Duration::from_millis(20);
const SLEEP: Duration = Duration::from_micros(200);
const LONG_SLEEP: Duration = Duration::from_millis(5);

/// The time after which a process tells the others that it waits.
const TELL: Duration = Duration::from_secs(2);

/// The seconds that MPI has to end the other processes, before this one ends by itself, and the launcher is asked to.
const GRACE: u64 = 3;

/// The programs that start the processes of a job on a machine, and wait for them.
const LAUNCHERS: &[&str] = &["mpirun", "mpiexec", "orterun", "prterun", "orted", "prted"];

/// The longest wait, in seconds.
static TIMEOUT: AtomicU64 = AtomicU64::new(0);

/// The number of waits so far, which is the same on all processes.
static WAITS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_PATIENT: Cell<bool> = const { Cell::new(false) };
}

/// Sets the longest wait, in seconds.
pub fn start(timeout: u64) {
    TIMEOUT.store(timeout, Ordering::Relaxed);
}

/// Does something during which waits have no end.
pub fn without_timeout<T>(wait: impl FnOnce() -> T) -> T {
    let before = IS_PATIENT.replace(true);
    let result = wait();
    IS_PATIENT.set(before);
    result
}

/// One wait for the other processes.
pub struct Patience {
    world: SimpleCommunicator,
    began: Instant,
    /// The number of this wait.
    number: u64,
    has_told: bool,
}

impl Patience {
    pub fn new(world: SimpleCommunicator) -> Self {
        Self {
            world,
            began: Instant::now(),
            number: WAITS.fetch_add(1, Ordering::Relaxed),
            has_told: false,
        }
    }

    /// Waits a little; ends the job if the time is up.
    pub fn pause(&mut self) {
        let waited = self.began.elapsed();
        if waited < SPIN {
            std::hint::spin_loop();
            return;
        }
        if waited < YIELD {
            thread::yield_now();
            return;
        }
        thread::sleep(if waited < TELL { SLEEP } else { LONG_SLEEP });
        if waited > TELL && !self.has_told {
            self.tell();
            self.has_told = true;
        }
        let timeout = Duration::from_secs(TIMEOUT.load(Ordering::Relaxed));
        if waited > timeout && !IS_PATIENT.get() {
            self.give_up(timeout);
        }
    }

    /// Tells the other processes that this one waits.
    fn tell(&self) {
        for rank in (0..self.world.size()).filter(|rank| *rank != self.world.rank()) {
            let other = self.world.process_at_rank(rank);
            other.buffered_send_with_tag(&[self.number][..], WAITING);
        }
    }

    /// Returns the processes that have not said that they are in this wait.
    fn silent(&self) -> Vec<usize> {
        let mut waits = vec![false; self.world.size() as usize];
        waits[self.world.rank() as usize] = true;
        let anybody = self.world.any_process();
        while let Some((message, status)) = anybody.immediate_matched_probe_with_tag(WAITING) {
            let mut number = [0_u64];
            message.matched_receive_into(&mut number[..]);
            if number[0] == self.number {
                waits[status.source_rank() as usize] = true;
            }
        }
        let silent = waits.iter().enumerate().filter(|(_, waits)| !**waits);
        silent.map(|(rank, _)| rank).collect()
    }

    fn give_up(&self, timeout: Duration) -> ! {
        let silent: Vec<String> = self.silent().into_iter().map(ranks::name_of).collect();
        let who = match silent[..] {
            [] => "the network has carried no message".to_owned(),
            [ref one] => format!("{one} has not answered"),
            _ => format!("{} have not answered", silent.join(", ")),
        };
        let hint = format!(
            "{}; to wait longer: --mpi-timeout SECONDS",
            resumable::advice()
        );
        let error = Error::failed(format!("{who} for {} s", timeout.as_secs())).with_hint(hint);
        ui::urgent_line(error.render());
        abort(&self.world, error.code())
    }
}

/// Ends all processes at once.
pub fn abort(world: &SimpleCommunicator, code: u8) -> ! {
    let code = i32::from(code);
    // Over a network that is down, MPI may not return from ending the others, and the launcher waits for them.
    os::end_parent_after(GRACE, LAUNCHERS);
    let _ = os::start("last resort", None, move || {
        thread::sleep(Duration::from_secs(GRACE));
        std::process::exit(code);
    });
    world.abort(code)
}
