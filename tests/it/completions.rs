//! Checks the candidates that a shell's script asks for. `tests/completions.sh` presses the key in the shells.

use std::fs;
use std::path::Path;

use crate::program::{Done, vae, with_smoke_run};

/// Returns the candidates for the last of the words, as fish asks for them.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let all = [&["--", "vae"][..], words].concat();
    let done = vae(folder, &all).env("VAE_COMPLETE", "fish").output();
    let done = Done::of(done.unwrap());
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let value = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    done.out.lines().map(value).collect()
}

#[test]
fn runs_are_offered_where_a_run_is_expected() {
    let place = with_smoke_run();
    let path = place.path();
    fs::create_dir(path.join("runs/no-run")).unwrap();
    for words in [
        &["sample", ""][..],
        &["eval", "smo"],
        &["compare", "smoke-1", ""],
        &["rm", ""],
        &["animate", ""],
        &["train", "--from", ""],
        &["train", "--resume", "s"],
        &["summary", "smoke-"],
    ] {
        assert_eq!(offered(path, words), ["smoke-1"], "{words:?}");
    }
    // A path is one where no run's name fits.
    assert_eq!(offered(path, &["sample", "runs/sm"]), ["runs/smoke-1/"]);
}

#[test]
fn presets_files_and_devices_are_offered() {
    let place = with_smoke_run();
    let path = place.path();
    fs::write(path.join("mnist-mine.toml"), "").unwrap();
    assert_eq!(
        offered(path, &["train", "--config", "mnist-"]),
        ["mnist-conv", "mnist-mine.toml"]
    );
    assert_eq!(offered(path, &["config", "iwae"]), ["iwae-1", "iwae-2"]);
    assert!(offered(path, &["eval", "--device", ""]).contains(&"auto".to_owned()));
    assert!(offered(path, &["repro", ""]).contains(&"iwae-1".to_owned()));
    assert_eq!(offered(path, &["compl"]), ["completions"]);
    // A command that only packages need is not offered.
    assert_eq!(offered(path, &["m"]), ["manifold"]);
    assert_eq!(offered(path, &["sample", "--te"]), ["--temperature"]);
}

#[test]
fn a_shell_that_is_not_known_is_an_error() {
    let place = with_smoke_run();
    let done = vae(place.path(), &["--", "vae", ""])
        .env("VAE_COMPLETE", "tcsh")
        .output();
    Done::of(done.unwrap()).failed(2, &["VAE_COMPLETE", "`tcsh`", "bash", "zsh"]);
}
