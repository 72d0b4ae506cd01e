//! Tests the choice of the processor's vector instructions and of the number of threads, through the binary: it depends on
//! the machine and on the environment, and a process makes it once.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Done, vae};

/// Trains a few steps on few images, with a dense network.
const DENSE: [&str; 11] = [
    "train",
    "-q",
    "--config",
    "smoke",
    "--set",
    "data.digits.train=150",
    "--set",
    "data.digits.test=20",
    "--epochs",
    "1",
    "--device=cpu",
];

/// The same with every kernel of the convolutions.
const CONVOLUTIONAL: [&str; 5] = [
    "train",
    "-q",
    "--config",
    concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/convolutions.toml"),
    "--device=cpu",
];

/// Runs the program with `set` in `VAE_SIMD`; an empty one asks for nothing.
fn with(set: &str, folder: &Path, arguments: &[&str]) -> Done {
    let mut command = vae(folder, arguments);
    Done::of(command.env("VAE_SIMD", set).output().unwrap())
}

/// Returns the report of `vae devices` as JSON.
fn devices(set: &str, folder: &Path) -> Value {
    let done = with(set, folder, &["devices", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// Returns the bytes of the model that a training with the instructions `set` writes.
fn trained(set: &str, arguments: &[&str]) -> Vec<u8> {
    let place = TempDir::new().unwrap();
    let run = place.path().join(with(set, place.path(), arguments).line());
    let about: Value = serde_json::from_slice(&fs::read(run.join("about.json")).unwrap()).unwrap();
    assert_eq!(about["instruction_set"], set);
    fs::read(run.join("model.safetensors")).unwrap()
}

#[test]
fn a_training_gives_the_same_bytes_with_avx2_and_with_avx512() {
    let place = TempDir::new().unwrap();
    let widest = devices("", place.path())["widest_instruction_set"].clone();
    if widest != "avx512" {
        eprintln!("skipped: this machine has no AVX-512, only {widest}");
        return;
    }
    for arguments in [&DENSE[..], &CONVOLUTIONAL] {
        assert!(
            trained("avx2", arguments) == trained("avx512", arguments),
            "{arguments:?}"
        );
    }
}

/// The kernels can be switched off, to measure them and to check them on a whole training.
#[test]
fn burns_own_operations_train_to_the_same_loss() {
    let loss = |set: &str| {
        let place = TempDir::new().unwrap();
        let run = place.path().join(with(set, place.path(), &DENSE).line());
        let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let first: Value = serde_json::from_str(metrics.lines().next().unwrap()).unwrap();
        (
            first["loss"].as_f64().unwrap(),
            fs::read(run.join("model.safetensors")).unwrap(),
        )
    };
    let ((plain, plain_model), (fast, fast_model)) = (loss("plain"), loss(""));
    assert!((plain - fast).abs() < 1e-4 * fast.abs(), "{plain}, {fast}");
    // Other sums round otherwise, so the same bytes would mean that the same code ran.
    assert!(plain_model != fast_model);
}

#[test]
fn devices_says_which_instructions_the_kernels_use_and_why() {
    let place = TempDir::new().unwrap();
    let free = devices("", place.path());
    let widest = free["widest_instruction_set"].as_str().unwrap();
    assert_eq!(free["instruction_set"][0]["name"], widest);
    let plain = devices("plain", place.path());
    assert_eq!(plain["instruction_set"][0]["name"], "plain");
    let scalar = devices("scalar", place.path());
    assert_eq!(scalar["widest_instruction_set"], widest);
    assert_eq!(scalar["instruction_set"][0]["name"], "scalar");
    let reason = scalar["instruction_set"][0]["about"].as_str().unwrap();
    assert!(reason.contains("scalar code"), "{reason}");
    assert!(
        widest == "scalar" || reason.contains("because VAE_SIMD=scalar is set; the widest of"),
        "{reason}"
    );
}

#[test]
fn instructions_that_cannot_be_used_are_a_wrong_request_of_every_command() {
    let place = TempDir::new().unwrap();
    // No machine has both.
    let missing = if cfg!(target_arch = "aarch64") {
        "avx2"
    } else {
        "neon"
    };
    for command in [&["devices"][..], &["list"], &DENSE] {
        with("avx1024", place.path(), command).failed(
            2,
            &["error: VAE_SIMD=avx1024: not known; expected an instruction set (scalar, avx2, avx512, neon), or plain for burn's own operations\nhint: "],
        );
        let error = format!("error: VAE_SIMD={missing}: this processor does not have it; ");
        with(missing, place.path(), command).failed(2, &[&error, "\nhint: without VAE_SIMD "]);
    }
    assert!(!place.path().join("runs").exists());
}

/// More threads than cores would only wait for each other.
#[test]
fn there_are_at_most_as_many_threads_as_cores() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let place = TempDir::new().unwrap();
    let mut command = vae(place.path(), &DENSE);
    let done = Done::of(command.env("RAYON_NUM_THREADS", "1000").output().unwrap());
    let run = place.path().join(done.line());
    let about: Value = serde_json::from_slice(&fs::read(run.join("about.json")).unwrap()).unwrap();
    assert_eq!(about["threads"], cores);
    let done = with("", place.path(), &["list", "--threads", "1000"]);
    let note = format!("note: --threads 1000: this process may use {cores} core");
    assert!(done.err.starts_with(&note), "{}", done.err);
}
