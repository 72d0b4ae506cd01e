//! Checks the commands that the last line of a command names: they are accepted as they are typed.

use std::fs;
use std::path::Path;

use crate::program::{Done, run, with_smoke_run};

/// Returns the command that comes next.
fn next(done: &Done) -> &str {
    let line = done.err.lines().last().unwrap_or_default();
    line.strip_prefix("next: vae ")
        .unwrap_or_else(|| panic!("no next command: {}", done.err))
}

/// Runs a command as a shell would, after `vae`.
fn typed(folder: &Path, command: &str) -> Done {
    let words = shlex::split(command).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = run(folder, &words);
    assert_eq!(done.code, Some(0), "{command}: {}", done.err);
    done
}

#[test]
fn a_session_goes_on_as_the_last_line_says() {
    let place = with_smoke_run();
    let path = place.path();
    let mut command = "sample";
    for expected in [
        "eval smoke-1",
        "doctor smoke-1",
        "traverse smoke-1",
        "doctor smoke-1",
    ] {
        assert_eq!(next(&typed(path, command)), expected, "after {command}");
        command = expected;
    }
    let sweep = "sweep --config runs/smoke-1/config.toml --seeds 3 --plan seeds.jsonl";
    let wider = "smoke --set 'model.mlp.hidden=[8, 8]'";
    for (command, expected) in [
        ("list runs", "sample smoke-1"),
        ("compare smoke-1 smoke-1", sweep),
        (sweep, "sweep seeds.jsonl"),
        ("summary smoke-1", "eval smoke-1"),
        (
            &*format!("summary {wider}"),
            &*format!("train --config {wider}"),
        ),
        ("rm --yes smoke-1", "list runs"),
        ("list runs", "train --config digits"),
    ] {
        assert_eq!(next(&typed(path, command)), expected, "after {command}");
    }
}

#[test]
fn scripts_are_told_nothing() {
    let place = with_smoke_run();
    for words in [
        &["list", "--json"][..],
        &["summary", "smoke", "--json"],
        &["eval", "smoke-1", "--json"],
        &["doctor", "smoke-1", "-q"],
        &["sample", "-q"],
        &["config", "-q"],
        &["config", "--schema"],
        &["completions", "bash"],
    ] {
        let done = run(place.path(), words);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(!done.err.contains("next:"), "{words:?}: {}", done.err);
    }
}

#[test]
#[cfg(unix)]
fn a_run_is_named_so_that_a_shell_finds_it() {
    let place = with_smoke_run();
    let runs = place.path().join("runs");
    // A folder of the run's name would be taken for the run.
    fs::create_dir(place.path().join("smoke-1")).unwrap();
    let done = run(place.path(), &["sample"]);
    assert_eq!(next(&done), "eval runs/smoke-1");
    fs::rename(runs.join("smoke-1"), runs.join("it's mine")).unwrap();
    let done = run(place.path(), &["sample"]);
    assert_eq!(next(&done), "eval \"it's mine\"");
    fs::rename(&runs, place.path().join("others")).unwrap();
    let done = run(place.path(), &["sample", "others/it's mine"]);
    assert_eq!(next(&done), "eval \"others/it's mine\"");
}
