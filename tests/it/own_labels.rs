//! Tests that the classes of a person's own data are those that occur, with their own names.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vae::data::FASHION_MNIST;
use vae::data::idx::image_header;

use crate::program::{read, run, unpack_card};

/// Writes 24 training images and 12 test images with these labels in turn.
fn write(folder: &Path, labels: &[u8], test_labels: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    for (prefix, count, labels) in [("train", 24, labels), ("t10k", 12, test_labels)] {
        let pixels: Vec<u8> = (0..count * 784).map(|i| (i % 251) as u8).collect();
        let images = [&image_header(count, 28, 28)[..], &pixels].concat();
        let all: Vec<u8> = labels
            .iter()
            .cycle()
            .take(count as usize)
            .copied()
            .collect();
        let labels = [&[0, 0, 8, 1][..], &count.to_be_bytes(), &all].concat();
        fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
}

fn train(place: &Path, data: &str, more: &[&str]) -> Vec<Value> {
    let set = format!("data.{data}=");
    let train = [
        "train", "-q", "--config", "mnist", "--data", "mine", "--epochs", "1",
    ];
    let small = ["--set", "model.mlp.hidden=[8]", "--set", &set];
    let run_folder = place.join(run(place, &[&train[..], &small, more].concat()).line());
    let classes = unpack_card(&run_folder.join("model.safetensors"))["classes"].clone();
    classes.as_array().unwrap().clone()
}

#[test]
fn classes_are_those_that_occur_with_their_own_names() {
    for (labels, names) in [
        (&[0, 1, 2][..], &["0", "1", "2"][..]),
        (&[3, 200], &["3", "200"]),
        (&[7], &["7"]),
    ] {
        for data in ["mnist", "fashion-mnist"] {
            let place = TempDir::new().unwrap();
            write(&place.path().join("mine"), labels, labels);
            assert_eq!(train(place.path(), data, &[]), names);
        }
    }
    // Ten classes of one's own are no articles of clothing.
    let place = TempDir::new().unwrap();
    let ten: Vec<u8> = (0..10).collect();
    write(&place.path().join("mine"), &ten, &ten);
    assert_eq!(train(place.path(), "fashion-mnist", &[])[7], "7");
}

#[test]
fn a_label_of_the_test_set_alone_is_named() {
    let place = TempDir::new().unwrap();
    write(&place.path().join("mine"), &[3, 200], &[3, 3, 4]);
    let train = ["train", "-q", "--config", "mnist", "--data", "mine"];
    run(place.path(), &train).failed(
        2,
        &[
            "error: mine/t10k-labels-idx1-ubyte: image 2 has the label 4, which no training image has; the training labels are 3, 200\n",
            "hint: the classes are those of the training set",
        ],
    );
}

#[test]
fn labels_and_not_names_are_listed_where_a_label_is_unknown() {
    let place = TempDir::new().unwrap();
    // These have the published names of Fashion-MNIST.
    let published = [&FASHION_MNIST.first_labels[..], &[6, 8, 1, 3]].concat();
    write(&place.path().join("mine"), &published, &[9, 12]);
    let train = ["train", "-q", "--config", "mnist", "--data", "mine"];
    let set = ["--set", "data.fashion-mnist="];
    run(place.path(), &[&train[..], &set].concat()).failed(
        2,
        &["image 1 has the label 12, which no training image has; the training labels are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"],
    );
}

#[test]
fn the_halves_of_a_sorted_training_set_hold_all_classes() {
    let place = TempDir::new().unwrap();
    let path = place.path();
    let sorted = [[3; 12], [200; 12]].concat();
    write(&path.join("mine"), &sorted, &sorted);
    train(path, "mnist", &[]);
    for choice in [&["--n", "24"][..], &["--n", "1000"], &["--first", "24"]] {
        let disentangle = ["disentangle", "--json", "-q", "--split", "train"];
        let done = run(path, &[&disentangle[..], choice].concat());
        let found: Value = serde_json::from_str(done.line()).unwrap();
        let most = found["linear_probe_chance"].as_f64().unwrap();
        assert!((0.5..0.9).contains(&most), "{found}");
    }
}

#[test]
fn a_conditional_model_is_asked_for_a_class_by_its_name() {
    let place = TempDir::new().unwrap();
    let path = place.path();
    write(&path.join("mine"), &[3, 200], &[200, 3]);
    train(path, "mnist", &["--set", "condition.decoder=add"]);
    let sample = |label: &str| run(path, &["sample", "-q", "--n", "4", "--label", label]);
    for label in ["3", "200"] {
        assert_eq!(sample(label).line(), "runs/mnist-1/samples.png");
        assert!(!read(path, "runs/mnist-1/samples.png").is_empty());
    }
    // There is no class 1, although there are two classes.
    for label in ["0", "1", "201"] {
        sample(label).failed(2, &[&format!("--label {label}: no such class"), "hint: "]);
    }
    assert_eq!(run(path, &["embed", "-q"]).code, Some(0));
    let table = fs::read_to_string(path.join("runs/mnist-1/latents.csv")).unwrap();
    let lines: Vec<&str> = table.lines().skip(1).take(2).collect();
    assert!(
        lines[0].starts_with("0,200,") && lines[1].starts_with("1,3,"),
        "{lines:?}"
    );
}
