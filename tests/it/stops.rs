//! Trains a run that is killed again and again.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::program::{run, vae};

/// Trains the run `mine` of a command to its end, and kills the training after ever longer times until it has ended.
pub fn train_with_kills(place: &Path, train: &[&str]) {
    let folder = place.join("runs/mine");
    let resume = ["train", "-q", "--resume", "mine"];
    let mut arguments = train;
    for milliseconds in (40..).step_by(35) {
        let mut child = vae(place, arguments).spawn().unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if ended {
            break;
        }
        if folder.join("config.toml").is_file() {
            arguments = &resume;
        } else if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
    }
    assert_eq!(run(place, &resume).line(), "runs/mine");
}
