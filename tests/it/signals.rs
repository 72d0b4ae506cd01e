//! Tests signals: which ones stop a training with its state saved, and that an ignored one stays ignored.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::program::{Done, listening, metrics, run, vae_in_a_shell};

/// A training that takes far longer than a test.
const LONG: [&str; 7] = [
    "train", "--config", "smoke", "--name", "mine", "--epochs", "100000",
];

/// The signals that ask a program to end.
const SIGNALS: [&str; 4] = ["INT", "TERM", "HUP", "XCPU"];

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status();
    assert!(sent.unwrap().success(), "SIG{signal}");
}

fn epochs(folder: &Path) -> usize {
    let folder = folder.join("runs/mine");
    if folder.join("metrics.jsonl").exists() {
        metrics(&folder).len() / 2
    } else {
        0
    }
}

/// Waits until the run has `count` epochs, or its process has ended.
fn wait_for(child: &mut Child, folder: &Path, count: usize) {
    let patience = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() && epochs(folder) < count {
        assert!(Instant::now() < patience, "nothing happens");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the long training in a shell, which first does `before`.
fn start(folder: &Path, before: &str) -> Child {
    let mut child = listening(&vae_in_a_shell(folder, before, &LONG))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&mut child, folder, 2);
    child
}

#[test]
fn a_signal_stops_a_training_with_its_state_saved() {
    for signal in SIGNALS {
        let place = TempDir::new().unwrap();
        let child = start(place.path(), ":");
        send(signal, &child);
        let done = Done::of(child.wait_with_output().unwrap());
        done.failed(
            130,
            &[
                "interrupted: stopped ",
                "hint: go on with: vae train --resume runs/mine",
                match signal {
                    "INT" => "; press Ctrl-C again to stop at once",
                    // No key sends these.
                    _ => "; a second signal stops at once",
                },
            ],
        );
        let epochs = epochs(place.path()) + 1;
        let resumed = run(
            place.path(),
            &[
                "train",
                "-q",
                "--resume",
                "mine",
                "--epochs",
                &epochs.to_string(),
            ],
        );
        assert_eq!(resumed.line(), "runs/mine", "after SIG{signal}");
    }
}

/// `nohup` ignores SIGHUP, and a script's shell ignores SIGINT for the jobs that it starts with `&`.
#[test]
fn a_signal_that_the_parent_ignores_stops_nothing() {
    let place = TempDir::new().unwrap();
    let mut child = start(place.path(), "trap '' INT TERM HUP XCPU");
    for signal in SIGNALS {
        send(signal, &child);
        let seen = epochs(place.path());
        wait_for(&mut child, place.path(), seen + 2);
        assert!(child.try_wait().unwrap().is_none(), "SIG{signal}");
    }
    child.kill().unwrap();
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.code, None);
    assert!(!done.err.contains("stopping"), "{}", done.err);
}

/// A signal is heeded although another one is ignored.
#[test]
fn under_nohup_a_training_still_stops_on_sigterm() {
    let place = TempDir::new().unwrap();
    let child = start(place.path(), "trap '' HUP");
    send("HUP", &child);
    send("TERM", &child);
    Done::of(child.wait_with_output().unwrap()).failed(130, &["interrupted: stopped "]);
}

/// Waits until the process handles SIGINT, which is signal 2.
#[cfg(target_os = "linux")]
fn wait_until_it_listens(child: &mut Child) {
    let patience = Instant::now() + Duration::from_secs(60);
    let listens = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| mask & 2 != 0)
    };
    while !listens(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        assert!(Instant::now() < patience, "it never listens");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sends SIGINT to `eval` with more arguments on the run `smoke-1` once it listens.
#[cfg(target_os = "linux")]
fn stopped_eval(place: &TempDir, more: &[&str]) -> Done {
    let eval = [&["eval", "smoke-1"], more].concat();
    let mut child = listening(&crate::program::vae(place.path(), &eval))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_it_listens(&mut child);
    send("INT", &child);
    Done::of(child.wait_with_output().unwrap())
}

/// Asserts that a stopped `eval` has printed and kept the ELBO, and not the numbers with the other names.
#[cfg(target_os = "linux")]
fn has_the_elbo(place: &TempDir, done: &Done, title: &str, key: &str) {
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert!(done.out.contains("ELBO"), "{}", done.out);
    assert!(!done.out.contains(title), "{}", done.out);
    let kept = crate::program::read(place.path(), "runs/smoke-1/report.json");
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    assert!(kept["elbo"].is_number() && kept["squared_error"].is_number());
    assert!(kept[key].is_null(), "{kept}");
}

#[cfg(target_os = "linux")]
#[test]
fn importance_sampling_that_is_stopped_says_how_many_images_were_done() {
    let place = crate::program::with_smoke_run();
    // The first group of images alone would take hours.
    let done = stopped_eval(&place, &["--importance-samples", "1,10000000"]);
    has_the_elbo(&place, &done, "log p(x)", "log_px");
    let pass = "interrupted: stopped before importance sampling had done its first image: there is no log p(x)";
    assert!(done.err.contains(pass), "{}", done.err);
}

#[cfg(target_os = "linux")]
#[test]
fn the_elbo_is_printed_and_kept_if_the_measurement_of_samples_is_stopped() {
    let place = crate::program::with_smoke_run();
    let done = stopped_eval(&place, &["--sample-quality", "--importance-samples", "5"]);
    has_the_elbo(&place, &done, "sample quality", "sample_quality");
    assert!(!done.out.contains("log p(x)"), "{}", done.out);
    let pass = "interrupted: stopped while samples were measured: there are no figures of them";
    assert!(done.err.contains(pass), "{}", done.err);
}
