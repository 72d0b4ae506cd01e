//! Tests that a folder of data that the user named is the only place that is read, and that a model is not measured on
//! other data than it was trained on unless that is asked for.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Done, run, vae, write_idx};

const MNIST: [&str; 8] = [
    "train",
    "-q",
    "--config",
    "mnist",
    "--epochs",
    "1",
    "--set",
    "model.mlp.hidden=[8]",
];

/// Every command that reads the data of a trained model.
const READERS: [&[&str]; 9] = [
    &["eval", "--no-reconstruction"],
    &["doctor"],
    &["disentangle"],
    &["embed"],
    &["reconstruct"],
    &["traverse"],
    &["interpolate", "--from", "#0", "--to", "#1"],
    &["sample", "--box"],
    &["sample", "--from", "mixture:2"],
];

/// Returns a folder with data in `mine` and in `data/mnist`, where it is looked for without a name, and a mirror that
/// does not answer.
fn with_two_data_sets() -> TempDir {
    let place = TempDir::new().unwrap();
    write_idx(&place.path().join("mine"), 1);
    write_idx(&place.path().join("data/mnist"), 2);
    place
}

fn offline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = vae(folder, arguments);
    command.env("VAE_MIRROR", "http://127.0.0.1:9/");
    command
}

fn done(mut command: Command) -> Done {
    Done::of(command.output().unwrap())
}

#[test]
fn a_named_folder_that_is_gone_is_an_error_and_no_other_place_is_read() {
    let place = with_two_data_sets();
    let path = place.path();
    // A training.
    done(offline(path, &[&MNIST[..], &["--data", "gone"]].concat())).failed(
        2,
        &[
            "error: gone: no such folder; --data names it\n",
            "hint: `--data` takes the folder that holds the four files",
        ],
    );
    let by_environment = |folder: &str, arguments: &[&str]| {
        let mut command = offline(path, arguments);
        command.env("VAE_DATA", folder);
        done(command)
    };
    by_environment("gone", &MNIST).failed(
        2,
        &[
            "error: gone: no such folder; $VAE_DATA names it\n",
            "hint: set VAE_DATA to the folder that holds the four files, or pass `--data DIR`; unset it to",
        ],
    );
    // A folder that is there and does not hold the data is no reason to look elsewhere either.
    fs::create_dir(path.join("empty")).unwrap();
    by_environment("empty", &MNIST).failed(2, &["error: empty: ", "$VAE_DATA names", "looked in"]);
    let binarized = by_environment("empty", &["train", "-q", "--set", "data.binarized-mnist="]);
    binarized.failed(2, &["error: empty: binarised MNIST", "$VAE_DATA names"]);
    assert!(!path.join("runs").exists());
    // The flag goes before the variable.
    let mut command = offline(path, &[&MNIST[..], &["--data", "mine"]].concat());
    let trained = done({
        command.env("VAE_DATA", "gone");
        command
    });
    assert_eq!(trained.line(), "runs/mnist-1");
    // The folder that a run remembers goes before the variable, too.
    assert_eq!(by_environment("gone", &["eval", "-q"]).code, Some(0));
    fs::rename(path.join("mine"), path.join("moved")).unwrap();
    let resume = ["train", "--epochs", "2", "--resume"];
    for arguments in READERS.into_iter().chain([&resume[..]]) {
        done(offline(path, arguments)).failed(
            2,
            &[
                "/mine: no such folder; runs/mnist-1/about.json names it\n",
                "hint: the training read its data there: pass `--data DIR` with the folder that holds the four files now",
            ],
        );
        let moved = done(offline(
            path,
            &[arguments, &["--data", "moved", "-q"]].concat(),
        ));
        assert_eq!(moved.code, Some(0), "{arguments:?}: {}", moved.err);
    }
    // A damaged about.json does not send the program elsewhere.
    fs::write(path.join("runs/mnist-1/about.json"), "{").unwrap();
    done(offline(path, &["eval"])).failed(2, &["error: runs/mnist-1/about.json: ", "hint: "]);
}

#[test]
fn a_model_is_measured_on_other_data_only_if_that_is_asked_for() {
    let place = with_two_data_sets();
    let path = place.path();
    let trained = run(path, &[&MNIST[..], &["--data", "mine"]].concat());
    assert_eq!(trained.line(), "runs/mnist-1");
    let hash_of = |arguments: &[&str]| -> Value {
        serde_json::from_str(run(path, &[arguments, &["-q", "--json"]].concat()).line()).unwrap()
    };
    let own = hash_of(&["eval"]);
    let other = hash_of(&["eval", "--data", "data", "--other-data"]);
    assert_eq!(
        (&own["other_data"], &other["other_data"]),
        (&false.into(), &true.into())
    );
    let [own, other] = [own, other].map(|report| report["data_hash"].as_str().unwrap().to_owned());
    assert_ne!(own, other);
    for arguments in READERS {
        let with = |flags: &[&str]| run(path, &[arguments, &["--data", "data"], flags].concat());
        with(&[]).failed(
            2,
            &[
                "error: data/mnist: this is not the data that the model was trained on: ",
                &format!("expected {own}, then in {}", path.display()),
                &format!("/mine, found {other}\n"),
                "hint: pass `--data DIR` with the folder of the training's data, or `--other-data`",
            ],
        );
        let allowed = with(&["--other-data"]);
        assert_eq!(allowed.code, Some(0), "{arguments:?}: {}", allowed.err);
        assert!(
            allowed
                .err
                .contains("note: this is not the data that the model was trained on"),
            "{}",
            allowed.err
        );
        if ["eval", "doctor", "disentangle"].contains(&arguments[0]) {
            let words = "mnist test (not the data that the model was trained on), ";
            assert!(allowed.out.contains(words), "{}", allowed.out);
        }
    }
    // Nothing is read, so nothing can be other data.
    run(path, &["sample", "--other-data"])
        .failed(2, &["--other-data: no data set is read without --box"]);
    run(path, &["sample", "--data", "mine"])
        .failed(2, &["--data mine: no data set is read without --box"]);
}
