//! Tests `vae sweep`: plans, tasks that can be run again at any time, and the table of what came out.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Done, files, metrics, read, run, squeezed, timeless, vae};

/// Two settings with two seeds each, on very few images.
const GRID: &str =
    "--config smoke --set data.digits.train=200 --set objective.elbo.beta=1,4 --seeds 2 --epochs 2";

/// The names of the runs of that grid.
const NAMES: [&str; 4] = [
    "smoke-beta=1-seed=1",
    "smoke-beta=1-seed=2",
    "smoke-beta=4-seed=1",
    "smoke-beta=4-seed=2",
];

/// Runs a command of words without spaces.
fn say(place: &Path, words: &str) -> Done {
    run(place, &words.split(' ').collect::<Vec<_>>())
}

/// Returns a folder with the plan `plan.jsonl` of `grid`.
fn with_plan(grid: &str) -> TempDir {
    let place = TempDir::new().unwrap();
    let done = say(place.path(), &format!("sweep {grid} --plan plan.jsonl"));
    assert_eq!(done.line(), "plan.jsonl");
    place
}

fn lines(place: &Path) -> Vec<Value> {
    let text = fs::read_to_string(place.join("plan.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn table(place: &Path, flags: &str) -> Value {
    let done = say(place, &format!("sweep plan.jsonl --table --json{flags}"));
    serde_json::from_str(done.line()).unwrap()
}

fn model(place: &Path, name: &str) -> Vec<u8> {
    read(place, &format!("runs/{name}/model.safetensors"))
}

/// Returns the last number of a split in a run's records.
fn last(place: &Path, name: &str, split: &str, key: &str) -> f64 {
    let records = metrics(&place.join("runs").join(name));
    let record = records.iter().rfind(|record| record["split"] == split);
    record.unwrap()[key].as_f64().unwrap()
}

#[test]
fn a_line_of_a_plan_is_a_whole_training() {
    let place = with_plan(GRID);
    let tasks = lines(place.path());
    let names: Vec<&str> = tasks
        .iter()
        .map(|task| task["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, NAMES);
    let task = &tasks[3];
    assert_eq!(
        (task["task"].as_u64(), task["seed"].as_u64()),
        (Some(3), Some(2))
    );
    let config = say(
        place.path(),
        "config smoke --set data.digits.train=200 --set objective.elbo.beta=4 --set train.epochs=2 --set seed=2",
    );
    assert_eq!(task["config"].as_str().unwrap(), config.out);
    // Another seed to begin with, and another name.
    let more = say(
        place.path(),
        "sweep --config smoke --seed 7 --seeds 2 --name mine --plan more.jsonl",
    );
    assert_eq!(more.line(), "more.jsonl");
    let text = fs::read_to_string(place.path().join("more.jsonl")).unwrap();
    assert!(
        text.contains("\"mine-seed=7\"") && text.contains("\"mine-seed=8\""),
        "{text}"
    );
}

#[test]
fn a_plan_replaces_no_other_plan() {
    let place = with_plan(GRID);
    let before = read(place.path(), "plan.jsonl");
    let again = say(place.path(), &format!("sweep {GRID} --plan plan.jsonl"));
    assert_eq!(again.line(), "plan.jsonl");
    assert!(
        again.err.contains("plan.jsonl is this plan already"),
        "{}",
        again.err
    );
    say(place.path(), "sweep --config smoke --plan plan.jsonl").failed(
        2,
        &[
            "plan.jsonl: this file holds something else",
            "hint: choose another name",
        ],
    );
    say(
        place.path(),
        "sweep --config smoke --set train.bacth=1,2 --plan new.jsonl",
    )
    .failed(2, &["--set train.bacth=1: ", "did you mean `batch`?"]);
    assert_eq!(files(place.path()), ["plan.jsonl"]);
    assert!(read(place.path(), "plan.jsonl") == before);
}

#[test]
fn a_plan_means_the_same_after_its_config_has_changed() {
    let place = TempDir::new().unwrap();
    let config = place.path().join("own.toml");
    let text = say(place.path(), "config smoke --set data.digits.train=200").out;
    fs::write(&config, &text).unwrap();
    say(
        place.path(),
        "sweep --config own.toml --epochs 1 --plan plan.jsonl",
    )
    .line();
    fs::write(&config, "not TOML any more").unwrap();
    let done = say(place.path(), "sweep plan.jsonl --task 0 -q");
    assert_eq!(done.line(), "runs/own-seed=1");
    let kept = fs::read_to_string(place.path().join("runs/own-seed=1/config.toml")).unwrap();
    assert_eq!(kept, text.replace("epochs = 2", "epochs = 1"));
}

#[test]
fn a_task_is_new_begun_or_done() {
    let place = with_plan(&GRID.replace("--epochs 2", "--epochs 60"));
    let task = ["sweep", "plan.jsonl", "--task", "3"];
    let records = place
        .path()
        .join("runs")
        .join(NAMES[3])
        .join("metrics.jsonl");
    // Killed twice in the middle.
    for epochs in [2, 5] {
        let mut child = vae(place.path(), &task)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while fs::read_to_string(&records).map_or(0, |text| text.lines().count()) < 2 * epochs {
            assert!(Instant::now() < patience, "nothing happens");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let found = table(place.path(), "");
    assert_eq!(found["settings"][1]["runs"][1]["state"], "begun", "{found}");
    let done = run(place.path(), &task);
    assert_eq!(done.line(), format!("runs/{}", NAMES[3]));
    assert!(
        done.err.contains("which goes on after step"),
        "{}",
        done.err
    );

    // The same training in one go, by `vae train`.
    let unbroken = "train -q --config smoke --set data.digits.train=200 --set objective.elbo.beta=4 --seed 2 --epochs 60 --name whole";
    say(place.path(), unbroken).line();
    assert!(model(place.path(), NAMES[3]) == model(place.path(), "whole"));
    let [ours, whole] = [NAMES[3], "whole"].map(|name| place.path().join("runs").join(name));
    assert_eq!(timeless(&ours), timeless(&whole));

    // Once it is done, nothing is written.
    let written = |name: &str| fs::metadata(ours.join(name)).unwrap().modified().unwrap();
    let before = files(&ours)
        .iter()
        .map(|name| written(name))
        .collect::<Vec<_>>();
    let again = run(place.path(), &task);
    assert_eq!(again.line(), format!("runs/{}", NAMES[3]));
    assert!(
        again.err.contains("task 3 is already done"),
        "{}",
        again.err
    );
    let after = files(&ours)
        .iter()
        .map(|name| written(name))
        .collect::<Vec<_>>();
    assert_eq!(before, after);
}

#[test]
fn a_folder_that_a_kill_left_empty_is_trained_in() {
    let place = with_plan(GRID);
    fs::create_dir_all(place.path().join("runs").join(NAMES[0])).unwrap();
    assert_eq!(
        table(place.path(), "")["settings"][0]["runs"][0]["state"],
        "not begun"
    );
    let done = say(place.path(), "sweep plan.jsonl --task 0 -q");
    assert_eq!(done.line(), format!("runs/{}", NAMES[0]));
    assert_eq!(
        table(place.path(), "")["settings"][0]["runs"][0]["state"],
        "done"
    );
}

#[test]
fn all_tasks_are_run_and_a_task_that_fails_does_not_stop_the_others() {
    let place = with_plan(GRID);
    // Another process trains the second task.
    let other = place.path().join("runs").join(NAMES[1]);
    fs::create_dir_all(&other).unwrap();
    let lock = File::open(&other).unwrap();
    lock.lock().unwrap();
    let done = say(place.path(), "sweep plan.jsonl");
    assert_eq!(done.code, Some(1), "{}", done.err);
    for part in [
        &format!(
            "error: task 1: runs/{}: another process is training this run",
            NAMES[1]
        ),
        "error: 1 of 4 tasks failed\nhint: their errors are above",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    assert!(
        done.out
            .contains("3 of 4 tasks done, 1 running; go on with: vae sweep plan.jsonl"),
        "{}",
        done.out
    );
    drop(lock);
    let done = say(place.path(), "sweep plan.jsonl");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(
        done.err.matches("is already done").count(),
        3,
        "{}",
        done.err
    );
    assert_eq!(done.out, say(place.path(), "sweep plan.jsonl --table").out);
    // Runs in one process have the bytes of runs in processes of their own.
    let alone = say(place.path(), "sweep plan.jsonl --task 2 -q --out alone");
    let alone = read(place.path(), &format!("{}/model.safetensors", alone.line()));
    assert!(model(place.path(), NAMES[2]) == alone);
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_with_the_state_saved() {
    let place = with_plan(&GRID.replace("--epochs 2", "--epochs 100000"));
    let command = vae(place.path(), &["sweep", "plan.jsonl"]);
    let mut child = crate::program::listening(&command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let records = place
        .path()
        .join("runs")
        .join(NAMES[0])
        .join("metrics.jsonl");
    while !records.exists() {
        assert!(child.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let done = Done::of(child.wait_with_output().unwrap());
    done.failed(
        130,
        &[
            "interrupted: task 0: stopped ",
            "hint: the same command goes on; what is done so far: vae sweep plan.jsonl --table",
        ],
    );
    assert!(!place.path().join("runs").join(NAMES[1]).exists());
}

#[test]
fn variables_of_engines_choose_the_task() {
    let place = with_plan(GRID);
    let with = |name: &str, value: &str, more: &[&str]| {
        let mut command = vae(place.path(), &[&["sweep", "plan.jsonl"], more].concat());
        Done::of(command.env(name, value).output().unwrap())
    };
    for (name, value) in [
        ("SLURM_ARRAY_TASK_ID", "2"),
        ("JOB_COMPLETION_INDEX", "2"),
        ("HQ_TASK_ID", "2"),
        ("PARALLEL_SEQ", "3"),
        ("PBS_ARRAY_INDEX", "2"),
        ("SGE_TASK_ID", "3"),
        ("AWS_BATCH_JOB_ARRAY_INDEX", "2"),
    ] {
        let done = with(name, value, &[]);
        assert_eq!(done.line(), format!("runs/{}", NAMES[2]));
        assert!(
            done.err.contains(&format!("{name} chooses task 2\n")),
            "{}",
            done.err
        );
        with(name, "7", &[]).failed(2, &[name, "for this plan it must be from", "hint: "]);
        with(name, "two", &[]).failed(2, &[name, "expected a whole number", "hint: "]);
        // Only what trains looks at them.
        for flags in [&["--table"][..], &["--emit", "slurm"]] {
            assert_eq!(with(name, "two", flags).code, Some(0));
        }
        assert_eq!(
            with(name, "two", &["--task", "2"]).line(),
            format!("runs/{}", NAMES[2])
        );
    }
    assert_eq!(
        files(&place.path().join("runs")).len(),
        11,
        "only task 2 was trained"
    );
    let mut making = vae(
        place.path(),
        &["sweep", "--config", "smoke", "--plan", "other.jsonl"],
    );
    assert_eq!(
        Done::of(making.env("HQ_TASK_ID", "x").output().unwrap()).line(),
        "other.jsonl"
    );
}

#[test]
fn a_run_with_another_config_is_never_continued() {
    let place = with_plan(GRID);
    say(place.path(), "sweep plan.jsonl --task 0 -q").line();
    let longer = GRID.replace("--epochs 2", "--epochs 3");
    say(place.path(), &format!("sweep {longer} --plan longer.jsonl")).line();
    let before = model(place.path(), NAMES[0]);
    for command in ["sweep longer.jsonl --task 0", "sweep longer.jsonl"] {
        say(place.path(), command).failed(
            2,
            &[
                "this run has another config: `train.epochs` is 2, and 3 in the plan",
                "hint: keep the runs of the plan elsewhere with `--out DIR`",
            ],
        );
    }
    assert!(model(place.path(), NAMES[0]) == before);
    assert_eq!(
        files(&place.path().join("runs")).len(),
        11,
        "nothing else was trained"
    );
    let shown = say(place.path(), "sweep longer.jsonl --table");
    assert!(
        shown
            .out
            .contains("0 of 4 tasks done, 3 not begun, 1 unusable"),
        "{}",
        shown.out
    );
    assert!(
        shown
            .out
            .contains(&format!("! task 0, {}: runs/", NAMES[0])),
        "{}",
        shown.out
    );
    // The hint's proposal is accepted.
    let elsewhere = say(place.path(), "sweep longer.jsonl --task 0 -q --out other");
    assert_eq!(elsewhere.line(), format!("other/{}", NAMES[0]));
}

#[test]
fn the_table_has_means_and_errors_over_seeds() {
    let place = with_plan(&GRID.replace("--seeds 2", "--seeds 3"));
    assert_eq!(say(place.path(), "sweep plan.jsonl -q").code, Some(0));
    let found = table(place.path(), "");
    let mut variances = 0.0;
    for (index, beta) in [1, 4].iter().enumerate() {
        let row = &found["settings"][index];
        let elbos: Vec<f64> = (1..=3)
            .map(|seed| {
                last(
                    place.path(),
                    &format!("smoke-beta={beta}-seed={seed}"),
                    "test",
                    "elbo",
                )
            })
            .collect();
        let mean = elbos.iter().sum::<f64>() / 3.0;
        let variance = elbos.iter().map(|elbo| (elbo - mean).powi(2)).sum::<f64>() / 2.0;
        variances += variance / 2.0;
        let near = |key: &str, expected: f64| {
            let value = row[key].as_f64().unwrap();
            assert!(
                (value - expected).abs() < 1e-9,
                "{key}: {value}, expected {expected}"
            );
        };
        near("elbo", mean);
        near("elbo_se", (variance / 3.0).sqrt());
        near("best", elbos.iter().copied().fold(f64::MIN, f64::max));
        assert_eq!(row["objective.elbo.beta"], *beta);
        assert_eq!(
            (row["tasks_done"].as_u64(), row["tasks"].as_u64()),
            (Some(3), Some(3))
        );
        assert_eq!(row["epochs"], serde_json::json!([2]));
        assert!(row["validation_elbo"].is_null() && row["reconstruction"].is_null());
    }
    // The expected maximum of three normal numbers is 3 / (2 sqrt(pi)), that of two 1 / sqrt(pi).
    let (chance, pi) = (&found["best_of"], std::f64::consts::PI);
    for (key, expected) in [
        ("seeds_standard_deviation", variances.sqrt()),
        ("seeds_gain_by_chance", 1.5 / pi.sqrt() * variances.sqrt()),
        ("settings_gain_by_chance", (variances / 3.0 / pi).sqrt()),
    ] {
        let value = chance[key].as_f64().unwrap();
        assert!(
            (value - expected).abs() < 1e-9,
            "{key}: {value}, expected {expected}"
        );
    }
    let text = squeezed(&say(place.path(), "sweep plan.jsonl --table").out);
    let row = &found["settings"][1];
    let [mean, se, best] = ["elbo", "elbo_se", "best"].map(|key| row[key].as_f64().unwrap());
    for part in [
        "beta done test ELBO best epochs\n",
        &format!("\n4 3/3 {mean:.2} ± {se:.2} {best:.2} 2\n"),
        "± is the standard error over seeds",
        "the best of 3 seeds would look",
        "(0.85 standard deviations of ",
        "the best of 2 settings would look",
        "make the plan with `--set data.digits.validation=N`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_validation_images_choose() {
    let grid = "--config smoke --set data.digits.train=200 --set data.digits.validation=50 --set objective.elbo.beta=1,50 --seeds 2 --epochs 3";
    let place = with_plan(grid);
    assert_eq!(say(place.path(), "sweep plan.jsonl -q").code, Some(0));
    let found = table(place.path(), "");
    let mean = |beta: usize, split: &str| {
        let elbo = |seed| {
            last(
                place.path(),
                &format!("smoke-beta={beta}-seed={seed}"),
                split,
                "elbo",
            )
        };
        (elbo(1) + elbo(2)) / 2.0
    };
    for (index, beta) in [1, 50].into_iter().enumerate() {
        let row = &found["settings"][index];
        let value = row["validation_elbo"].as_f64().unwrap();
        assert!((value - mean(beta, "validation")).abs() < 1e-9, "{row}");
    }
    let best = if mean(1, "validation") > mean(50, "validation") {
        1
    } else {
        50
    };
    assert_eq!(found["chosen_by_validation"], format!("beta={best}"));
    let text = say(place.path(), "sweep plan.jsonl --table").out;
    let choice = format!(
        "by the validation images, the choice is beta={best}; report its test score, {:.2} ± ",
        mean(best, "test")
    );
    assert!(text.contains(&choice), "{choice}: {text}");
}

#[test]
fn numbers_of_other_pixels_or_objectives_are_not_compared() {
    for (set, key) in [
        (
            "data.digits.pixels=grey,threshold",
            "pixels, is_log_likelihood, caveat",
        ),
        ("objective=elbo,autoencoder", "samples_per_image"),
        ("data.digits.test=50,60", "data_hash"),
    ] {
        let place = with_plan(&format!(
            "--config smoke --set data.digits.train=200 --set {set} --epochs 1"
        ));
        assert_eq!(say(place.path(), "sweep plan.jsonl -q").code, Some(0));
        let text = say(place.path(), "sweep plan.jsonl --table").out;
        let line = format!("the settings differ in {key}: their numbers are not comparable");
        assert!(text.contains(&line), "{line}: {text}");
        assert!(!text.contains("the choice is"), "{text}");
        let found = table(place.path(), "");
        assert!(found["chosen_by_validation"].is_null());
        if set.starts_with("objective") {
            let row = &found["settings"][1];
            assert!(
                row["elbo"].is_null() && row["reconstruction"].is_number(),
                "{row}"
            );
            assert_eq!(row["objective"], "autoencoder");
            assert_eq!(row["reconstruction"], row["best"]);
        }
    }
}

#[test]
fn one_run_has_no_error_and_no_choice() {
    let place = with_plan("--config smoke --set data.digits.train=200 --epochs 1");
    let done = say(place.path(), "sweep plan.jsonl -q");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains(" ± unknown"), "{}", done.out);
    assert!(!done.out.contains("flatters"), "{}", done.out);
}

#[test]
fn a_script_runs_what_was_asked_for() {
    let place = with_plan(GRID);
    fs::copy(
        place.path().join("plan.jsonl"),
        place.path().join("my plan.jsonl"),
    )
    .unwrap();
    let flags = [
        "--out",
        "my runs",
        "--data",
        "my data",
        "--device",
        "cpu",
        "--threads",
        "3",
    ];
    for engine in ["parallel", "slurm", "k8s", "hq"] {
        let words = [&["sweep", "my plan.jsonl", "--emit", engine][..], &flags].concat();
        let done = run(place.path(), &words);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(!done.err.is_empty(), "{engine} has advice");
        let line = done
            .out
            .lines()
            .find(|line| line.contains("vae") && line.contains("my plan"));
        let line = line.unwrap_or_else(|| panic!("{}", done.out));
        let quoted = |word: &str| match engine {
            "k8s" => format!("\"{word}\""),
            _ if word.contains(' ') => format!("'{word}'"),
            _ => word.to_owned(),
        };
        for word in flags {
            assert!(line.contains(&quoted(word)), "{word}: {line}");
        }
    }
}
