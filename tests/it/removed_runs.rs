//! Tests that a run whose files are taken away while it is trained ends as a failure, and that nothing is made again in
//! its place.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vae::error::Error;
use vae::run::RunFolder;

use crate::model_file::small_file;
use crate::program::{Done, vae};

/// A training that takes far longer than a test.
const LONG: [&str; 7] = [
    "train", "--config", "smoke", "--name", "mine", "--epochs", "100000",
];

const RUN: &str = "runs/mine";

/// Starts the long training, with more arguments, and waits until it has records.
fn start(place: &Path, more: &[&str]) -> Child {
    let mut child = vae(place, &[&LONG, more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = place.join(RUN).join("metrics.jsonl");
    let patience = Instant::now() + Duration::from_secs(60);
    while fs::metadata(&metrics).map_or(0, |file| file.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        assert!(Instant::now() < patience, "nothing happens");
        thread::sleep(Duration::from_millis(2));
    }
    child
}

/// Waits for the end of a training, which must come by itself.
fn end(mut child: Child) -> Done {
    let patience = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > patience {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(2));
    }
    Done::of(child.wait_with_output().unwrap())
}

/// Asserts that a run can be gone on with.
fn trains_on(place: &Path, run: &str) {
    let mut child = vae(place, &["train", "-q", "--resume", run])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    let ended = child.try_wait().unwrap();
    let _ = child.kill();
    let done = child.wait_with_output().unwrap();
    assert!(ended.is_none(), "{done:?}");
}

#[test]
fn a_run_that_is_moved_away_while_it_is_trained_fails_and_is_not_made_again() {
    // Once at the end of an epoch, and once between two steps.
    for more in [&[][..], &["--set", "train.save_every=0"]] {
        let place = TempDir::new().unwrap();
        let child = start(place.path(), more);
        fs::rename(place.path().join(RUN), place.path().join("moved")).unwrap();
        end(child).failed(
            1,
            &[
                "runs/mine: the run's folder was removed or moved while it was trained",
                "hint: ",
            ],
        );
        assert!(!place.path().join(RUN).exists());
        // What was there before is whole.
        trains_on(place.path(), "moved");
    }
}

#[test]
fn a_run_that_is_deleted_while_it_is_trained_fails_and_is_not_made_again() {
    let place = TempDir::new().unwrap();
    let child = start(place.path(), &[]);
    let folder = place.path().join(RUN);
    // A file that is written at this moment makes the removal stop half way.
    while let Err(error) = fs::remove_dir_all(&folder) {
        if error.kind() == ErrorKind::NotFound && !folder.exists() {
            break;
        }
    }
    end(child).failed(1, &[" removed or ", " while ", "hint: "]);
    assert!(!folder.exists());
}

#[test]
fn a_run_without_a_place_for_its_records_is_not_trained_on() {
    let place = TempDir::new().unwrap();
    let child = start(place.path(), &[]);
    let folder = place.path().join(RUN);
    fs::remove_file(folder.join("metrics.jsonl")).unwrap();
    end(child).failed(
        1,
        &[
            "metrics.jsonl: this file was removed or replaced while the run was trained",
            "hint: go on from the last saved state: vae train --resume runs/mine",
        ],
    );
    assert!(!folder.join("metrics.jsonl").exists());
    // The way that the hint names works.
    trains_on(place.path(), RUN);
}

#[test]
fn no_file_of_a_run_brings_a_removed_folder_back() {
    let place = TempDir::new().unwrap();
    let folder = RunFolder {
        path: place.path().join("gone"),
    };
    let model = small_file();
    let tries: [vae::error::Result<()>; 4] = [
        folder.write(&folder.config(), b"seed = 1"),
        folder.write(&folder.samples(1), b"image"),
        folder.write_report(&serde_json::json!({})),
        model.write(&folder.model()),
    ];
    for tried in tries {
        let error: Error = tried.unwrap_err();
        assert_eq!(error.code(), 1);
        assert!(error.to_string().contains("removed"), "{error}");
    }
    assert!(!folder.path.exists());
    fs::create_dir(&folder.path).unwrap();
    folder.write(&folder.samples(1), b"image").unwrap();
    assert!(folder.samples(1).is_file());
}
