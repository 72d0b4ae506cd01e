//! Tests errors from the command line: the exit code, the message, and that no data is lost.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use vae::model::unpack;

use crate::program::{
    self, Done, MODEL, SMOKE, edited, files, read, run, timeless, train, vae, with_smoke_run,
    write_idx,
};

#[test]
fn a_run_without_labels_has_no_classes_to_name() {
    let place = with_smoke_run();
    edited(place.path(), |card, _| card["classes"] = json!([]));
    let done = run(
        place.path(),
        &["interpolate", "-q", "--from", "3", "--to", "8"],
    );
    done.failed(
        2,
        &[
            "--from 3: no such class",
            "hint: this run's data has no labels",
            "pass `#12` for a test image",
        ],
    );
    assert_eq!(
        run(
            place.path(),
            &[
                "interpolate",
                "-q",
                "--from",
                "#3",
                "--to",
                "#8",
                "--out",
                "a.png"
            ]
        )
        .line(),
        "a.png"
    );
}

#[test]
fn a_model_file_that_cannot_be_used_says_why() {
    let fails = |change: &dyn Fn(&Path), pass: &[&str]| {
        let place = with_smoke_run();
        change(place.path());
        for command in [
            &["eval", MODEL][..],
            &["sample", "smoke-1"],
            &["reconstruct", "-q"],
        ] {
            let done = run(place.path(), command);
            done.failed(2, pass);
            assert!(done.err.contains("model.safetensors: "), "{}", done.err);
        }
        assert_eq!(files(place.path()).len(), 11, "nothing is written");
    };
    let bytes = |change: &'static dyn Fn(Vec<u8>) -> Vec<u8>| {
        move |folder: &Path| fs::write(folder.join(MODEL), change(read(folder, MODEL))).unwrap()
    };
    let not_ours = "hint: expected a file that `vae train` wrote";
    fails(
        &bytes(&|_| Vec::new()),
        &["not a safetensors file, or a damaged one", not_ours],
    );
    fails(
        &bytes(&|_| b"garbage".repeat(100)),
        &["not a safetensors file, or a damaged one", not_ours],
    );
    fails(
        &bytes(&|bytes| bytes[..1000].to_vec()),
        &["not a safetensors file, or a damaged one", not_ours],
    );
    fails(
        &bytes(&|bytes| bytes[..bytes.len() - 1].to_vec()),
        &["not a safetensors file, or a damaged one", not_ours],
    );
    fails(
        &bytes(&|bytes| [bytes, vec![0]].concat()),
        &["not a safetensors file, or a damaged one", not_ours],
    );
    fails(
        &bytes(&|_| {
            safetensors::serialize::<&str, safetensors::tensor::TensorView<'_>, _>([], None)
                .unwrap()
        }),
        &["its metadata has no `vae` entry", not_ours],
    );
    let card = |change: &'static dyn Fn(&mut Value)| {
        move |folder: &Path| edited(folder, |card, _| change(card))
    };
    fails(
        &card(&|card| card["format_version"] = json!(99)),
        &[
            "written in version 99 of the format; this program reads version 2",
            "hint: train it again",
        ],
    );
    fails(
        &card(&|card| *card = json!("words")),
        &["its metadata cannot be read", not_ours],
    );
    fails(
        &card(&|card| card["classes"] = json!(3)),
        &["its metadata cannot be read", not_ours],
    );
    fails(
        &card(&|card| card["config"] = json!("seed = 1")),
        &["has no data; expected a table"],
    );
    fails(
        &card(&|card| card["image_shape"] = json!([1, 28, 27])),
        &["do not fit its config", "encoder.0.weight"],
    );
    fails(
        &card(&|card| card["image_shape"] = json!([2, 28, 28])),
        &["no image is 2x28x28"],
    );
    fails(
        &card(&|card| card["image_shape"] = json!([1, 0, 28])),
        &["no image is 1x0x28"],
    );
    fails(
        &card(&|card| card["image_shape"] = json!([1, 4_294_967_296_u64, 4_294_967_296_u64])),
        &["no image is"],
    );
    let config = |from: &'static str, to: &'static str| {
        move |folder: &Path| {
            edited(folder, |card, _| {
                card["config"] = json!(card["config"].as_str().unwrap().replace(from, to))
            });
        }
    };
    let changed = "hint: the file is damaged, or was changed by hand";
    fails(
        &config("latent = 8", "latent = 9"),
        &[
            "its weights do not fit its config: the tensor `mean.weight`",
            changed,
        ],
    );
    fails(
        &config("latent = 8", "latent = 99999999999"),
        &["its weights do not fit its config", changed],
    );
    fails(
        &|folder| {
            edited(folder, |_, tensors| {
                tensors.retain(|tensor| tensor.name != "decoder.1.bias")
            })
        },
        &[
            "its weights do not fit its config: the tensor `decoder.1.bias` is missing",
            changed,
        ],
    );
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let place = with_smoke_run();
    fs::create_dir(place.path().join("way.png")).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let choose = "hint: choose a place that you may write to";
    for (out, pass) in [
        (
            "way.png",
            &["way.png: this is a folder, and a file was to be written there"][..],
        ),
        (
            "file/way.png",
            &[
                "file/way.png: cannot be written: file is not a folder",
                choose,
            ],
        ),
        (
            "/proc/way.png",
            &["/proc/way.png: cannot be written", choose],
        ),
        (
            "/proc/new/way.png",
            &["/proc/new: cannot be written", choose],
        ),
    ] {
        run(place.path(), &["sample", "-q", "--out", out]).failed(2, pass);
        run(place.path(), &["reconstruct", "-q", "--out", out]).failed(2, pass);
        run(
            place.path(),
            &[
                "interpolate",
                "-q",
                "--from",
                "3",
                "--to",
                "8",
                "--out",
                out,
            ],
        )
        .failed(2, pass);
    }
    train(place.path(), &["-q", "--out", "/proc"])
        .failed(2, &["/proc/smoke-1: cannot be written", choose]);
    let in_the_way = "hint: a file is in the way";
    for out in ["file", "file/runs"] {
        train(place.path(), &["-q", "--out", out]).failed(2, &["cannot be written", in_the_way]);
    }
    assert_eq!(files(place.path()).len(), 12, "{:?}", files(place.path()));
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let place = with_smoke_run();
    let full = |arguments: &[&str]| {
        Done::of(
            program::vae_on_a_full_disk(place.path(), arguments)
                .output()
                .unwrap(),
        )
    };
    let hint =
        "hint: make room on that disk, or write elsewhere; what was saved before is untouched";
    full(&["sample", "-q", "--out", "grid.png"])
        .failed(1, &["grid.png: cannot be written: ", hint]);
    let folder = place.path().join("runs/smoke-1");
    let before = [
        read(&folder, "model.safetensors"),
        read(&folder, "state.safetensors"),
    ];
    full(&["train", "-q", "--resume", "--epochs", "3"])
        .failed(1, &[".safetensors: cannot be written: ", hint]);
    assert!(
        [
            read(&folder, "model.safetensors"),
            read(&folder, "state.safetensors")
        ] == before
    );
    full(&["train", "-q", "--config", "smoke"]).failed(
        1,
        &["runs/smoke-2/state.safetensors: cannot be written: ", hint],
    );
    assert!(
        files(place.path())
            .iter()
            .all(|name| !name.contains("partial")),
        "{:?}",
        files(place.path())
    );
    // With free space again, both continue as if nothing had happened.
    assert_eq!(
        run(
            place.path(),
            &["train", "-q", "--resume", "smoke-1", "--epochs", "3"]
        )
        .line(),
        "runs/smoke-1"
    );
    assert_eq!(
        run(
            place.path(),
            &["train", "-q", "--resume", "smoke-2", "--epochs", "3"]
        )
        .line(),
        "runs/smoke-2"
    );
    let second = place.path().join("runs/smoke-2");
    assert_eq!(timeless(&folder), timeless(&second));
    assert!(read(&folder, "model.safetensors") == read(&second, "model.safetensors"));
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let place = with_smoke_run();
    for command in [
        &["list"][..],
        &["config"],
        &["eval", "--json", "-q"],
        &["train", "-q", "--resume"],
    ] {
        let output = vae(place.path(), command)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        Done::of(output).failed(1, &["the result cannot be written to stdout: "]);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = TempDir::new().unwrap();
    let mut child = vae(place.path(), &["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(
        (done.code, done.err.as_str()),
        (Some(0), "next: vae train --config digits\n")
    );
    let mut child = vae(place.path(), &["list"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert_eq!(
        (first.as_str(), child.wait().unwrap().code()),
        ("presets:\n", Some(0))
    );
}

#[test]
fn a_closed_stderr_is_no_error() {
    let place = TempDir::new().unwrap();
    let mut child = vae(place.path(), &[&SMOKE[..], &["--epochs", "1"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(
        (out.as_str(), child.wait().unwrap().code()),
        ("runs/smoke-1\n", Some(0))
    );
}

#[test]
fn training_that_breaks_says_where_and_keeps_the_last_good_state() {
    let lower_rate = ": vae train --resume runs/smoke-1 --set train.learning_rate=";
    let lower_weight =
        "hint: lower the weight of the KL, which is 1e300 (`--set objective.elbo.beta=1`)";
    for (sets, pass) in [
        // The loss breaks in the middle of an epoch.
        (
            &["train.learning_rate=1e12"][..],
            &[
                "training broke at step 2 (epoch 1), learning rate 1000000000000.0: ",
                "the loss is not a number",
            ][..],
        ),
        // The loss is infinite at the very first step.
        (
            &["objective.elbo.beta=1e300"],
            &["training broke at step 1 (epoch 1)", "the loss is infinite"],
        ),
        // The last update of an epoch leaves finite weights with which nothing can be measured.
        (
            &["train.learning_rate=1e12", "train.batch=1000"],
            &[
                "training broke at step 1 (epoch 1)",
                "the test reconstruction is ",
                "the test KL is infinite",
            ],
        ),
        // The last update of an epoch leaves infinite weights.
        (
            &["train.learning_rate=1e39", "train.batch=1000"],
            &[
                "training broke at step 1 (epoch 1)",
                "the update makes `encoder.0.weight` NaN or infinite",
            ],
        ),
    ] {
        let place = TempDir::new().unwrap();
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        let done = train(place.path(), &[&["-q"], &sets[..]].concat());
        let lower = match sets[1].starts_with("objective") {
            true => lower_weight,
            false => lower_rate,
        };
        done.failed(1, &[pass, &[lower, "the last good state is kept"]].concat());
        let folder = place.path().join("runs/smoke-1");
        assert_eq!(
            files(&folder),
            [
                "about.json",
                "config.toml",
                "metrics.jsonl",
                "state.safetensors"
            ]
        );
        assert_eq!(read(&folder, "metrics.jsonl"), b"");
        let state = read(&folder, "state.safetensors");
        let (_, tensors) = unpack::<Value>(&folder, &state).unwrap();
        assert!(
            tensors
                .iter()
                .all(|tensor| tensor.values.iter().all(|value| value.is_finite()))
        );
        // Nothing has changed, so training breaks again in the same way.
        let again = run(place.path(), &["train", "-q", "--resume"]);
        assert_eq!((again.code, again.err), (done.code, done.err));
        run(place.path(), &["sample"]).failed(
            2,
            &[
                "this run has no model yet",
                "hint: train on: vae train --resume",
            ],
        );
    }
}

#[test]
fn a_later_break_keeps_the_epochs_before_it() {
    let place = TempDir::new().unwrap();
    // The learning rate jumps in the second epoch.
    let sets = [
        "--set",
        "schedule.step.every=1",
        "--set",
        "schedule.step.factor=1",
        "--set",
        "objective.elbo.beta=1e38",
    ];
    let warm = [
        "--set",
        "objective.elbo.warmup=1e6",
        "--set",
        "train.learning_rate=0.2",
        "--epochs",
        "50",
    ];
    let done = train(place.path(), &[&["-q"], &sets[..], &warm].concat());
    done.failed(1, &["training broke at step ", "hint: "]);
    let folder = place.path().join("runs/smoke-1");
    let (state, tensors) = unpack::<Value>(&folder, &read(&folder, "state.safetensors")).unwrap();
    assert!(
        tensors
            .iter()
            .all(|tensor| tensor.values.iter().all(|value| value.is_finite()))
    );
    assert_eq!(
        state["metrics_length"].as_u64().unwrap(),
        read(&folder, "metrics.jsonl").len() as u64
    );
}

const MNIST: [&str; 4] = ["train", "-q", "--config", "mnist"];
const QUICK: [&str; 4] = ["--epochs", "1", "--set", "model.mlp.hidden=[8]"];

#[test]
fn data_in_files_is_found_and_used() {
    let place = TempDir::new().unwrap();
    write_idx(&place.path().join("mine"), 1);
    let done = run(
        place.path(),
        &[&MNIST[..], &QUICK, &["--data", "mine"]].concat(),
    );
    assert_eq!((done.line(), done.err.as_str()), ("runs/mnist-1", ""));
    let eval = run(place.path(), &["eval", "--json", "-q", "--data", "mine"]);
    let found: Value = serde_json::from_str(eval.line()).unwrap();
    assert_eq!(
        (&found["data"], &found["images"]),
        (&json!("mnist"), &json!(30))
    );
    // The data can also be in $VAE_DATA or data/.
    let by_environment = vae(place.path(), &["eval", "-q", "--json"])
        .env("VAE_DATA", "mine")
        .output()
        .unwrap();
    assert_eq!(Done::of(by_environment).line(), eval.line());
    write_idx(&place.path().join("data/mnist"), 1);
    assert_eq!(
        run(place.path(), &["eval", "-q", "--json"]).line(),
        eval.line()
    );
}

#[test]
fn data_files_that_are_wrong_are_named() {
    let damaged = "hint: the file was cut short or damaged on its way: get it again";
    let train_images = "train-images-idx3-ubyte";
    let train_labels = "train-labels-idx1-ubyte";
    let fails = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, pass: &[&str]| {
        let place = TempDir::new().unwrap();
        let data = place.path().join("mine");
        write_idx(&data, 1);
        fs::write(data.join(name), change(read(&data, name))).unwrap();
        let done = run(place.path(), &[&MNIST[..], &["--data", "mine"]].concat());
        done.failed(2, pass);
        assert!(
            done.err.starts_with(&format!("error: mine/{name}: ")),
            "{}",
            done.err
        );
        assert!(!place.path().join("runs").exists());
    };
    fails(
        train_images,
        &|bytes| bytes[..5000].to_vec(),
        &["60 images of 28 x 28, 47040 bytes, found 4984", damaged],
    );
    fails(
        train_images,
        &|_| Vec::new(),
        &["found an empty file", damaged],
    );
    fails(
        train_images,
        &|mut bytes| {
            bytes[2] = 9;
            bytes
        },
        &["magic 0x00000803", "an IDX file of type 0x09"],
    );
    fails(
        train_images,
        &|_| b"<html>sign in</html>".to_vec(),
        &["a web page", "download it again"],
    );
    fails(
        train_images,
        &|bytes| [bytes, vec![1]].concat(),
        &["and then nothing, found more after byte 47056"],
    );
    fails(
        train_images,
        &|_| vec![0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8],
        &["the gzip "],
    );
    fails(
        train_labels,
        &|_| [&[0, 0, 8, 1, 0, 0, 0, 59][..], &[1; 59]].concat(),
        &[
            "expected 60 labels, one for each image in mine/train-images-idx3-ubyte, found 59",
            "hint: images and labels have to come from one data set",
        ],
    );
    fails(
        train_labels,
        &|_| vec![0, 0, 8, 3, 0, 0],
        &["found images", "have each other's name: exchange them"],
    );
    fails(
        "t10k-images-idx3-ubyte",
        &|_| {
            [
                &vae::data::idx::image_header(30, 14, 14)[..],
                &[0; 30 * 196],
            ]
            .concat()
        },
        &["expected images of 28 x 28, as in mine/train-images-idx3-ubyte, found 14 x 14"],
    );
}

#[test]
fn data_that_is_nowhere_says_where_it_was_looked_for() {
    let place = TempDir::new().unwrap();
    let mut command = vae(place.path(), &MNIST);
    let done = Done::of(
        command
            .env("VAE_MIRROR", "http://127.0.0.1:9/")
            .output()
            .unwrap(),
    );
    done.failed(2, &[
        "MNIST was not found; looked in",
        "for the four files\n  train-images-idx3-ubyte, ",
        "  data/mnist: no such folder\n",
        ".cache/vae/mnist: ",
        "train-images-idx3-ubyte.gz could not be downloaded:",
        "http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz: ",
        "hint: put the four files in data/mnist/, or pass --data DIR or set VAE_DATA, or run once where there is a network",
    ]);
    assert!(!place.path().join("runs").exists());
    assert_eq!(files(place.path()), [""; 0]);
}

#[test]
fn a_network_that_does_not_fit_files_of_another_size_is_refused_before_a_run_is_made() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("mine");
    write_idx(&data, 1);
    for (name, count) in [("train", 60), ("t10k", 30)] {
        let bytes = [
            &vae::data::idx::image_header(count, 14, 14)[..],
            &vec![9; count as usize * 196],
        ]
        .concat();
        fs::write(data.join(format!("{name}-images-idx3-ubyte")), bytes).unwrap();
    }
    let conv = run(
        place.path(),
        &["train", "-q", "--config", "mnist-conv", "--data", "mine"],
    );
    conv.failed(
        2,
        &[
            "the decoder's last layer gives 1x28x28, and the images are 1x14x14",
            "hint: ",
        ],
    );
    assert!(!place.path().join("runs").exists());
    assert_eq!(
        run(
            place.path(),
            &[&MNIST[..], &QUICK, &["--data", "mine"]].concat()
        )
        .line(),
        "runs/mnist-1"
    );
    assert_eq!(
        run(
            place.path(),
            &["sample", "-q", "--n", "1", "--out", "one.png"]
        )
        .line(),
        "one.png"
    );
    // The run remembers the folder of its data, which works as long as the files are there.
    assert_eq!(run(place.path(), &["eval", "-q"]).code, Some(0));
    assert_eq!(
        run(place.path(), &["train", "-q", "--resume", "--epochs", "2"]).line(),
        "runs/mnist-1"
    );
    fs::rename(&data, place.path().join("moved")).unwrap();
    run(place.path(), &["eval", "-q"]).failed(2, &["mine: no such folder"]);
    write_idx(&place.path().join("large"), 1);
    run(place.path(), &["eval", "-q", "--data", "large"])
        .failed(2, &["the model is for images of 1x14x14"]);
}

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let place = TempDir::new().unwrap();
    let mut first = vae(
        place.path(),
        &["train", "-q", "--config", "smoke", "--epochs", "100000"],
    )
    .spawn()
    .unwrap();
    let state = place.path().join("runs/smoke-1/state.safetensors");
    while !state.is_file() {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first training goes on"
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let second = run(place.path(), &["train", "-q", "--resume"]);
    first.kill().unwrap();
    first.wait().unwrap();
    second.failed(
        2,
        &[
            "runs/smoke-1: another process is training this run",
            "hint: ",
        ],
    );
}
