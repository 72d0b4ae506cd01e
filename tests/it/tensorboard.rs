//! Tests the events for TensorBoard by reading them back. `tests/tensorboard.py` does so with TensorBoard itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prost::Message;
use serde_json::Value as Json;
use vae::export::tensorboard::message::{Event, EventContent, Value};

use crate::program::{
    SMOKE, copy_folder, files, metrics, read, run, vae_in_a_shell, with_smoke_run,
};
use crate::tiny::with_tiny_runs;

/// Returns the events in a file, after checking every checksum.
fn events(path: &Path) -> Vec<Event> {
    let masked = |data: &[u8]| {
        crc32c::crc32c(data)
            .rotate_right(15)
            .wrapping_add(0xA282_EAD8)
            .to_le_bytes()
    };
    let (bytes, mut at, mut events) = (fs::read(path).unwrap(), 0, Vec::new());
    while at < bytes.len() {
        let length = &bytes[at..at + 8];
        assert_eq!(bytes[at + 8..at + 12], masked(length));
        let count = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let data = &bytes[at + 12..at + 12 + count];
        assert_eq!(bytes[at + 12 + count..at + 16 + count], masked(data));
        events.push(Event::decode(data).unwrap());
        at += 16 + count;
    }
    events
}

/// The values with their steps, by `split/tag`, without those that differ between two trainings that do the same.
type Log = BTreeMap<String, Vec<(i64, Value)>>;

/// Returns the values in a folder of events. Each file has to begin as TensorBoard expects.
fn log(folder: &Path) -> Log {
    let mut log = Log::new();
    for name in files(folder) {
        let split = name.split('/').next().unwrap();
        let mut events = events(&folder.join(&name)).into_iter();
        // An earlier log, which was replaced.
        if events.len() == 0 {
            continue;
        }
        let version = EventContent::FileVersion("brain.Event:2".to_owned());
        assert_eq!(events.next().unwrap().content, Some(version));
        assert!(matches!(
            events.next().unwrap().content,
            Some(EventContent::SessionLog(_))
        ));
        for event in events {
            let Some(EventContent::Summary(summary)) = event.content else {
                panic!("expected values");
            };
            assert!(event.wall_time > 1.7e9);
            for value in summary.values {
                if !["seconds", "images_per_second"].contains(&&*value.tag) {
                    let place = log.entry(format!("{split}/{}", value.tag)).or_default();
                    place.push((event.step, value.value.unwrap()));
                }
            }
        }
    }
    log
}

fn scalars(log: &Log, tag: &str) -> Vec<(i64, f32)> {
    let values = log[tag].iter().map(|(step, value)| match value {
        Value::Scalar(value) => (*step, *value),
        other => panic!("{tag}: {other:?}"),
    });
    values.collect()
}

#[test]
fn the_events_have_the_numbers_and_the_images_of_every_epoch() {
    let place = with_smoke_run();
    let done = run(place.path(), &["export", "smoke-1", "--to", "tensorboard"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let folder = place.path().join("runs/smoke-1");
    let printed: Vec<&str> = done.out.lines().collect();
    let found = files(&folder.join("tensorboard"));
    assert_eq!(
        printed,
        found
            .iter()
            .map(|name| format!("runs/smoke-1/tensorboard/{name}"))
            .collect::<Vec<_>>()
    );
    let log = log(&folder.join("tensorboard"));
    let records = metrics(&folder);
    for split in ["train", "test"] {
        let own: Vec<&Json> = records.iter().filter(|one| one["split"] == split).collect();
        for key in ["loss", "elbo", "reconstruction", "kl"] {
            let expected: Vec<(i64, f32)> = own
                .iter()
                .map(|one| {
                    let value = one[key].as_f64().unwrap();
                    (one["step"].as_i64().unwrap(), value as f32)
                })
                .collect();
            assert_eq!(scalars(&log, &format!("{split}/{key}")), expected, "{key}");
        }
    }
    assert_eq!(scalars(&log, "train/epoch"), [(16, 1.0), (32, 2.0)]);
    assert_eq!(
        scalars(&log, "train/learning_rate"),
        [(16, 0.002), (32, 0.002)]
    );
    for tag in ["samples", "reconstructions"] {
        for (epoch, (step, value)) in log[&format!("test/{tag}")].iter().enumerate() {
            let Value::Image(image) = value else {
                panic!("{tag}: {value:?}");
            };
            let name = format!("{tag}/epoch-{:04}.png", epoch + 1);
            assert_eq!(image.png, read(&folder, &name));
            assert_eq!((*step, image.channels), (16 * (epoch as i64 + 1), 1));
        }
    }
    for latent in 0..8 {
        let [(32, Value::Histogram(counts))] = &log[&format!("test/posterior_means/z{latent}")][..]
        else {
            panic!("expected one histogram of z{latent}");
        };
        assert_eq!(counts.bucket_counts.iter().sum::<f64>(), 200.0);
        assert_eq!(counts.count, 200.0);
    }
}

#[test]
fn a_training_that_was_stopped_and_goes_on_logs_what_an_unbroken_one_does() {
    let place = with_smoke_run();
    let train = |arguments: &[&str]| {
        let done = run(
            place.path(),
            &[&["train", "-q", "--log", "tensorboard"], arguments].concat(),
        );
        assert_eq!(done.code, Some(0), "{}", done.err);
        log(&place.path().join(done.line()).join("tensorboard"))
    };
    let whole = train(&["--config", "smoke", "--epochs", "4", "--name", "whole"]);
    // The first two epochs were not logged.
    let resumed = train(&["--resume", "smoke-1", "--epochs", "4"]);
    assert_eq!(whole, resumed);
    // The third and fourth are there twice in the file of the state before.
    let folder = place.path().join("runs/third");
    train(&["--config", "smoke", "--epochs", "3", "--name", "third"]);
    let state = read(&folder, "state.safetensors");
    train(&["--resume", "third", "--epochs", "4"]);
    fs::write(folder.join("state.safetensors"), state).unwrap();
    assert_eq!(train(&["--resume", "third", "--epochs", "4"]), whole);
    let model = |name: &str| read(place.path(), &format!("runs/{name}/model.safetensors"));
    assert_eq!(model("whole"), model("third"));
    assert_eq!(model("whole"), model("smoke-1"));
    let exported = run(place.path(), &["export", "whole", "--to", "tensorboard"]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    assert_eq!(log(&place.path().join("runs/whole/tensorboard")), whole);
}

#[test]
fn what_vae_did_not_write_is_not_written_over() {
    let place = with_smoke_run();
    let place = place.path();
    let export = |arguments: &[&str]| run(place, &[&["export"], arguments].concat());
    fs::create_dir_all(place.join("notes")).unwrap();
    fs::write(place.join("notes/a.txt"), "mine").unwrap();
    for format in ["tensorboard", "csv"] {
        export(&["smoke-1", "--to", format, "--out", "notes"]).failed(
            2,
            &[
                "notes: this folder is not empty: it holds a.txt",
                "hint: name a new folder",
            ],
        );
        export(&["smoke-1", "--to", format, "--out", "notes/a.txt"])
            .failed(2, &["this is a file; `--out` takes a folder"]);
        let own = place.join("runs/smoke-1").join(format);
        copy_folder(&place.join("notes"), &own);
        export(&["smoke-1", "--to", format]).failed(
            2,
            &[
                "holds what vae did not write",
                "a.txt",
                "hint: move it elsewhere",
            ],
        );
        if format == "tensorboard" {
            run(place, &["train", "--resume", "smoke-1", "--log", format])
                .failed(2, &["holds what vae did not write"]);
        }
        fs::remove_file(own.join("a.txt")).unwrap();
        for out in [
            &[][..],
            &["--out", "new"],
            &["--out", &format!("runs/smoke-1/{format}")],
        ] {
            let done = export(&[&["smoke-1", "--to", format], out].concat());
            assert_eq!(done.code, Some(0), "{}", done.err);
        }
        export(&["smoke-1", "--to", format, "--out", "new"])
            .failed(2, &["new: this folder is not empty"]);
        fs::remove_dir_all(place.join("new")).unwrap();
    }
    let removed = run(place, &["rm", "--yes", "smoke-1"]);
    assert_eq!(removed.line(), "runs/smoke-1");
}

#[test]
fn a_request_that_cannot_be_met_is_refused() {
    let place = with_smoke_run();
    let place = place.path();
    let export = |arguments: &[&str]| run(place, &[&["export"], arguments].concat());
    let csv = |given: &[&str]| export(&[&["smoke-1", "--to", "csv"], given].concat());
    csv(&["--device", "cpu"]).failed(2, &["--device cpu: has no effect"]);
    csv(&["--data", "x"]).failed(2, &["--data x: has no effect"]);
    let model = "runs/smoke-1/model.safetensors";
    export(&[model, "--to", "csv"]).failed(2, &["this is a model file", "hint: name the run"]);
    fs::write(place.join("runs/smoke-1/samples/epoch-0001.png"), "GIF89a").unwrap();
    export(&["smoke-1", "--to", "tensorboard"]).failed(2, &["epoch-0001.png: a broken image"]);
    fs::write(place.join("runs/smoke-1/metrics.jsonl"), "").unwrap();
    export(&["smoke-1", "--to", "csv"]).failed(2, &["metrics.jsonl: this run has no records"]);
}

#[test]
fn without_the_data_there_are_no_histograms_and_a_note_says_so() {
    let place = with_tiny_runs();
    let place = place.path();
    fs::remove_dir_all(place.join("data")).unwrap();
    let export = ["export", "mine", "--to", "tensorboard"];
    let done = run(place, &export);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err.contains("no histograms of the latents"),
        "{}",
        done.err
    );
    let log = log(&place.join("runs/mine/tensorboard"));
    assert!(log.contains_key("test/samples"));
    assert!(!log.keys().any(|tag| tag.contains("posterior_means")));
    // A folder that is named is there for the histograms.
    run(place, &[&export[..], &["--data", "elsewhere"]].concat()).failed(2, &["elsewhere"]);
}

#[test]
fn records_of_an_earlier_version_have_the_epoch_for_a_step() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    let older = |record: &mut Json| {
        let record = record.as_object_mut().unwrap();
        ["step", "timestamp", "learning_rate"].map(|key| record.remove(key).is_some())
    };
    let mut records = metrics(&folder);
    let removed: Vec<_> = records.iter_mut().map(older).collect();
    assert_eq!(removed[0], [true; 3]);
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    // A run that is being trained may have half a line at the end.
    fs::write(folder.join("metrics.jsonl"), lines + "{\"epoch\":3,").unwrap();
    let done = run(place.path(), &["export", "smoke-1", "--to", "tensorboard"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("the step is the epoch"), "{}", done.err);
    let log = log(&folder.join("tensorboard"));
    let steps: Vec<i64> = scalars(&log, "test/elbo")
        .iter()
        .map(|(step, _)| *step)
        .collect();
    assert_eq!(steps, [1, 2]);
}

#[cfg(unix)]
#[test]
fn a_log_that_cannot_be_written_ends_and_the_training_does_not() {
    let place = with_tiny_runs();
    // The limit is larger than each file of the run, and smaller than the images of 60 epochs together.
    let limit = "trap '' XFSZ; ulimit -f 700";
    let arguments =
        "train --config tiny.toml --data data --epochs 60 --name full --log tensorboard";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let done = vae_in_a_shell(place.path(), limit, &arguments)
        .output()
        .unwrap();
    let done = crate::program::Done::of(done);
    assert_eq!(done.line(), "runs/full");
    let warning = "warning: the log for TensorBoard ends here, and the training goes on: ";
    assert_eq!(done.err.matches(warning).count(), 1, "{}", done.err);
    assert!(done.err.contains("vae export runs/full --to tensorboard"));
    assert_eq!(metrics(&place.path().join("runs/full")).len(), 120);
}

#[test]
fn an_export_waits_for_no_training_that_writes_the_same_log() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1/tensorboard");
    let _claim = vae::files::occupy(&folder).unwrap();
    let busy = [
        "another process is writing into this folder",
        "hint: wait for it or stop it",
    ];
    run(place.path(), &["export", "smoke-1", "--to", "tensorboard"]).failed(2, &busy);
    let resume = ["train", "--resume", "smoke-1", "--log", "tensorboard"];
    run(place.path(), &resume).failed(2, &busy);
    let done = run(
        place.path(),
        &[&SMOKE[..], &["-q", "--epochs", "1"]].concat(),
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
}
