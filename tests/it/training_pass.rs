//! Tests of what a training step adds to the forward pass: dropout, and sections that are computed again.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{files, metrics, run, tensors, timeless};
use crate::stops::train_with_kills;

/// A training of a small residual network.
const TRAIN: [&str; 20] = [
    "train",
    "-q",
    "--config",
    "smoke",
    "--name",
    "mine",
    "--epochs",
    "2",
    "--set",
    "data.digits.train=200",
    "--set",
    "data.digits.test=60",
    "--set",
    "train.batch=50",
    "--set",
    "train.save_every=0",
    "--set",
    "model.resnet.channels=[4, 16]",
    "--set",
    "model.resnet.latent=4",
];
const DROPOUT: [&str; 2] = ["--set", "model.resnet.dropout=0.2"];
const CHECKPOINTING: [&str; 2] = ["--set", "train.checkpointing=true"];

fn trained(more: &[&str]) -> TempDir {
    let place = TempDir::new().unwrap();
    run(place.path(), &[&TRAIN, more].concat()).line();
    place
}

#[test]
fn computing_blocks_again_changes_no_byte() {
    let several = ["--set", "objective.iwae.samples=3"];
    let pseudo_inputs = ["--set", "prior.vamp.pseudo_inputs=7"];
    let told = [
        "--set",
        "condition.decoder=\"concat\"",
        "--set",
        "condition.encoder=true",
    ];
    for more in [&[][..], &DROPOUT, &several, &pseudo_inputs, &told] {
        let plain = trained(more);
        let again = trained(&[more, &CHECKPOINTING].concat());
        assert!(
            tensors(plain.path(), "model.safetensors")
                == tensors(again.path(), "model.safetensors"),
            "{more:?}"
        );
    }
}

#[test]
fn only_training_steps_drop_values_out() {
    let [plain, dropped] = [trained(&[]), trained(&DROPOUT)];
    assert!(
        tensors(plain.path(), "model.safetensors") != tensors(dropped.path(), "model.safetensors")
    );
    let report = |place: &Path| -> Value {
        let done = run(place, &["eval", "mine", "--json"]);
        serde_json::from_str(&done.out).unwrap()
    };
    let of_test: Vec<Value> = metrics(&dropped.path().join("runs/mine"))
        .into_iter()
        .filter(|record| record["split"] == "test")
        .collect();
    let measured = report(dropped.path());
    assert_eq!(measured["elbo"], report(dropped.path())["elbo"]);
    let elbo = measured["elbo"].as_f64().unwrap();
    let of_training = of_test[1]["elbo"].as_f64().unwrap();
    assert!((elbo - of_training).abs() < 1e-3, "{elbo} {of_training}");
}

#[test]
fn kills_change_no_byte_of_a_training_with_dropout_and_checkpointing() {
    let more = [&DROPOUT[..], &CHECKPOINTING].concat();
    let whole = trained(&more);
    let killed = TempDir::new().unwrap();
    train_with_kills(killed.path(), &[&TRAIN[..], &more].concat());
    let [whole, killed] = [&whole, &killed].map(|place| place.path().join("runs/mine"));
    assert_eq!(timeless(&whole), timeless(&killed));
    assert_eq!(files(&whole), files(&killed));
    let read = |run: &Path| fs::read(run.join("model.safetensors")).unwrap();
    assert!(read(&whole) == read(&killed));
}

#[test]
fn dropout_between_dense_layers_and_convolutions_is_trained() {
    for layers in [
        "model.mlp.dropout=0.3",
        "model.conv.encoder=[{ conv = 4, stride = 2 }, { dropout = 0.5 }, { dense = 16 }]",
    ] {
        let place = TempDir::new().unwrap();
        let set = ["--set", layers];
        run(place.path(), &[&TRAIN[..16], &set].concat()).line();
    }
}

#[test]
fn wrong_settings_are_explained() {
    let place = TempDir::new().unwrap();
    run(
        place.path(),
        &[&TRAIN[..16], &["--set", "train.checkpointing=true"]].concat(),
    )
    .failed(
        2,
        &[
            "train.checkpointing computes residual blocks again, and model.mlp has none",
            "hint: leave it out",
        ],
    );
    for (set, name) in [
        (
            "model.resnet.dropout=1",
            "model.resnet.dropout is 1; expected",
        ),
        (
            "model.mlp.dropout=-0.1",
            "model.mlp.dropout is -0.1; expected",
        ),
        (
            "model.conv.encoder=[{ dropout = 1.5 }]",
            "dropout is 1.5; expected a number of at least 0 and below 1",
        ),
    ] {
        run(place.path(), &[&TRAIN[..16], &["--set", set]].concat()).failed(2, &[name]);
    }
}
