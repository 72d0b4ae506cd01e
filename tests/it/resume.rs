//! Tests that a run which was stopped, at any moment and in any way, resumes as if nothing had
//! happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vae::rng::Rng;

use crate::program::{
    Done, files, listening, metrics, run, timeless, vae, with_smoke_run, write_idx,
};

/// Trains for several hundred steps and saves a state every few of them. The learning rate is too
/// high on purpose, so that the best epoch of the validation split is not the last one.
const TRAIN: [&str; 21] = [
    "train",
    "-q",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "8",
    "--set",
    "data.digits.train=3300",
    "--set",
    "data.digits.test=100",
    "--set",
    "data.digits.validation=300",
    "--set",
    "train.batch=40",
    "--set",
    "train.save_every=0.02",
    "--set",
    "train.learning_rate=0.03",
    "--threads=1",
];
const RESUME: [&str; 5] = ["train", "-q", "--resume", "mine", "--threads=1"];

fn start(folder: &Path, arguments: &[&str]) -> Child {
    listening(&vae(folder, arguments))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> Done {
    Done::of(child.wait_with_output().unwrap())
}

/// Asserts equality of everything that must not depend on how often a run was stopped: every file
/// except `about.json` and the times in the records.
fn assert_same_run(a: &Path, b: &Path) {
    assert_eq!(files(a), files(b));
    assert_eq!(timeless(a), timeless(b));
    for name in files(a) {
        // A state contains the seconds of its epoch and the length of the records, which contain
        // times.
        if !["about.json", "metrics.jsonl", "state.safetensors"].contains(&name.as_str()) {
            assert!(
                fs::read(a.join(&name)).unwrap() == fs::read(b.join(&name)).unwrap(),
                "{name} differs"
            );
        }
    }
}

/// Polls until `ready` returns true or the program ends.
fn wait_until(child: &mut Child, ready: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() && !ready() {
        assert!(Instant::now() < patience, "nothing happens");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Returns the number of records of a run, 0 if there is no file.
fn written(folder: &Path) -> usize {
    fs::read_to_string(folder.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// Returns the names of the partial files that a save of `name`.safetensors is writing.
fn partial_files(folder: &Path, name: &str) -> Vec<String> {
    let prefix = format!(".{name}.safetensors.");
    let mut files = if folder.exists() {
        files(folder)
    } else {
        Vec::new()
    };
    files.retain(|name| name.starts_with(&prefix));
    files
}

#[test]
fn twenty_kills_change_nothing() {
    let reference = TempDir::new().unwrap();
    let begin = Instant::now();
    assert_eq!(run(reference.path(), &TRAIN).line(), "runs/mine");
    let whole = begin.elapsed();
    let reference = reference.path().join("runs/mine");
    assert_eq!(metrics(&reference).len(), 8 * 3);
    let [best, last] = ["best", "model"]
        .map(|name| fs::read(reference.join(name).with_extension("safetensors")).unwrap());
    if best == last {
        // They differ on the machine where this was written; another processor rounds otherwise.
        println!("the last epoch is the best one here: that the best is remembered goes untested");
    }

    // These count the states in which runs were killed: before the config, before the first state,
    // during a save, elsewhere.
    let [mut early, mut stateless, mut saving, mut kills] = [0; 4];
    let mut random = (0..).map(|draw| Rng::new(20).stream("kills").at(draw).permutation(1000)[0]);
    while kills < 20 {
        let place = TempDir::new().unwrap();
        let folder = place.path().join("runs/mine");
        let mut arguments = &TRAIN[..];
        loop {
            let mut child = start(place.path(), arguments);
            let share = f64::from(random.next().unwrap()) / 1000.0;
            match kills % 6 {
                // Kill the run as soon as it can be resumed.
                0 => wait_until(&mut child, || folder.join("config.toml").exists()),
                // Kill the run during a save of the state or of the model.
                1 | 2 => {
                    thread::sleep(whole.mul_f64(0.4 * share));
                    let saved = ["state", "model"][kills % 6 - 1];
                    wait_until(&mut child, || !partial_files(&folder, saved).is_empty());
                }
                // Kill the run in the last epoch, after the best one.
                3 => {
                    wait_until(&mut child, || written(&folder) >= 7 * 3);
                    thread::sleep(whole.mul_f64(0.1 * share));
                }
                _ => thread::sleep(whole.mul_f64(0.7 * share)),
            }
            // The signal cannot be caught, and is harmless to a run that has just ended.
            child.kill().unwrap();
            let done = end(child);
            if done.code == Some(0) {
                break;
            }
            // The run was killed before it printed its last line, or between that line and its
            // exit.
            assert_eq!((done.code, done.err.as_str()), (None, ""));
            assert!(
                ["", "runs/mine\n"].contains(&done.out.as_str()),
                "{}",
                done.out
            );
            kills += 1;
            if !folder.join("config.toml").exists() {
                early += 1;
                // There is nothing to resume: the folder is empty or missing.
                if folder.exists() {
                    run(place.path(), &RESUME).failed(2, &["config.toml: no such file", "hint: "]);
                    fs::remove_dir_all(&folder).unwrap();
                }
                continue;
            }
            stateless += usize::from(!folder.join("state.safetensors").exists());
            saving += usize::from(files(&folder).iter().any(|name| name.ends_with(".partial")));
            arguments = &RESUME;
        }
        assert_eq!(
            run(place.path(), &RESUME).line(),
            "runs/mine",
            "a finished run is ready at once"
        );
        assert_same_run(&folder, &reference);
    }
    println!(
        "{kills} kills: {early} before there was a config, {stateless} before a state, {saving} in a save"
    );
    assert!(saving >= 3, "{saving} kills in a save");
}

#[test]
fn a_run_killed_before_its_first_state_starts_from_its_config() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/killed");
    fs::create_dir(&folder).unwrap();
    fs::copy(
        place.path().join("runs/smoke-1/config.toml"),
        folder.join("config.toml"),
    )
    .unwrap();
    fs::write(folder.join(".state.safetensors.71-0.partial"), "half").unwrap();
    assert_eq!(
        run(place.path(), &["train", "-q", "--resume", "killed"]).line(),
        "runs/killed"
    );
    assert_same_run(&folder, &place.path().join("runs/smoke-1"));
}

/// Sends an interrupt signal, as Ctrl-C does.
fn interrupt(child: &Child) {
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    let reference = TempDir::new().unwrap();
    run(reference.path(), &TRAIN).line();
    let reference = reference.path().join("runs/mine");
    let place = TempDir::new().unwrap();
    let folder = place.path().join("runs/mine");
    // This run saves only after each epoch, so it resumes from the state that the interrupt saved.
    let seldom: Vec<&str> = TRAIN
        .iter()
        .map(|&a| {
            if a.contains("save_every") {
                "train.save_every=60"
            } else {
                a
            }
        })
        .collect();
    let mut arguments = seldom;
    let mut interrupts = 0;
    for more in [0, 6, 6, 6] {
        // New records and the first state both show that the program listens to signals.
        let records = written(&folder) + more;
        let mut child = start(place.path(), &arguments);
        wait_until(&mut child, || {
            folder.join("state.safetensors").exists() && written(&folder) >= records
        });
        interrupt(&child);
        let done = end(child);
        if done.code == Some(0) {
            break;
        }
        interrupts += 1;
        done.failed(
            130,
            &[
                "interrupted: stopped ",
                "; saved\n",
                "hint: go on with: vae train --resume runs/mine\n",
            ],
        );
        arguments = vec!["train", "-q", "--threads=1", "--resume", "runs/mine"];
    }
    assert!(interrupts >= 2, "{interrupts} interrupts");
    assert_eq!(run(place.path(), &arguments).line(), "runs/mine");
    assert_eq!(timeless(&folder), timeless(&reference));
    let tensors = |folder: &Path| {
        let path = folder.join("model.safetensors");
        vae::train::ModelFile::read(&path).unwrap().tensors
    };
    // The configs differ in `save_every`, so only the tensors are compared.
    assert!(tensors(&folder) == tensors(&reference));
}

#[test]
fn an_interrupt_at_the_last_step_of_an_epoch_loses_no_records() {
    let place = TempDir::new().unwrap();
    // An epoch has one step, so that every interrupt comes at a last step.
    let mut arguments = vec![
        "train", "-q", "--config", "smoke", "--name", "mine", "--epochs", "60",
    ];
    arguments.extend(["--set", "train.batch=1000", "--set", "data.digits.test=50"]);
    let folder = place.path().join("runs/mine");
    let mut interrupts = 0;
    for more in [2, 30, 30] {
        let records = written(&folder) + more;
        let mut child = start(place.path(), &arguments);
        wait_until(&mut child, || written(&folder) >= records);
        interrupt(&child);
        let done = end(child);
        if done.code == Some(0) {
            break;
        }
        interrupts += 1;
        done.failed(130, &["interrupted: stopped after epoch ", "; saved\n"]);
        let before = metrics(&folder);
        assert!(
            done.err.contains(&format!(
                "stopped after epoch {};",
                before.last().unwrap()["epoch"]
            )),
            "{}",
            done.err
        );
        arguments = vec!["train", "-q", "--resume", "mine"];
    }
    assert!(interrupts >= 1);
    run(place.path(), &arguments).line();
    let epochs: Vec<_> = metrics(&folder)
        .iter()
        .map(|record| record["epoch"].as_u64().unwrap())
        .collect();
    assert_eq!(
        epochs,
        (1..=60).flat_map(|epoch| [epoch; 2]).collect::<Vec<_>>()
    );
}

#[test]
fn a_finished_run_can_be_given_more_epochs() {
    let place = with_smoke_run();
    let state = place.path().join("runs/smoke-1/state.safetensors");
    let written = || fs::metadata(&state).unwrap().modified().unwrap();
    let before = written();
    let finished = run(place.path(), &["train", "--resume"]);
    assert_eq!(finished.line(), "runs/smoke-1");
    assert_eq!(written(), before, "nothing was left to save");
    assert!(
        finished
            .err
            .contains("run runs/smoke-1, which goes on after step 32"),
        "{}",
        finished.err
    );
    assert_eq!(metrics(&place.path().join("runs/smoke-1")).len(), 4);
    let more = run(
        place.path(),
        &["train", "--resume", "smoke-1", "--epochs", "4"],
    );
    assert_eq!(more.line(), "runs/smoke-1");
    let whole = run(
        place.path(),
        &["train", "-q", "--config", "smoke", "--epochs", "4"],
    );
    assert_same_run(
        &place.path().join("runs/smoke-1"),
        &place.path().join(whole.line()),
    );
    // The best and the last model do not change if fewer epochs are requested than are done.
    let fewer = run(
        place.path(),
        &["train", "-q", "--resume", "smoke-1", "--epochs", "3"],
    );
    fewer.failed(
        2,
        &[
            "train.epochs is 3, and this run has begun epoch 4",
            "hint: pass `--epochs 4` or more, or write it as `epochs` in runs/smoke-1/config.toml",
        ],
    );
    let config = fs::read_to_string(place.path().join("runs/smoke-1/config.toml")).unwrap();
    assert!(config.contains("epochs = 4"), "{config}");
}

#[test]
fn the_newest_run_is_the_one_that_was_last_written_to() {
    let place = with_smoke_run();
    let train = |more: &[&str]| {
        let done = run(place.path(), &[&["train", "-q"], more].concat());
        PathBuf::from(done.line())
    };
    assert_eq!(
        train(&["--config", "smoke", "--epochs", "1"]),
        Path::new("runs/smoke-2")
    );
    assert_eq!(
        train(&["--resume", "--epochs", "2"]),
        Path::new("runs/smoke-2")
    );
    assert_eq!(
        train(&["--resume", "smoke-1", "--epochs", "3"]),
        Path::new("runs/smoke-1")
    );
    assert_eq!(train(&["--resume"]), Path::new("runs/smoke-1"));
    let said = run(place.path(), &["train", "--resume"]).err;
    assert!(said.contains("the newest run: runs/smoke-1\n"), "{said}");
    // With `--out`, the newest run and a name are looked for in that folder.
    assert_eq!(
        train(&["--config", "smoke", "--out", "other", "--name", "mine"]),
        Path::new("other/mine")
    );
    assert_eq!(
        train(&["--resume", "--out", "other"]),
        Path::new("other/mine")
    );
    assert_eq!(
        train(&["--resume", "mine", "--out", "other"]),
        Path::new("other/mine")
    );
}

#[test]
fn a_run_does_not_go_on_with_other_data() {
    let place = TempDir::new().unwrap();
    write_idx(&place.path().join("a"), 1);
    write_idx(&place.path().join("b"), 2);
    let train = [
        "train",
        "-q",
        "--config",
        "mnist",
        "--data",
        "a",
        "--epochs",
        "1",
        "--set",
        "model.mlp.hidden=[8]",
    ];
    assert_eq!(run(place.path(), &train).line(), "runs/mnist-1");
    let other = run(
        place.path(),
        &["train", "-q", "--resume", "--epochs", "2", "--data", "b"],
    );
    other.failed(
        2,
        &[
            "this run was trained on other data (md5:",
            "hint: pass the same data with `--data DIR`",
        ],
    );
    let same = run(
        place.path(),
        &["train", "-q", "--resume", "--epochs", "2", "--data", "a"],
    );
    assert_eq!(same.line(), "runs/mnist-1");
    assert_eq!(metrics(&place.path().join("runs/mnist-1")).len(), 4);
}

#[test]
fn what_cannot_be_gone_on_with_says_why() {
    let fails = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, z: i32, pass: &[&str]| {
        let place = with_smoke_run();
        let path = place.path().join("runs/smoke-1").join(name);
        fs::write(&path, change(fs::read(&path).unwrap())).unwrap();
        run(
            place.path(),
            &["train", "-q", "--resume", "smoke-1", "--epochs", "3"],
        )
        .failed(z, pass);
    };
    let not_ours = "hint: expected a file that `vae train` wrote";
    let state = "runs/smoke-1/state.safetensors: ";
    fails(
        "state.safetensors",
        &|bytes| bytes[..5000].to_vec(),
        2,
        &[state, "damaged", not_ours],
    );
    fails(
        "state.safetensors",
        &|_| Vec::new(),
        2,
        &[state, "damaged", not_ours],
    );
    fails(
        "metrics.jsonl",
        &|bytes| bytes[..100].to_vec(),
        2,
        &[
            "metrics.jsonl: has 100 bytes; the saved state was written after ",
            "hint: copy this file and state.safetensors of one moment",
        ],
    );
    fails(
        "metrics.jsonl",
        &|bytes| vec![b'x'; bytes.len()],
        2,
        &["metrics.jsonl: line 1: "],
    );
    // A model file in place of the state is refused.
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    fs::copy(
        folder.join("model.safetensors"),
        folder.join("state.safetensors"),
    )
    .unwrap();
    run(place.path(), &["train", "-q", "--resume"])
        .failed(2, &[state, "its metadata cannot be read", not_ours]);
    let gone = folder.join("elsewhere");
    run(
        place.path(),
        &["train", "-q", "--resume", gone.to_str().unwrap()],
    )
    .failed(2, &["no such run"]);
}
