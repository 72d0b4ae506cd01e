//! Tests what belongs to a shell: suggested commands that can be pasted, and configs from a pipe.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{Done, run, vae, with_smoke_run};

/// Returns the command after `introduction` in the program's message.
fn suggested<'a>(message: &'a str, introduction: &str) -> &'a str {
    let (_, rest) = message
        .split_once(introduction)
        .unwrap_or_else(|| panic!("no {introduction:?} in {message}"));
    rest.lines().next().unwrap()
}

/// Runs a command as a person does who pastes it into a shell.
fn paste(folder: &std::path::Path, command: &str) -> Done {
    let program = vae(folder, &[]);
    let command = command.replacen("vae ", r#""$VAE" -q "#, 1);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .env("VAE", program.get_program())
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    Done::of(shell.output().unwrap())
}

#[test]
fn suggested_commands_can_be_pasted_whatever_the_name_of_the_run() {
    for name in [
        "my run",
        "it's",
        "a;b $HOME `id` \"q\"",
        "*",
        "#1",
        "~",
        "größe",
    ] {
        let place = with_smoke_run();
        let runs = place.path().join("runs");
        fs::rename(runs.join("smoke-1"), runs.join(name)).unwrap();
        // A name that is taken.
        let taken = run(
            place.path(),
            &["train", "-q", "--config", "smoke", "--name", name],
        );
        let resume = suggested(&taken.err, "or go on with it: ");
        assert!(
            paste(place.path(), resume).line().ends_with(name),
            "{resume}"
        );
        // A run that has not been measured.
        let path = format!("runs/{name}");
        let unmeasured = run(place.path(), &["compare", &path, &path]);
        let eval = suggested(&unmeasured.err, "measure it: ");
        assert_eq!(paste(place.path(), eval).code, Some(0), "{eval}");
    }
}

#[test]
fn the_name_of_a_run_has_no_control_characters() {
    let place = TempDir::new().unwrap();
    for name in ["two\nlines", "bell\u{7}", "esc\u{1b}[2J", "tab\t"] {
        run(
            place.path(),
            &["train", "-q", "--config", "smoke", "--name", name],
        )
        .failed(
            2,
            &["--name ", "without line ends or other control characters"],
        );
    }
    assert!(!place.path().join("runs").exists());
}

#[test]
fn a_config_may_come_from_stdin_or_a_pipe() {
    let place = TempDir::new().unwrap();
    let text = run(place.path(), &["config", "smoke"]).out;
    let mut child = vae(place.path(), &["train", "-q", "--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.line(), "runs/config-1");
    if cfg!(unix) {
        let pipe = place.path().join("pipe.toml");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let writer = std::thread::spawn(move || fs::write(pipe, text).unwrap());
        let done = run(place.path(), &["train", "-q", "--config", "pipe.toml"]);
        writer.join().unwrap();
        assert_eq!(done.line(), "runs/config-2");
    }
    let model = |name: &str| fs::read(place.path().join(name).join("model.safetensors")).unwrap();
    if cfg!(unix) {
        assert!(model("runs/config-1") == model("runs/config-2"));
        // A pipe that never ends is no reason to fill the memory.
        run(place.path(), &["train", "-q", "--config", "/dev/zero"])
            .failed(2, &["/dev/zero: too long for a config"]);
    }
}

#[test]
fn a_mistake_in_a_config_from_stdin_is_shown_like_one_in_a_file() {
    let place = TempDir::new().unwrap();
    let mut child = vae(place.path(), &["config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"[train]\nepoch = 3\n")
        .unwrap();
    Done::of(child.wait_with_output().unwrap()).failed(2, &["stdin: ", "epoch = 3"]);
}
