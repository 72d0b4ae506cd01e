//! Tests `vae list runs`: every run in a folder, whatever its state.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{copy_folder, metrics, run, with_smoke_run};
use crate::tiny::with_tiny_runs;

/// Returns the rows of `vae list runs --json`.
fn rows(place: &Path) -> Vec<Value> {
    let done = run(place, &["list", "runs", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let found: Value = serde_json::from_str(&done.out).unwrap();
    found["runs"].as_array().unwrap().clone()
}

fn row(place: &Path, name: &str) -> Value {
    let rows = rows(place);
    let found = rows.iter().find(|row| row["name"] == name);
    found
        .unwrap_or_else(|| panic!("{name} is not in {rows:?}"))
        .clone()
}

/// Returns the last record of a split.
fn record(place: &Path, name: &str, split: &str) -> Value {
    let records = metrics(&place.join("runs").join(name));
    records
        .into_iter()
        .rfind(|record| record["split"] == split)
        .unwrap()
}

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options().append(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn a_row_has_what_tells_runs_apart() {
    let place = with_smoke_run();
    set_time(
        &place.path().join("runs/smoke-1/state.safetensors"),
        1_234_567_890,
    );
    let found = row(place.path(), "smoke-1");
    for (key, value) in [
        ("data", "digits"),
        ("model", "mlp"),
        ("measured", "epoch 2"),
        ("state", "finished"),
        ("trained", "2009-02-13T23:31:30Z"),
    ] {
        assert_eq!(found[key], value, "{found}");
    }
    for (key, value) in [("latents", 8), ("epochs_done", 2), ("epochs", 2)] {
        assert_eq!(found[key], value, "{found}");
    }
    let test = record(place.path(), "smoke-1", "test");
    assert_eq!(
        (&found["elbo"], &found["elbo_se"]),
        (&test["elbo"], &test["elbo_se"])
    );
    assert!(found["reason"].is_null());
    let text = run(place.path(), &["list", "runs"]).out;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("run ") && lines[0].ends_with("state"),
        "{text}"
    );
    assert!(
        lines[1].contains("  2/2  ") && lines[1].contains(" ± "),
        "{text}"
    );
    assert!(lines[1].contains("2009-02-13 23:31"), "{text}");
}

#[test]
fn an_evaluation_counts_as_long_as_it_measured_the_model_as_it_is() {
    let place = with_tiny_runs();
    let report = |name: &str| -> Value {
        let path = place.path().join("runs").join(name).join("report.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    run(place.path(), &["eval", "mine", "-q", "--images", "10"]);
    let found = row(place.path(), "mine");
    assert_eq!(found["measured"], "eval, 10 of 30 images");
    assert_eq!(found["elbo"], report("mine")["elbo"]);
    run(place.path(), &["eval", "mine", "-q"]);
    assert_eq!(row(place.path(), "mine")["measured"], "eval");
    // A model that was trained on has another ELBO.
    run(
        place.path(),
        &["train", "-q", "--resume", "mine", "--epochs", "3"],
    )
    .line();
    let found = row(place.path(), "mine");
    assert_eq!(found["measured"], "epoch 3");
    assert_eq!(found["elbo"], record(place.path(), "mine", "test")["elbo"]);
}

/// The name of a run, the reason why it is broken, and what breaks it.
type Damage = (&'static str, &'static str, fn(&Path));

#[test]
fn a_broken_folder_is_a_row_with_its_reason() {
    let place = with_smoke_run();
    let runs = place.path().join("runs");
    let damage: &[Damage] = &[
        ("empty", "config.toml: no such file", |run| {
            fs::remove_dir_all(run).unwrap();
            fs::create_dir(run).unwrap();
        }),
        ("no-model", "model.safetensors: no such file", |run| {
            fs::remove_file(run.join("model.safetensors")).unwrap();
        }),
        ("no-state", "state.safetensors: no such file", |run| {
            fs::remove_file(run.join("state.safetensors")).unwrap();
            let text = fs::read_to_string(run.join("config.toml")).unwrap();
            fs::write(
                run.join("config.toml"),
                text.replace("epochs = 2", "epochs = 9"),
            )
            .unwrap();
        }),
        ("config", "config.toml: TOML parse error at line 1", |run| {
            fs::write(run.join("config.toml"), "seed = one").unwrap();
        }),
        (
            "latin",
            "config.toml: not UTF-8: byte 0xE4 in line 1",
            |run| {
                fs::write(run.join("config.toml"), b"# \xE4\n").unwrap();
            },
        ),
        ("records", "metrics.jsonl: its last records: ", |run| {
            fs::write(run.join("metrics.jsonl"), "{}\n").unwrap();
        }),
    ];
    for (name, _, damage) in damage {
        copy_folder(&runs.join("smoke-1"), &runs.join(name));
        damage(&runs.join(name));
    }
    fs::write(runs.join("a file"), "is not a run").unwrap();
    assert_eq!(rows(place.path()).len(), damage.len() + 1);
    let text = run(place.path(), &["list", "runs"]).out;
    for (name, reason, _) in damage {
        let found = row(place.path(), name);
        assert_eq!(found["state"], "broken", "{found}");
        let said = found["reason"].as_str().unwrap();
        assert!(said.starts_with(reason), "{name}: {said}");
        assert!(text.contains(&format!("broken: {reason}")), "{text}");
    }
    // Half a line, as a killed run leaves it, is nothing broken.
    let path = runs.join("smoke-1/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{{\"epoch\": 3,")).unwrap();
    assert_eq!(row(place.path(), "smoke-1")["state"], "finished");
}

#[cfg(unix)]
#[test]
fn the_state_says_whether_there_is_more_to_do() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    let more = config.replace("epochs = 2", "epochs = 5");
    fs::write(folder.join("config.toml"), more).unwrap();
    let found = row(place.path(), "smoke-1");
    assert_eq!(
        (&found["state"], &found["epochs"]),
        (&"unfinished".into(), &5.into())
    );
    {
        let lock = File::open(&folder).unwrap();
        lock.lock().unwrap();
        assert_eq!(row(place.path(), "smoke-1")["state"], "running");
    }
    let patient = [
        "data.digits.validation=50",
        "train.patience=1",
        "train.learning_rate=1.0",
    ];
    let set = patient.iter().flat_map(|set| ["--set", set]);
    let train = [
        "train", "-q", "--config", "smoke", "--epochs", "60", "--name", "early",
    ];
    let done = run(
        place.path(),
        &train.into_iter().chain(set).collect::<Vec<_>>(),
    );
    if done.code == Some(0) {
        assert_eq!(row(place.path(), "early")["state"], "stopped");
    } else {
        // With this learning rate the numbers may break instead.
        assert_eq!(row(place.path(), "early")["state"], "unfinished");
    }
}

#[test]
fn five_hundred_runs_take_no_longer_than_a_glance() {
    let place = with_smoke_run();
    let runs = place.path().join("runs");
    for number in 2..=500 {
        let folder = runs.join(format!("smoke-{number}"));
        fs::create_dir(&folder).unwrap();
        for name in ["config.toml", "about.json", "metrics.jsonl"] {
            fs::copy(runs.join("smoke-1").join(name), folder.join(name)).unwrap();
        }
        for name in ["model.safetensors", "state.safetensors"] {
            fs::write(folder.join(name), "").unwrap();
        }
    }
    let began = Instant::now();
    assert_eq!(rows(place.path()).len(), 500);
    let took = began.elapsed();
    println!("500 runs in {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_folder_without_runs_is_said_and_one_that_is_not_there_is_an_error() {
    let place = TempDir::new().unwrap();
    let none = run(place.path(), &["list", "runs"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert!(
        none.err.contains("there is no run in runs/"),
        "{}",
        none.err
    );
    assert_eq!(rows(place.path()), Vec::<Value>::new());
    let missing = run(place.path(), &["list", "runs", "--out", "nowhere"]);
    missing.failed(2, &["nowhere: no such folder", "hint: "]);
    let other = run(place.path(), &["list", "data", "--out", "nowhere"]);
    other.failed(2, &["--out nowhere: has no effect", "hint: "]);
    let all = run(place.path(), &["list"]).out;
    assert!(!all.contains("runs:"), "{all}");
}

#[test]
fn runs_in_another_folder_are_listed_by_its_name() {
    let place = with_smoke_run();
    fs::rename(place.path().join("runs"), place.path().join("mine")).unwrap();
    let done = run(place.path(), &["list", "runs", "--out", "mine"]);
    assert!(done.out.contains("\nsmoke-1  "), "{}", done.out);
}
