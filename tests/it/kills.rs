//! Tests that a command which is killed at any moment leaves each file as it was, or as it was to be,
//! and that the run goes on as if nothing had happened.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vae::rng::Rng;

use crate::program::{Done, in_parallel, run, vae};
use crate::snapshot::{Snapshot, fault_of, is_temporary, losses, snapshot};
use crate::tiny::with_tiny_runs;

/// The commands that write, and how often each is killed: 200 times in all.
const KILLS: [(&str, usize); 14] = [
    (
        "train -q --config tiny.toml --data data --name fresh --epochs 8 --set train.save_every=0",
        35,
    ),
    ("train -q --resume mine --epochs 8", 35),
    ("eval mine --importance-samples 500", 15),
    ("sample mine --seed 2", 15),
    ("embed mine --n 20", 15),
    ("doctor mine --n 20", 15),
    ("disentangle mine --factors factors.csv", 5),
    ("reconstruct mine", 10),
    ("interpolate mine --from #1 --to #2", 10),
    ("interpolate mine --from #1 --to #2 --out runs/walk.gif", 10),
    ("animate mine --out runs/growth.gif", 10),
    ("traverse mine", 10),
    ("manifold mine", 5),
    ("rm --yes mine", 10),
];

/// A command, what it leaves in `runs` if it is not killed, and how long that takes.
struct Undisturbed {
    arguments: Vec<&'static str>,
    files: Snapshot,
    duration: Duration,
}

impl Undisturbed {
    fn of(command: &'static str) -> Self {
        let arguments: Vec<&str> = command.split(' ').collect();
        let place = with_tiny_runs();
        let began = Instant::now();
        let done = run(place.path(), &arguments);
        let duration = began.elapsed();
        assert_eq!(done.code, Some(0), "vae {command}: {}", done.err);
        let files = snapshot(&place.path().join("runs"));
        Self {
            arguments,
            files,
            duration,
        }
    }

    fn trains(&self) -> bool {
        self.arguments[0] == "train"
    }

    fn removes(&self) -> bool {
        self.arguments[0] == "rm"
    }

    /// Kills the command after `share` of its usual duration, and returns what is wrong afterwards.
    fn kill_after(&self, share: f64, killed: &AtomicUsize) -> Vec<String> {
        let place = with_tiny_runs();
        let runs = place.path().join("runs");
        let before = snapshot(&runs);
        let mut child = vae(place.path(), &self.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(self.duration.mul_f64(share));
        // The signal cannot be caught, and is harmless to a command that has just ended.
        child.kill().unwrap();
        let done = Done::of(child.wait_with_output().unwrap());
        killed.fetch_add(usize::from(done.code.is_none()), Ordering::Relaxed);

        if self.removes() {
            return faults_of_removal(place.path(), &before);
        }
        let mut after = snapshot(&runs);
        after.retain(|name, _| !is_temporary(name));
        let mut faults = if self.trains() {
            // The files of an epoch in the middle are new ones, too.
            let faults = after
                .iter()
                .filter(|(name, bytes)| before.get(*name) != Some(bytes));
            faults
                .filter_map(|(name, bytes)| Some(format!("{name}: {}", fault_of(name, bytes)?)))
                .collect()
        } else {
            losses(&before, &after, &[&self.files])
        };
        self.run_again(place.path());
        let mut again = snapshot(&runs);
        again.retain(|name, _| !is_temporary(name));
        faults.extend(losses(&before, &again, &[&self.files]));
        let missing = self.files.keys().filter(|name| !again.contains_key(*name));
        faults.extend(missing.map(|name| format!("{name} is not written the second time")));
        faults
    }

    /// Runs the command again to its end, or goes on with the training.
    fn run_again(&self, place: &Path) {
        let fresh = place.join("runs/fresh");
        let is_resumed = fresh.join("config.toml").is_file();
        if fresh.is_dir() && !is_resumed {
            // Nothing is in it yet that a training could go on with.
            fs::remove_dir_all(&fresh).unwrap();
        }
        let resume = ["train", "-q", "--resume", "fresh"];
        let arguments = if is_resumed {
            &resume[..]
        } else {
            &self.arguments
        };
        let done = run(place, arguments);
        assert_eq!(
            done.code,
            Some(0),
            "vae {}: {}",
            arguments.join(" "),
            done.err
        );
    }
}

/// Returns what is wrong after a removal of the run `mine` that was killed: the run is to be whole or gone, and the
/// next removal leaves nothing of it.
fn faults_of_removal(place: &Path, before: &Snapshot) -> Vec<String> {
    let runs = place.join("runs");
    let after = snapshot(&runs);
    let is_whole = runs.join("mine").exists();
    let kept = before
        .iter()
        .filter(|(name, _)| is_whole || !name.starts_with("mine/"));
    let mut faults: Vec<String> = kept
        .filter(|(name, bytes)| after.get(*name) != Some(bytes))
        .map(|(name, _)| format!("{name} is gone or changed"))
        .collect();
    for (name, exists) in [("mine", is_whole), ("other", true)] {
        let code = run(place, &["rm", "--yes", name]).code;
        if code != Some(if exists { 0 } else { 2 }) {
            faults.push(format!("vae rm {name}: exit code {code:?}"));
        }
    }
    let left = fs::read_dir(runs).unwrap().flatten();
    faults.extend(left.map(|entry| format!("{:?} is left", entry.file_name())));
    faults
}

#[test]
fn two_hundred_kills_leave_old_files_or_new_ones() {
    let commands: Vec<Undisturbed> = KILLS
        .iter()
        .map(|(command, _)| Undisturbed::of(command))
        .collect();
    let mut random = (0..).map(|draw| Rng::new(200).stream("kills").uniform(draw));
    let mut kills = Vec::new();
    for (command, (_, count)) in commands.iter().zip(KILLS) {
        let shares = random
            .by_ref()
            .take(count)
            .map(|share| 1.1 * f64::from(share));
        kills.extend(shares.map(|share| (command, share)));
    }
    assert_eq!(kills.len(), 200);
    let killed = AtomicUsize::new(0);
    let faults = in_parallel(&kills, |(command, share)| {
        command.kill_after(*share, &killed)
    });
    let faults: Vec<String> = kills
        .iter()
        .zip(faults)
        .filter(|(_, faults)| !faults.is_empty())
        .map(|((command, share), faults)| {
            let command = command.arguments.join(" ");
            format!(
                "vae {command}, killed after {share:.3} of its time: {}",
                faults.join("; ")
            )
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let killed = killed.into_inner();
    println!("{killed} of 200 commands were killed before their end");
    assert!(
        killed >= 100,
        "only {killed} of 200 were killed before their end"
    );
}
