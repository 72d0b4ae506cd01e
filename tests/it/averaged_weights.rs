//! Tests of `train.ema`: the run's model has the moving average of the weights, and nothing else changes.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vae::model::NamedTensor;
use vae::train::ModelFile;

use crate::program::{files, metrics, run, tensors, timeless};
use crate::stops::train_with_kills;

/// A training with a best model and a likelihood that is fitted to the weights.
const TRAIN: [&str; 18] = [
    "train",
    "-q",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "3",
    "--set",
    "data.digits.train=500",
    "--set",
    "data.digits.validation=60",
    "--set",
    "likelihood.gaussian.sigma=\"optimal\"",
    "--set",
    "train.batch=50",
    "--set",
    "train.save_every=0",
];
const AVERAGE: [&str; 2] = ["--set", "train.ema=0.95"];

fn trained(more: &[&str]) -> TempDir {
    let place = TempDir::new().unwrap();
    run(place.path(), &[&TRAIN, more].concat()).line();
    place
}

/// Returns the numbers of a split's records.
fn losses(place: &Path, split: &str) -> Vec<Value> {
    let records = metrics(&place.join("runs/mine")).into_iter();
    let of_split = records.filter(|record| record["split"] == split);
    of_split.map(|record| record["loss"].clone()).collect()
}

#[test]
fn the_model_has_the_average_and_the_last_weights_are_those_of_a_training_without_it() {
    let [plain, averaged] = [trained(&[]), trained(&AVERAGE)];
    let [plain, averaged] = [plain.path(), averaged.path()];
    assert!(tensors(averaged, "last.safetensors") == tensors(plain, "model.safetensors"));
    assert!(tensors(averaged, "model.safetensors") != tensors(plain, "model.safetensors"));
    assert!(tensors(averaged, "best.safetensors") != tensors(plain, "best.safetensors"));
    assert!(!files(&plain.join("runs/mine")).contains(&"last.safetensors".to_owned()));
    // The steps are the same, and what is measured is the average.
    assert_eq!(losses(averaged, "train"), losses(plain, "train"));
    for split in ["test", "validation"] {
        assert_ne!(losses(averaged, split), losses(plain, split));
    }
    let report = |model: &str| -> Value {
        let done = run(averaged, &["eval", model, "--json"]);
        serde_json::from_str(&done.out).unwrap()
    };
    let [of_run, of_last] = ["mine", "runs/mine/last.safetensors"].map(report);
    assert_ne!(of_run["elbo"], of_last["elbo"]);
    assert_ne!(of_run["sigma"], of_last["sigma"]);
}

#[test]
fn kills_change_no_byte_of_the_average() {
    let whole = trained(&AVERAGE);
    let killed = TempDir::new().unwrap();
    train_with_kills(killed.path(), &[&TRAIN[..], &AVERAGE].concat());
    let [whole, killed] = [&whole, &killed].map(|place| place.path().join("runs/mine"));
    assert_eq!(timeless(&whole), timeless(&killed));
    assert_eq!(files(&whole), files(&killed));
    for name in ["model", "best", "last"] {
        let read = |run: &Path| fs::read(run.join(name).with_extension("safetensors")).unwrap();
        assert!(read(&whole) == read(&killed), "{name}");
    }
}

#[test]
fn more_epochs_go_on_from_the_average_and_lost_models_are_written_again() {
    let whole = TempDir::new().unwrap();
    let longer = TRAIN.map(|word| if word == "3" { "4" } else { word });
    run(whole.path(), &[&longer[..], &AVERAGE].concat()).line();
    let place = trained(&AVERAGE);
    let folder = place.path().join("runs/mine");
    let names = ["model.safetensors", "last.safetensors"];
    let before = names.map(|name| fs::read(folder.join(name)).unwrap());
    names
        .iter()
        .for_each(|name| fs::remove_file(folder.join(name)).unwrap());
    run(place.path(), &["train", "-q", "--resume", "mine"]).line();
    assert!(names.map(|name| fs::read(folder.join(name)).unwrap()) == before);
    run(
        place.path(),
        &["train", "-q", "--resume", "mine", "--epochs", "4"],
    )
    .line();
    for name in names {
        assert!(
            tensors(place.path(), name) == tensors(whole.path(), name),
            "{name}"
        );
    }
    assert_eq!(run(place.path(), &["rm", "--yes", "mine"]).code, Some(0));
    assert!(!folder.exists(), "nothing in the folder is foreign");
}

#[test]
fn the_average_of_a_training_from_a_model_begins_with_that_model() {
    let place = trained(&AVERAGE);
    let still = ["--set", "train.learning_rate=1e-30", "--epochs", "1"];
    let from = ["train", "-q", "--from", "mine", "--name", "next"];
    run(place.path(), &[&from[..], &still].concat()).line();
    let next = ModelFile::read(&place.path().join("runs/next/model.safetensors")).unwrap();
    // The sigma is fitted anew.
    let weights = |tensors: Vec<NamedTensor>| {
        let weights = tensors.into_iter();
        weights
            .filter(|tensor| !tensor.name.contains("log_sigma"))
            .collect::<Vec<_>>()
    };
    let found = weights(next.tensors);
    assert!(found.len() > 4);
    for (found, start) in found
        .iter()
        .zip(weights(tensors(place.path(), "model.safetensors")))
    {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs();
        assert!(
            found.values.iter().zip(&start.values).all(near),
            "{}",
            found.name
        );
    }
}

#[test]
fn it_is_off_by_default_checked_and_kept_by_a_run() {
    let place = trained(&AVERAGE);
    let config = |set: &[&str]| run(place.path(), &[&["config", "smoke"], set].concat());
    for off in [&[][..], &["--set", "train.ema=0"]] {
        let done = config(off);
        assert!(
            done.code == Some(0) && !done.out.contains("ema"),
            "{}",
            done.out
        );
    }
    assert!(config(&AVERAGE).out.contains("\nema = 0.95\n"));
    for wrong in ["1", "-0.1", "nan"] {
        let set = format!("train.ema={wrong}");
        config(&["--set", &set]).failed(2, &["expected a number from 0 to 0.999999"]);
    }
    run(
        place.path(),
        &["train", "--resume", "mine", "--set", "train.ema=0.9"],
    )
    .failed(
        2,
        &["`train.ema` is 0.9, and this run was trained with 0.95"],
    );
    let said = run(
        place.path(),
        &["train", "--resume", "mine", "--epochs", "4"],
    );
    assert!(
        said.err.contains(
            "moving average (train.ema = 0.95); the last weights are in runs/mine/last.safetensors"
        ),
        "{}",
        said.err
    );
}
