//! Tests that a training ends when its validation score no longer improves, with the same bytes however
//! often it was killed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{files, metrics, run, timeless};
use crate::stops::train_with_kills;

/// A training that improves no more after a few epochs, because its learning rate is too high.
const TRAIN: &[&str] = &[
    "train",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "40",
    "--set",
    "data.digits.train=600",
    "--set",
    "data.digits.test=60",
    "--set",
    "data.digits.validation=100",
    "--set",
    "train.batch=50",
    "--set",
    "train.learning_rate=0.03",
];
const PATIENT: [&str; 2] = ["--set", "train.patience=3"];

fn validation_scores(run: &Path) -> Vec<f64> {
    let records = metrics(run);
    let records = records
        .iter()
        .filter(|record| record["split"] == "validation");
    records
        .map(|record| record["elbo"].as_f64().unwrap())
        .collect()
}

/// Returns the number of epochs after which patience with 3 epochs ends, counted by hand.
fn expected_epochs(scores: &[f64], patience: usize) -> usize {
    let (mut best, mut since) = (f64::NEG_INFINITY, 0);
    for (epoch, score) in scores.iter().enumerate() {
        since = if *score > best { 0 } else { since + 1 };
        best = best.max(*score);
        if since == patience {
            return epoch + 1;
        }
    }
    scores.len()
}

fn model(place: &Path, name: &str) -> Vec<u8> {
    fs::read(place.join("runs/mine").join(name)).unwrap()
}

#[test]
fn a_training_ends_early_when_the_validation_elbo_stays_below_its_best() {
    let whole = TempDir::new().unwrap();
    run(whole.path(), TRAIN).line();
    let scores = validation_scores(&whole.path().join("runs/mine"));
    let end = expected_epochs(&scores, 3);
    assert!(end < 40, "this training was to get worse: {scores:?}");

    let place = TempDir::new().unwrap();
    let done = run(place.path(), &[TRAIN, &PATIENT].concat());
    assert_eq!(done.line(), "runs/mine");
    let folder = place.path().join("runs/mine");
    assert_eq!(
        validation_scores(&folder),
        scores[..end],
        "patience changes no number"
    );
    let said = format!(
        "ended early: the validation ELBO has not improved for 3 epochs, after {end} of 40 (train.patience = 3)"
    );
    assert!(done.err.contains(&said), "{}", done.err);
    assert!(done.err.contains("best.safetensors"), "{}", done.err);
    assert!(model(place.path(), "best.safetensors") != model(place.path(), "model.safetensors"));

    // The best model is the run's from now on, in every command and in what training printed.
    let best = 1
        + (0..end)
            .rev()
            .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
            .unwrap();
    assert!(best < end, "{scores:?}");
    let of_best = metrics(&folder)
        .into_iter()
        .find(|record| record["split"] == "test" && record["epoch"] == best)
        .unwrap();
    let elbo = of_best["elbo"].as_f64().unwrap();
    let said = format!("\ntest ELBO {elbo:.2} ");
    assert!(done.err.contains(&said), "{said}: {}", done.err);
    let listed = run(place.path(), &["list", "runs"]);
    assert!(
        listed.out.contains(&format!("epoch {best}")),
        "{}",
        listed.out
    );
    let report = |model: &str| -> Value {
        let done = run(place.path(), &["eval", model, "--json"]);
        serde_json::from_str(&done.out).unwrap()
    };
    let [of_run, of_file] = ["mine", "runs/mine/best.safetensors"].map(report);
    for key in ["model_hash", "elbo"] {
        assert_eq!(of_run[key], of_file[key], "{key}");
    }
    assert!(report("runs/mine/model.safetensors")["model_hash"] != of_run["model_hash"]);
    fs::remove_file(folder.join("report.json")).unwrap();
    let doctor = run(place.path(), &["doctor", "mine", "--json"]);
    assert!(!doctor.out.contains("train.patience"), "{}", doctor.out);
    assert!(!doctor.out.contains("too early"), "{}", doctor.out);

    // It stays ended, and says so.
    let before = timeless(&folder);
    let again = run(place.path(), &["train", "--resume", "mine"]);
    assert_eq!(again.line(), "runs/mine");
    assert!(again.err.contains("ended early: "), "{}", again.err);
    assert_eq!(timeless(&folder), before);

    // More patience, or none, lets it go on as if it had never ended.
    for (patience, epochs) in [(5, expected_epochs(&scores, 5)), (0, 40)] {
        let set = format!("train.patience={patience}");
        run(
            place.path(),
            &["train", "-q", "--resume", "mine", "--set", &set],
        )
        .line();
        assert_eq!(
            validation_scores(&folder),
            scores[..epochs],
            "patience {patience}"
        );
    }
    let changed: Vec<Value> = metrics(&folder)
        .iter()
        .flat_map(|record| record["changes"].as_array().cloned().unwrap_or_default())
        .collect();
    assert!(
        changed
            .iter()
            .any(|change| change["key"] == "train.patience" && change["from"] == 3),
        "{changed:?}"
    );
}

#[test]
fn kills_change_neither_the_epoch_of_the_end_nor_a_byte() {
    let reference = TempDir::new().unwrap();
    let train = [TRAIN, &PATIENT, &["-q", "--set", "train.save_every=0"]].concat();
    run(reference.path(), &train).line();
    let place = TempDir::new().unwrap();
    let folder = place.path().join("runs/mine");
    train_with_kills(place.path(), &train);
    let reference = reference.path().join("runs/mine");
    assert_eq!(timeless(&folder), timeless(&reference));
    assert_eq!(files(&folder), files(&reference));
    for name in ["model.safetensors", "best.safetensors", "config.toml"] {
        assert!(
            fs::read(folder.join(name)).unwrap() == fs::read(reference.join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn patience_without_validation_images_is_an_error_that_says_how_to_get_them() {
    let place = TempDir::new().unwrap();
    let train = ["train", "--config", "smoke", "--set", "train.patience=2"];
    run(place.path(), &train).failed(
        2,
        &[
            "train.patience is 2, and no images are set aside for validation",
            "hint: set some of the training images aside: `--set data.digits.validation=100`",
        ],
    );
    assert!(!place.path().join("runs").exists(), "nothing is begun");
    let hint = ["--set", "data.digits.validation=100", "-q"];
    run(place.path(), &[&train[..], &hint].concat()).line();
}

#[test]
fn a_config_without_patience_is_written_as_before_there_was_such_a_key() {
    let place = TempDir::new().unwrap();
    for more in [&[][..], &["--set", "train.patience=0"]] {
        let done = run(place.path(), &[&["config", "smoke"], more].concat());
        assert!(!done.out.contains("patience"), "{}", done.out);
    }
    let set = run(
        place.path(),
        &["config", "smoke", "--set", "train.patience=3"],
    );
    assert!(set.out.contains("\npatience = 3\n"), "{}", set.out);
    let wrong = run(
        place.path(),
        &["config", "smoke", "--set", "train.patience=-1"],
    );
    wrong.failed(2, &["--set train.patience=-1: "]);
}
