//! Tests that a set too large for memory, which is read from the cache by position, gives the same bytes whatever happens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::own_arrays::npy;
use crate::program::{Done, files, read, run, vae};

/// The height and the width of the images, and their number: more than 128 MiB are trained on.
const SIDE: usize = 256;
const COUNT: usize = 2500;

/// The most bytes of a split that are kept in memory.
const IN_MEMORY: u64 = 128 << 20;

const CONFIG: &str = "\
[data.images]
size = [256, 256]
channels = 1
fit = \"crop\"
[model.mlp]
latent = 2
hidden = [4]
[likelihood.bernoulli]
[objective.elbo]
[optimizer.adam]
[train]
epochs = 4
batch = 128
learning_rate = 1e-3
";

fn with_large_set() -> TempDir {
    let place = TempDir::new().unwrap();
    let values: Vec<u8> = (0..COUNT * SIDE * SIDE)
        .map(|at| {
            let (image, pixel) = (at / (SIDE * SIDE), at % (SIDE * SIDE));
            ((pixel * (1 + image % 7) / 300 + image) % 251) as u8
        })
        .collect();
    let array = npy("|u1", &[COUNT, SIDE, SIDE], &values);
    fs::write(place.path().join("large.npy"), array).unwrap();
    fs::write(place.path().join("large.toml"), CONFIG).unwrap();
    place
}

fn arguments<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let train = [
        "train",
        "-q",
        "--config",
        "large.toml",
        "--data",
        "large.npy",
    ];
    [&train[..], &["--name", name], more].concat()
}

fn model(place: &Path, name: &str) -> Vec<u8> {
    read(place, &format!("runs/{name}/model.safetensors"))
}

/// Returns the only file of fitted images.
fn pixels(place: &Path) -> PathBuf {
    let cache = place.join(".cache/vae/images");
    let all = files(&cache);
    let mut found = all.iter().filter(|file| file.ends_with("pixels"));
    let only = found.next().unwrap();
    assert_eq!(found.next(), None);
    cache.join(only)
}

/// Starts a training and kills it after its first epoch.
fn kill_after_an_epoch(place: &Path, name: &str) {
    let mut child = vae(place, &arguments(name, &[])).spawn().unwrap();
    let run = place.join("runs").join(name);
    let began = Instant::now();
    let is_there = |file: &str| run.join(file).exists();
    while !(is_there("state.safetensors") && is_there("model.safetensors")) {
        assert!(began.elapsed() < Duration::from_secs(120), "no epoch ended");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.code, None, "the training was killed: {}", done.err);
}

#[test]
fn a_set_read_by_position_gives_the_same_bytes_with_threads_a_kill_and_a_cut_cache() {
    let place = with_large_set();
    let place = place.path();
    run(place, &arguments("one", &["--threads", "1"])).line();
    let whole = fs::metadata(pixels(place)).unwrap().len();
    assert_eq!(whole, (COUNT * SIDE * SIDE) as u64);
    let looked = run(place, &["data", "large.npy", "--size", "256", "--json"]);
    let report: Value = serde_json::from_str(&looked.out).unwrap();
    let trained_on = report["train"].as_u64().unwrap() + report["validation"].as_u64().unwrap();
    assert!(
        trained_on * (SIDE * SIDE) as u64 > IN_MEMORY,
        "{trained_on} images fit into memory"
    );
    let expected = model(place, "one");
    run(place, &arguments("two", &["--threads", "2"])).line();
    assert!(expected == model(place, "two"), "with two threads");
    kill_after_an_epoch(place, "killed");
    assert!(expected != model(place, "killed"), "epochs were left");
    let cut = File::options().write(true).open(pixels(place)).unwrap();
    cut.set_len(whole / 2).unwrap();
    run(place, &["train", "-q", "--resume", "killed"]).line();
    assert!(expected == model(place, "killed"), "after a kill and a cut");
    assert_eq!(fs::metadata(pixels(place)).unwrap().len(), whole);
}
