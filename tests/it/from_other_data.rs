//! Tests that a training can begin with the weights of a model of other data, and what both must share.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vae::train::ModelFile;

use crate::program::{files, run, with_smoke_run, write_idx};
use crate::tiny::with_tiny_runs;

/// A step too small to change a weight.
const STILL: [&str; 4] = ["--epochs", "1", "--set", "train.learning_rate=1e-30"];

fn model(place: &Path, run: &str) -> ModelFile {
    ModelFile::read(&place.join("runs").join(run).join("model.safetensors")).unwrap()
}

#[test]
fn the_weights_of_one_folder_of_images_begin_a_training_on_another() {
    let place = with_tiny_runs();
    write_idx(&place.path().join("new"), 5);
    let train = [
        "train", "-q", "--from", "mine", "--data", "new", "--name", "next",
    ];
    assert_eq!(
        run(place.path(), &[&train[..], &STILL].concat()).line(),
        "runs/next"
    );
    let [first, next] = ["mine", "next"].map(|run| model(place.path(), run));
    assert!(
        first.tensors == next.tensors,
        "the weights are those of `mine`"
    );
    assert_ne!(first.card.data_hash, next.card.data_hash, "the data is not");
    // What follows remembers the new data.
    run(place.path(), &["eval", "next", "-q"]);
    fs::remove_dir_all(place.path().join("data")).unwrap();
    let resumed = run(
        place.path(),
        &["train", "-q", "--resume", "next", "--epochs", "2"],
    );
    assert_eq!(resumed.line(), "runs/next");
}

#[test]
fn another_data_set_is_not_looked_for_where_the_model_had_its_own() {
    let place = with_tiny_runs();
    let folder = place.path().join("FashionMNIST/raw");
    write_idx(&folder, 6);
    let set = [
        "train",
        "-q",
        "--from",
        "mine",
        "--set",
        "data.fashion-mnist=",
    ];
    let none = run(place.path(), &[&set[..], &["--data", "nowhere"]].concat());
    none.failed(2, &["nowhere: "]);
    let arguments = [&set[..], &STILL, &["--data", "FashionMNIST/raw"]].concat();
    run(place.path(), &arguments).line();
    let without = crate::program::vae(place.path(), &[&set[..], &STILL].concat())
        .env("VAE_DATA", &folder)
        .output()
        .unwrap();
    assert!(
        without.status.success(),
        "{}",
        String::from_utf8_lossy(&without.stderr)
    );
}

#[test]
fn a_model_that_is_not_conditional_takes_data_of_other_classes() {
    let place = with_smoke_run();
    let other = [
        "train",
        "-q",
        "--from",
        "smoke-1",
        "--set",
        "data.noise.size=28",
    ];
    let small = [
        "--set",
        "data.noise.count=200",
        "--set",
        "data.noise.test=50",
    ];
    run(place.path(), &[&other[..], &small, &STILL].concat()).line();
    let [first, other] = ["smoke-1", "smoke-2"].map(|run| model(place.path(), run));
    assert!(first.tensors == other.tensors);
    assert_ne!(first.card.classes, other.card.classes);
}

#[test]
fn data_of_another_shape_is_an_error_that_names_both_shapes_before_anything_is_made() {
    let place = with_smoke_run();
    let before = files(place.path());
    for set in ["data.noise.size=16", "data.noise.channels=3"] {
        let shape = if set.contains("size") {
            "1x16x16"
        } else {
            "3x28x28"
        };
        run(place.path(), &["train", "--from", "smoke-1", "--set", set]).failed(
            2,
            &[
                "--from runs/smoke-1/model.safetensors: ",
                "images of 1x28x28",
                shape,
                "hint: choose data with images of 1x28x28, or leave `--from` out",
            ],
        );
    }
    assert_eq!(files(place.path()), before);
}

#[test]
fn images_of_ones_own_continue_a_model_of_their_size() {
    let place = with_smoke_run();
    let folder = place.path().join("photos");
    fs::create_dir(&folder).unwrap();
    for number in 0..40_u8 {
        let pixel = |x: u32, y: u32| image::Luma([number.wrapping_mul(31) ^ (x * y) as u8]);
        let photo = image::GrayImage::from_fn(40, 40, pixel);
        photo.save(folder.join(format!("{number}.png"))).unwrap();
    }
    let train = [
        "train", "--from", "smoke-1", "--data", "photos", "--name", "next", "--size",
    ];
    run(place.path(), &[&train[..], &["32"]].concat()).failed(
        2,
        &["images of 1x28x28", "1x32x32", "hint: ", "`--size 28x28`"],
    );
    run(place.path(), &[&train[..], &["28", "-q"], &STILL].concat()).line();
    let [first, next] = ["smoke-1", "next"].map(|run| model(place.path(), run));
    assert!(first.tensors == next.tensors);
    assert_ne!(first.card.data_hash, next.card.data_hash);
}

#[test]
fn another_architecture_is_an_error_before_the_data_is_looked_for() {
    let place = with_smoke_run();
    // There is no MNIST, and no network to fetch it from.
    let train = ["train", "--from", "smoke-1", "--config", "mnist-conv"];
    run(place.path(), &train).failed(
        2,
        &[
            "--from runs/smoke-1/model.safetensors: `model` is {",
            "hint: leave `--config` out",
        ],
    );
}

#[test]
fn a_conditional_model_needs_the_same_classes() {
    let place = TempDir::new().unwrap();
    let train = [
        "train",
        "-q",
        "--config",
        "smoke",
        "--set",
        "condition.encoder=true",
    ];
    let small = [
        "--set",
        "data.digits.train=100",
        "--epochs",
        "1",
        "--name",
        "mine",
    ];
    run(place.path(), &[&train[..], &small].concat()).line();
    let other = ["train", "--from", "mine", "--set", "data.noise.size=28"];
    run(place.path(), &other).failed(
        2,
        &[
            "--from runs/mine/model.safetensors: the model is conditional on the classes 0, 1, 2",
            "the data has no labels",
            "hint: choose data with the same classes",
        ],
    );
}
