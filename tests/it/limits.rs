//! Tests the system's limits: a limit that is met is an error with a sentence, never a signal.

use tempfile::TempDir;

use crate::program::{Done, MODEL, files, read, vae_in_a_shell, with_smoke_run};

fn run_in_a_shell(folder: &std::path::Path, before: &str, arguments: &[&str]) -> Done {
    Done::of(vae_in_a_shell(folder, before, arguments).output().unwrap())
}

#[test]
fn a_file_that_outgrows_its_limit_is_an_error() {
    let place = with_smoke_run();
    let before = read(place.path(), MODEL);
    let failed = run_in_a_shell(
        place.path(),
        "ulimit -f 8",
        &["train", "-q", "--resume", "smoke-1", "--epochs", "3"],
    );
    failed.failed(
        1,
        &[
            ".safetensors: cannot be written: ",
            "hint: make room on that disk",
        ],
    );
    assert!(read(place.path(), MODEL) == before);
    assert!(
        files(place.path())
            .iter()
            .all(|name| !name.contains("partial"))
    );
}

#[test]
fn too_many_open_files_are_an_error() {
    let place = with_smoke_run();
    for arguments in [
        &["sample", "-q"][..],
        &["eval", "-q"],
        &["train", "-q", "--config", "smoke"],
        &["train", "-q", "--resume"],
    ] {
        // With 4 the system cannot load the program.
        for limit in 5..9 {
            let done = run_in_a_shell(place.path(), &format!("ulimit -n {limit}"), arguments);
            if done.code != Some(0) {
                assert_eq!(done.code, Some(1), "{arguments:?}, {limit}: {}", done.err);
                assert!(
                    done.err.contains("raise the limit on open files"),
                    "{arguments:?}, {limit}: {}",
                    done.err
                );
            }
        }
    }
}

#[test]
fn a_training_that_cannot_fit_in_memory_is_refused_with_a_batch_that_can() {
    let place = TempDir::new().unwrap();
    let done = run_in_a_shell(
        place.path(),
        "ulimit -v 2000000",
        &[
            "train",
            "-q",
            "--set",
            "data.digits.train=200000",
            "--set",
            "train.batch=200000",
        ],
    );
    done.failed(
        2,
        &[
            "train.batch = 200000",
            "are left of `ulimit -v`",
            "hint: ",
            "--set train.batch=",
        ],
    );
    assert_eq!(files(place.path()), [""; 0], "nothing is written");
}

#[test]
fn memory_that_cannot_be_had_ends_in_a_sentence_and_never_in_a_signal() {
    let mut ends = std::collections::BTreeSet::new();
    for megabytes in (60..400).step_by(20) {
        let place = TempDir::new().unwrap();
        let limit = format!("ulimit -v {megabytes}000");
        // Not through `Done`, which takes the standard library's hint at a backtrace for a panic.
        let output = vae_in_a_shell(
            place.path(),
            &limit,
            &[
                "train",
                "-q",
                "--threads=2",
                "--config",
                "smoke",
                "--set",
                "model.mlp.hidden=[1500]",
            ],
        )
        .output()
        .unwrap();
        let (code, err) = (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(matches!(code, Some(0..=2)), "{limit}: {code:?}, {err}");
        if code != Some(0) {
            assert!(
                err.contains("error: ") && err.contains("hint: "),
                "{limit}: {err}"
            );
        }
        ends.insert(code);
    }
    assert!(ends.contains(&Some(0)) && ends.len() > 1, "{ends:?}");
}

#[test]
fn a_small_stack_is_enough() {
    let place = TempDir::new().unwrap();
    let done = run_in_a_shell(
        place.path(),
        "ulimit -s 64",
        &["train", "-q", "--config", "smoke"],
    );
    assert_eq!(done.line(), "runs/smoke-1");
}
