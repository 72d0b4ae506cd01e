//! Tests that what is there and cannot be read, or is of another kind, is not called missing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{MODEL, run, with_smoke_run};

/// Puts a link that leads to itself in place of a file. It cannot be read by anybody, root included.
fn unreadable(path: &Path) {
    let _ = fs::remove_file(path);
    symlink(path, path).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_missing() {
    for (name, command) in [
        ("model.safetensors", &["eval", "smoke-1"][..]),
        ("model.safetensors", &["train", "--from", "smoke-1"]),
        ("state.safetensors", &["train", "--resume", "smoke-1"]),
        ("state.safetensors", &["train", "--resume"]),
        ("state.safetensors", &["eval"]),
        ("config.toml", &["train", "--resume", "smoke-1"]),
        (
            "config.toml",
            &["train", "--config", "runs/smoke-1/config.toml"],
        ),
        ("metrics.jsonl", &["doctor", "smoke-1"]),
        ("report.json", &["compare", "smoke-1", "smoke-1"]),
    ] {
        let place = with_smoke_run();
        unreadable(&place.path().join("runs/smoke-1").join(name));
        let done = run(place.path(), command);
        done.failed(2, &[name, "cannot be read: "]);
        for wrong in ["no such", "missing", "not the folder", "no run", "no model"] {
            assert!(!done.err.contains(wrong), "{wrong}: {}", done.err);
        }
    }
}

#[test]
fn a_run_that_cannot_be_looked_into_is_not_called_missing() {
    let place = with_smoke_run();
    fs::rename(place.path().join("runs"), place.path().join("elsewhere")).unwrap();
    fs::create_dir(place.path().join("runs")).unwrap();
    unreadable(&place.path().join("runs/smoke-1"));
    for command in [
        &["eval", "smoke-1"][..],
        &["train", "--resume", "smoke-1"],
        &["train", "--resume"],
        &["compare", "smoke-1", "smoke-1"],
    ] {
        run(place.path(), command).failed(2, &["runs/smoke-1", "cannot be read: "]);
    }
}

#[test]
fn a_file_in_place_of_a_run_is_named_with_the_command_that_works() {
    let place = with_smoke_run();
    let resume = |path: &str| run(place.path(), &["train", "-q", "--resume", path]);
    resume(MODEL).failed(
        2,
        &[
            "model.safetensors: this is a model file; `--resume` takes the run's folder",
            "hint: go on with its run: vae train --resume runs/smoke-1\n",
        ],
    );
    resume("runs/smoke-1/state.safetensors").failed(
        2,
        &[
            "this is a file; `--resume` takes",
            "--resume runs/smoke-1\n",
        ],
    );
    assert_eq!(resume("runs/smoke-1").line(), "runs/smoke-1");
    fs::copy(
        place.path().join(MODEL),
        place.path().join("alone.safetensors"),
    )
    .unwrap();
    resume("alone.safetensors").failed(
        2,
        &["this is a model file", "vae train --from alone.safetensors"],
    );
}

#[test]
fn a_folder_in_place_of_a_config_is_called_a_folder() {
    let place = with_smoke_run();
    let train = |config: &str| run(place.path(), &["train", "-q", "--config", config]);
    let is_a_folder = ": this is a folder; expected a TOML file, or the name of a preset";
    train("./runs").failed(2, &["./runs", is_a_folder, "hint: "]);
    train("runs/smoke-1").failed(
        2,
        &[
            is_a_folder,
            "hint: name the config in it: runs/smoke-1/config.toml",
        ],
    );
    assert_eq!(train("runs/smoke-1/config.toml").code, Some(0));
    // A folder does not hide a preset of its name.
    fs::create_dir(place.path().join("smoke")).unwrap();
    assert_eq!(train("smoke").code, Some(0));
}

#[test]
fn what_is_missing_is_still_called_missing() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    for name in ["gone", "file/gone", &"x".repeat(300)] {
        run(place.path(), &["eval", name]).failed(2, &["no such run or model file"]);
        run(place.path(), &["train", "--resume", name]).failed(2, &["no such run"]);
        run(place.path(), &["train", "--config", name]).failed(2, &["no such file"]);
    }
}
