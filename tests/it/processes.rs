//! Shards of a batch on one process, and what a binary without MPI does among several. `tests/mpi.py` starts several.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vae::run::{Record, read_metrics};

use crate::program::{Done, run};

fn train(place: &Path, name: &str, more: &[&str]) -> Done {
    let mut words = vec!["train", "-q", "--config", "smoke", "--name", name];
    words.extend(more);
    run(place, &words)
}

fn model(place: &Path, name: &str) -> Vec<u8> {
    fs::read(place.join("runs").join(name).join("model.safetensors")).unwrap()
}

fn loss(place: &Path, name: &str) -> f64 {
    let path = place.join("runs").join(name).join("metrics.jsonl");
    let records: Vec<Record> = read_metrics(&path).unwrap();
    let last = records.iter().rfind(|record| record.split == "train");
    last.and_then(|record| record.loss).unwrap()
}

#[test]
fn shards_change_a_training_by_rounding_alone() {
    let place = TempDir::new().unwrap();
    let place = place.path();
    // The last batch has 8 images, fewer than the shards: some of them are empty.
    let base = ["--epochs", "2", "--set", "train.batch=62"];
    train(place, "whole", &base).line();
    let sharded = [&base[..], &["--set", "train.shards=16"]].concat();
    train(place, "sharded", &sharded).line();
    train(
        place,
        "again",
        &[&sharded[..], &["--threads", "1"]].concat(),
    )
    .line();
    assert_eq!(model(place, "sharded"), model(place, "again"));
    assert_ne!(model(place, "whole"), model(place, "sharded"));
    let [whole, sharded] = ["whole", "sharded"].map(|name| loss(place, name));
    assert!(
        (whole - sharded).abs() < 1e-4 * whole,
        "{whole} and {sharded}"
    );
}

#[test]
fn the_last_batch_may_have_one_image() {
    let place = TempDir::new().unwrap();
    let place = place.path();
    // 1000 images are 27 batches of 37 and one of 1, which is one shard and an empty one.
    let base = ["--epochs", "2", "--set", "train.batch=37"];
    train(place, "whole", &base).line();
    train(
        place,
        "two",
        &[&base[..], &["--set", "train.shards=2"]].concat(),
    )
    .line();
    let [whole, two] = ["whole", "two"].map(|name| loss(place, name));
    assert!((whole - two).abs() < 1e-4 * whole, "{whole} and {two}");
}

#[test]
fn a_batch_that_counts_as_a_whole_is_not_cut() {
    let place = TempDir::new().unwrap();
    for (set, part) in [
        ("objective.beta-tc=", "objective.beta-tc"),
        ("objective.elbo.free_bits=0.1", "objective.elbo"),
    ] {
        train(
            place.path(),
            "a",
            &["--set", "train.shards=2", "--set", set],
        )
        .failed(
            2,
            &[
                part,
                "looks at a batch as a whole",
                "hint: leave train.shards out",
            ],
        );
    }
    train(place.path(), "a", &["--set", "train.shards=3"])
        .failed(2, &["power of two", "hint: take 4"]);
    let too_many = ["--set", "train.shards=16", "--set", "train.batch=12"];
    train(place.path(), "a", &too_many).failed(
        2,
        &["more than train.batch = 12", "hint: take at most 8 shards"],
    );
}

#[test]
fn the_time_limit_saves_and_stops_and_the_run_goes_on_exactly() {
    let place = TempDir::new().unwrap();
    let place = place.path();
    train(place, "whole", &["--epochs", "2"]).line();
    let stopped = train(place, "limited", &["--epochs", "2", "--time-limit", "1ms"]);
    stopped.failed(
        130,
        &["stopped at epoch 1, step 1; saved", "vae train --resume"],
    );
    run(place, &["train", "-q", "--resume", "limited"]).line();
    assert_eq!(model(place, "whole"), model(place, "limited"));
    train(place, "a", &["--time-limit", "soon"]).failed(2, &["--time-limit"]);
}

#[cfg(not(feature = "mpi"))]
#[test]
fn a_copy_among_several_does_not_train_without_mpi() {
    use crate::program::vae;

    let place = TempDir::new().unwrap();
    for (variable, launcher) in [
        ("OMPI_COMM_WORLD_SIZE", "mpirun"),
        ("SLURM_STEP_NUM_TASKS", "srun"),
    ] {
        let copy = |more: &[(&str, &str)]| {
            let words = ["train", "-q", "--config", "smoke", "--epochs", "1"];
            let mut command = vae(place.path(), &words);
            command.env(variable, "4").envs(more.iter().copied());
            Done::of(command.output().unwrap())
        };
        let what = format!("{launcher} started 4 processes of this program");
        copy(&[]).failed(2, &[&what, "cargo build --release --features mpi"]);
        copy(&[("VAE_MPI", "off")]).line();
    }
}
