//! Tests `vae rm`: it removes the runs that are named, all of them or none, and nothing else.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{Done, run, vae, with_smoke_run};
use crate::snapshot::snapshot;
use crate::tiny::with_tiny_runs;

/// Asserts that the command fails with all of `parts`, and that every file is as it was.
fn refuses(place: &Path, arguments: &[&str], parts: &[&str]) {
    let before = snapshot(place);
    run(place, arguments).failed(2, parts);
    assert!(snapshot(place) == before, "vae {arguments:?} changed files");
}

#[test]
fn a_run_is_removed_with_every_file_that_any_command_wrote_there() {
    let place = with_tiny_runs();
    for command in [
        "reconstruct mine",
        "interpolate mine --from #1 --to #2",
        "traverse mine",
        "manifold mine",
        "animate mine",
        "animate mine --of reconstructions",
        "disentangle mine --factors factors.csv",
        "edit mine --add 0 --subtract 1",
        "decode mine runs/mine/latents.npy",
        "sample mine --from mixture:2",
        "doctor mine --out runs/mine/health.svg",
        "embed mine --out runs/mine",
    ] {
        let done = run(place.path(), &command.split(' ').collect::<Vec<_>>());
        assert_eq!(done.code, Some(0), "vae {command}: {}", done.err);
    }
    let other = snapshot(&place.path().join("runs/other"));
    assert_eq!(
        run(place.path(), &["rm", "--yes", "mine"]).line(),
        "runs/mine"
    );
    let names: Vec<String> = fs::read_dir(place.path().join("runs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["other"]);
    assert!(snapshot(&place.path().join("runs/other")) == other);
}

#[test]
fn without_a_terminal_the_answer_must_be_on_the_command_line() {
    let place = with_smoke_run();
    let parts = ["there is no terminal to ask on", "hint: pass `--yes`"];
    refuses(place.path(), &["rm", "smoke-1"], &parts);
    let mut child = vae(place.path(), &["rm", "smoke-1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"y\n").unwrap();
    Done::of(child.wait_with_output().unwrap()).failed(2, &parts);
    assert!(
        place
            .path()
            .join("runs/smoke-1/model.safetensors")
            .is_file()
    );
}

/// Runs the command on a terminal, and returns what is shown there; `None` if this machine has no `script`.
#[cfg(target_os = "linux")]
fn on_a_terminal(place: &Path, arguments: &[&str], answer: &str) -> Option<String> {
    let command = vae(place, arguments);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut child = Command::new("script")
        .args(["-qec", &words.join(" "), "/dev/null"])
        .current_dir(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(answer.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_question_names_the_runs_with_their_sizes() {
    let place = with_tiny_runs();
    let rm = ["rm", "mine", "other"];
    let Some(shown) = on_a_terminal(place.path(), &rm, "n\n") else {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return;
    };
    for part in [
        "runs/mine: ",
        "runs/other: ",
        " files, ",
        " kB",
        "remove these 2 runs, ",
        "[y/N]",
    ] {
        assert!(shown.contains(part), "expected {part:?} in {shown}");
    }
    assert!(shown.contains("nothing was removed"), "{shown}");
    assert!(place.path().join("runs/mine/config.toml").is_file());
    let shown = on_a_terminal(place.path(), &rm, "y\n").unwrap();
    assert!(shown.contains("runs/mine\r\nruns/other"), "{shown}");
    assert!(snapshot(&place.path().join("runs")).is_empty());
}

#[test]
fn what_is_not_a_run_is_left_alone() {
    let place = with_smoke_run();
    fs::create_dir_all(place.path().join("thesis")).unwrap();
    fs::write(place.path().join("thesis/text.tex"), "years of work").unwrap();
    let parts = [
        "thesis: not the folder of a run: ",
        "hint: look into it, and remove it by hand: rm -r thesis",
    ];
    refuses(place.path(), &["rm", "--yes", "thesis"], &parts);
    refuses(
        place.path(),
        &["rm", "--yes", "runs"],
        &["runs: not the folder of a run: "],
    );
    refuses(
        place.path(),
        &["rm", "--yes", "."],
        &["not the folder of a run: "],
    );
    refuses(
        place.path(),
        &["rm", "--yes", "nowhere"],
        &["nowhere: no such run", "hint: "],
    );
    let model = "runs/smoke-1/model.safetensors";
    refuses(
        place.path(),
        &["rm", "--yes", model],
        &["this is a file", "hint: "],
    );
    refuses(place.path(), &["rm", "--yes"], &["RUN"]);
    // Another program's config has another config.toml.
    fs::write(
        place.path().join("thesis/config.toml"),
        "[package]\nname = \"x\"\n",
    )
    .unwrap();
    refuses(
        place.path(),
        &["rm", "--yes", "thesis"],
        &["not the folder of a run"],
    );
}

#[test]
fn a_run_with_files_of_a_person_is_left_alone_and_they_are_named() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    fs::create_dir(folder.join("notes")).unwrap();
    for name in ["notes/a.txt", "notes/b.txt", "paper.pdf", "samples/cat.png"] {
        fs::write(folder.join(name), "mine").unwrap();
    }
    let named = "runs/smoke-1: holds what vae did not write: notes, paper.pdf, samples/cat.png\n";
    refuses(
        place.path(),
        &["rm", "--yes", "smoke-1"],
        &[named, "hint: move that elsewhere"],
    );
    fs::remove_dir_all(folder.join("notes")).unwrap();
    for name in ["paper.pdf", "samples/cat.png"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    // What systems leave everywhere is no reason, and neither is a figure that the config asks for.
    fs::write(folder.join(".DS_Store"), "").unwrap();
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    let figure = "\n[[figures]]\nkind = \"sample\"\nout = \"mine/grid.png\"\n";
    fs::write(folder.join("config.toml"), config + figure).unwrap();
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/grid.png"), "").unwrap();
    run(place.path(), &["rm", "--yes", "smoke-1"]).line();
    assert!(!folder.exists());
}

#[test]
fn either_all_the_named_runs_are_removed_or_none() {
    let place = with_tiny_runs();
    fs::write(place.path().join("runs/other/paper.pdf"), "mine").unwrap();
    refuses(
        place.path(),
        &["rm", "--yes", "mine", "other"],
        &["paper.pdf"],
    );
    refuses(
        place.path(),
        &["rm", "--yes", "mine", "nowhere"],
        &["nowhere: no such run"],
    );
    fs::remove_file(place.path().join("runs/other/paper.pdf")).unwrap();
    // A run that is named twice is one run.
    let done = run(
        place.path(),
        &["rm", "-y", "mine", "runs/mine", "./runs/other/"],
    );
    assert_eq!(done.out, "runs/mine\n./runs/other\n", "{}", done.err);
    assert!(snapshot(&place.path().join("runs")).is_empty());
}

#[test]
fn a_broken_run_can_be_removed_as_long_as_it_is_known_as_one() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    fs::write(folder.join("config.toml"), "seed = one").unwrap();
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    run(place.path(), &["rm", "--yes", "smoke-1"]).line();
    assert!(!folder.exists());
}

#[cfg(unix)]
#[test]
fn a_run_in_training_is_left_alone() {
    let place = with_smoke_run();
    let lock = fs::File::open(place.path().join("runs/smoke-1")).unwrap();
    lock.lock().unwrap();
    let parts = [
        "runs/smoke-1: another process is training this run",
        "hint: wait for it",
    ];
    refuses(place.path(), &["rm", "--yes", "smoke-1"], &parts);
    drop(lock);
    run(place.path(), &["rm", "--yes", "smoke-1"]).line();
}

#[cfg(unix)]
#[test]
fn links_are_never_followed() {
    use std::os::unix::fs::symlink;
    let place = with_smoke_run();
    let runs = place.path().join("runs");
    let away = place.path().join("away");
    fs::create_dir(&away).unwrap();
    fs::rename(runs.join("smoke-1/samples"), away.join("samples")).unwrap();
    fs::rename(
        runs.join("smoke-1/best.safetensors"),
        away.join("best.safetensors"),
    )
    .ok();
    fs::rename(
        runs.join("smoke-1/model.safetensors"),
        away.join("model.safetensors"),
    )
    .unwrap();
    for name in ["samples", "model.safetensors"] {
        symlink(away.join(name), runs.join("smoke-1").join(name)).unwrap();
    }
    let before = snapshot(&away);
    symlink(runs.join("smoke-1"), runs.join("link")).unwrap();
    for name in ["link", "runs/link/"] {
        refuses(
            place.path(),
            &["rm", "--yes", name],
            &["runs/link: this is a link to ", "hint: ", "rm runs/link"],
        );
    }
    run(place.path(), &["rm", "--yes", "smoke-1"]).line();
    assert!(!runs.join("smoke-1").exists());
    assert!(snapshot(&away) == before, "what links lead to stays");
}

#[test]
fn a_run_that_a_killed_command_left_half_removed_is_gone_for_every_command() {
    let place = with_tiny_runs();
    let runs = place.path().join("runs");
    fs::rename(runs.join("mine"), runs.join(".mine.71-0.removed")).unwrap();
    let listed = run(place.path(), &["list", "runs"]).out;
    assert!(
        !listed.contains("mine") && listed.contains("other"),
        "{listed}"
    );
    let done = run(place.path(), &["sample"]);
    assert!(done.out.contains("runs/other/"), "{}{}", done.out, done.err);
    run(place.path(), &["rm", "--yes", "other"]).line();
    assert!(
        fs::read_dir(&runs).unwrap().next().is_none(),
        "the next one removes the rest"
    );
}

#[test]
fn two_at_once_remove_a_run_once() {
    for _ in 0..5 {
        let place: TempDir = with_smoke_run();
        let start = || {
            vae(place.path(), &["rm", "--yes", "smoke-1"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let done = [start(), start()].map(|child| Done::of(child.wait_with_output().unwrap()));
        let mut codes = done.each_ref().map(|done| done.code);
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(2)], "{done:?}");
        assert!(
            fs::read_dir(place.path().join("runs"))
                .unwrap()
                .next()
                .is_none()
        );
    }
}
