//! Tests of `train.skip_above`: a step with too large a gradient changes nothing.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{Done, files, metrics, run, tensors, timeless};
use crate::stops::train_with_kills;

const TRAIN: [&str; 13] = [
    "train",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "3",
    "--set",
    "data.digits.train=500",
    "--set",
    "data.digits.test=60",
    "--set",
    "train.batch=25",
];
const STEPS: u64 = 20;

fn train(place: &Path, limit: &str, more: &[&str]) -> Done {
    let set = format!("train.skip_above={limit}");
    run(place, &[&TRAIN[..], &["--set", &set], more].concat())
}

/// Returns the smallest norm of a gradient before the first step is taken.
fn smallest_norm() -> f64 {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), "1e-9", &["-q"]);
    done.failed(
        1,
        &[
            "all 20 steps of epoch 1 were skipped: the norm of each one's gradient is above train.skip_above = 0.000000001 or not finite; the smallest norm is ",
            "hint: go on with a larger limit, or with 0 to skip no step: vae train --resume runs/mine --set train.skip_above=",
        ],
    );
    let (_, rest) = done.err.split_once("the smallest norm is ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

fn skipped(place: &Path) -> Vec<u64> {
    let records = metrics(&place.join("runs/mine")).into_iter();
    let of_train = records.filter(|record| record["split"] == "train");
    of_train
        .map(|record| {
            record
                .get("skipped_steps")
                .map_or(0, |steps| steps.as_u64().unwrap())
        })
        .collect()
}

#[test]
fn steps_above_the_limit_are_skipped_counted_and_told_and_kills_change_no_byte() {
    // The weights hardly change, so that the norms stay about as they are.
    let slowly = [
        "--set",
        "train.learning_rate=1e-5",
        "--set",
        "train.ema=0.9",
    ];
    let limit = format!("{:?}", 1.15 * smallest_norm());
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &limit, &slowly);
    assert_eq!(done.line(), "runs/mine");
    let counts = skipped(place.path());
    assert!(counts[0] > 0 && counts[0] < STEPS, "{counts:?}");
    let said = match counts[0] {
        1 => ", 1 step skipped\n".to_owned(),
        count => format!(", {count} steps skipped\n"),
    };
    assert!(done.err.contains(&said), "{said} in {}", done.err);

    let killed = TempDir::new().unwrap();
    let set = format!("train.skip_above={limit}");
    let often = ["--set", &set, "--set", "train.save_every=0", "-q"];
    train_with_kills(killed.path(), &[&TRAIN[..], &slowly, &often].concat());
    assert!(
        tensors(killed.path(), "model.safetensors") == tensors(place.path(), "model.safetensors")
    );
    let [whole, killed] = [&place, &killed].map(|place| place.path().join("runs/mine"));
    assert_eq!(timeless(&whole), timeless(&killed));
    assert_eq!(files(&whole), files(&killed));
}

#[test]
fn a_limit_that_is_never_reached_changes_nothing_and_is_not_in_the_records() {
    let [plain, limited] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    run(plain.path(), &TRAIN).line();
    let done = train(limited.path(), "1e9", &[]);
    assert_eq!(done.line(), "runs/mine");
    assert!(!done.err.contains("skipped"), "{}", done.err);
    assert!(
        tensors(plain.path(), "model.safetensors") == tensors(limited.path(), "model.safetensors")
    );
    let [plain, limited] = [plain, limited].map(|place| timeless(&place.path().join("runs/mine")));
    assert_eq!(plain, limited);
}

#[test]
fn a_run_whose_steps_were_all_skipped_goes_on_as_if_it_had_just_begun() {
    let [plain, place] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    run(plain.path(), &TRAIN).line();
    train(place.path(), "1e-9", &["-q"]).failed(1, &["all 20 steps of epoch 1 were skipped"]);
    let metrics = fs::read(place.path().join("runs/mine/metrics.jsonl")).unwrap();
    assert!(metrics.is_empty(), "no records of untrained weights");
    let resume = [
        "train",
        "-q",
        "--resume",
        "mine",
        "--set",
        "train.skip_above=0",
    ];
    run(place.path(), &resume).line();
    assert!(
        tensors(plain.path(), "model.safetensors") == tensors(place.path(), "model.safetensors")
    );
    assert_eq!(skipped(place.path()), [0, 0, 0]);
}

#[test]
fn it_is_off_by_default_and_checked() {
    let place = TempDir::new().unwrap();
    let config = |set: &[&str]| run(place.path(), &[&["config", "smoke"], set].concat());
    for off in [&[][..], &["--set", "train.skip_above=0"]] {
        let done = config(off);
        assert!(
            done.code == Some(0) && !done.out.contains("skip"),
            "{}",
            done.out
        );
    }
    let done = config(&["--set", "train.skip_above=400"]);
    assert!(done.out.contains("\nskip_above = 400.0\n"), "{}", done.out);
    for wrong in ["-1", "1e13", "nan"] {
        let set = format!("train.skip_above={wrong}");
        config(&["--set", &set]).failed(2, &["expected a number from 0 to 1000000000000"]);
    }
}
