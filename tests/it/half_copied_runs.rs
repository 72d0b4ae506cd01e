//! Tests that a run some of whose files are missing, shorter or older than the others is never
//! written over, and that every message about it names a way out that works.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vae::train::ModelFile;

use crate::program::{edited, files, metrics, run, vae, with_smoke_run};

const RUN: &str = "runs/smoke-1";
const RESUME: [&str; 3] = ["train", "--resume", "smoke-1"];

/// Returns the contents of every file below `folder`.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| (fs::read(folder.join(&name)).unwrap(), name);
    let found = files(folder).into_iter().map(read);
    found.map(|(bytes, name)| (name, bytes)).collect()
}

/// Returns a folder with a finished run that has a validation split.
fn with_validation() -> TempDir {
    let place = TempDir::new().unwrap();
    let set = ["--set", "data.digits.validation=50"];
    run(
        place.path(),
        &[&["train", "-q", "--config", "smoke"], &set[..]].concat(),
    )
    .line();
    place
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_run_with_results_and_without_a_state_is_never_trained_over() {
    let place = with_validation();
    let folder = place.path().join(RUN);
    let whole = contents(&folder);
    let results = ["model.safetensors", "best.safetensors", "metrics.jsonl"];
    for kept in 1..8_u32 {
        for (name, bytes) in &whole {
            fs::write(folder.join(name), bytes).unwrap();
        }
        fs::remove_file(folder.join("state.safetensors")).unwrap();
        for (place, name) in results.iter().enumerate() {
            if kept & (1 << place) == 0 {
                fs::remove_file(folder.join(name)).unwrap();
            }
        }
        let before = contents(&folder);
        for more in [&[][..], &["--epochs", "3"], &["--set", "train.clip=1"]] {
            let done = run(place.path(), &[&RESUME, more].concat());
            done.failed(2, &[&format!("{RUN}/state.safetensors: no such file")]);
            let way = match kept {
                1 | 3 | 5 | 7 => format!("vae train --from {RUN}\n"),
                2 | 6 => format!("vae train --from {RUN}/best.safetensors\n"),
                _ => format!("vae train --config {RUN}/config.toml\n"),
            };
            assert!(done.err.ends_with(&way), "{kept}: {}", done.err);
        }
        assert!(contents(&folder) == before, "{kept}: a file changed");
    }
}

#[test]
fn every_way_out_that_a_message_names_works() {
    let place = with_validation();
    fs::remove_file(place.path().join(RUN).join("state.safetensors")).unwrap();
    let failed = run(place.path(), &RESUME);
    let command = failed.err.split("vae ").last().unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    let done = run(place.path(), &words);
    assert_eq!(done.line(), "runs/smoke-2");
    fs::remove_file(place.path().join(RUN).join("model.safetensors")).unwrap();
    fs::remove_file(place.path().join(RUN).join("best.safetensors")).unwrap();
    for command in [&RESUME[..], &["eval", "smoke-1"]] {
        let failed = run(place.path(), command);
        let command = failed.err.split("vae ").last().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words[..2], ["train", "--config"], "{}", failed.err);
        run(place.path(), &words).line();
    }
}

/// Every subset of a finished run's files is left by some copy.
#[test]
fn any_half_of_a_run_either_gives_its_model_back_or_stays_as_it_is() {
    let whole = with_smoke_run();
    let whole = contents(&whole.path().join(RUN));
    let names = [
        "config.toml",
        "state.safetensors",
        "metrics.jsonl",
        "model.safetensors",
        "about.json",
    ];
    for kept in 0..32_u32 {
        let place = TempDir::new().unwrap();
        let folder = place.path().join(RUN);
        fs::create_dir_all(&folder).unwrap();
        let is_kept = |name: &str| {
            let index = names.iter().position(|known| *known == name);
            index.is_some_and(|index| kept & (1 << index) != 0)
        };
        for name in names.into_iter().filter(|name| is_kept(name)) {
            fs::write(folder.join(name), &whole[name]).unwrap();
        }
        let before = contents(&folder);
        let done = run(place.path(), &RESUME);
        let can = is_kept("state.safetensors")
            || is_kept("config.toml") && !is_kept("model.safetensors") && !is_kept("metrics.jsonl");
        if can {
            assert_eq!(done.line(), RUN, "{kept}");
            for name in ["config.toml", "model.safetensors"] {
                assert!(
                    fs::read(folder.join(name)).unwrap() == whole[name],
                    "{kept}: {name}"
                );
            }
            let lost = is_kept("state.safetensors") && !is_kept("metrics.jsonl");
            let warned = done
                .err
                .contains("metrics.jsonl is missing, and with it the records");
            assert_eq!(lost, warned, "{kept}: {}", done.err);
            let records = fs::read(folder.join("metrics.jsonl")).unwrap();
            assert_eq!(records.is_empty(), lost, "{kept}");
        } else {
            done.failed(2, &["hint: "]);
            assert!(contents(&folder) == before, "{kept}: a file changed");
        }
    }
}

#[test]
fn lost_records_are_named_and_the_run_goes_on() {
    let place = with_smoke_run();
    let folder = place.path().join(RUN);
    fs::remove_file(folder.join("metrics.jsonl")).unwrap();
    let done = run(place.path(), &[&RESUME[..], &["--epochs", "3"]].concat());
    assert_eq!(done.line(), RUN);
    let epochs = |folder: &Path| {
        let records = metrics(folder);
        let epochs = records
            .iter()
            .map(|record| record["epoch"].as_u64().unwrap());
        epochs.collect::<Vec<_>>()
    };
    assert_eq!(epochs(&folder), [3, 3]);
    let again = run(place.path(), &[&RESUME[..], &["--epochs", "4"]].concat());
    assert!(!again.err.contains("missing"), "{}", again.err);
    assert_eq!(epochs(&folder), [3, 3, 4, 4]);
    // The weights are those of a run that lost nothing.
    let other = with_smoke_run();
    run(other.path(), &[&RESUME[..], &["--epochs", "4"]].concat()).line();
    let model = |place: &TempDir| fs::read(place.path().join(RUN).join("model.safetensors"));
    assert!(model(&place).unwrap() == model(&other).unwrap());
}

#[test]
fn a_finished_run_writes_its_missing_or_damaged_models_again() {
    let place = with_validation();
    let folder = place.path().join(RUN);
    let whole = contents(&folder);
    let is_best = whole["best.safetensors"] == whole["model.safetensors"];
    let model = folder.join("model.safetensors");
    let gone = run(place.path(), &["eval", "smoke-1"]);
    assert_eq!(gone.code, Some(0), "{}", gone.err);
    for damage in [None, Some(0), Some(5000)] {
        match damage {
            None => fs::remove_file(&model).unwrap(),
            Some(length) => fs::write(&model, &whole["model.safetensors"][..length]).unwrap(),
        }
        if damage.is_none() {
            let way = format!("vae train --resume {RUN}");
            run(place.path(), &["eval", "smoke-1"]).failed(2, &["its model is missing", &way]);
        }
        assert_eq!(run(place.path(), &RESUME).line(), RUN);
        assert!(
            fs::read(&model).unwrap() == whole["model.safetensors"],
            "{damage:?}"
        );
    }
    // Numbers that are not finite are damage too.
    edited(place.path(), |_, tensors| tensors[0].values[0] = f32::NAN);
    assert_eq!(run(place.path(), &RESUME).line(), RUN);
    assert!(fs::read(&model).unwrap() == whole["model.safetensors"]);
    fs::remove_file(folder.join("best.safetensors")).unwrap();
    let done = run(place.path(), &RESUME);
    assert!(
        done.err.contains("best.safetensors is missing"),
        "{}",
        done.err
    );
    assert_eq!(folder.join("best.safetensors").is_file(), is_best);
}

#[test]
fn records_that_are_not_those_of_the_state_stop_a_run_before_it_writes() {
    let place = with_smoke_run();
    let folder = place.path().join(RUN);
    let path = folder.join("metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let newer = text.replace("\"epoch\":2", "\"epoch\":4");
    let cases = [
        (
            text[..100].to_owned(),
            "has 100 bytes; the saved state was written after ",
        ),
        (
            format!("{text}{newer}"),
            "has records of 4 epochs; the saved state is older, and has done 2",
        ),
        (newer, "the records of 4 epochs; the saved state has done 2"),
        ("x".repeat(text.len()), "metrics.jsonl: line 1: "),
    ];
    for (records, what) in cases {
        fs::write(&path, &records).unwrap();
        let before = contents(&folder);
        let resume = [&RESUME[..], &["-q", "--epochs", "3"]].concat();
        let failed = run(place.path(), &resume);
        failed.failed(
            2,
            &["metrics.jsonl: ", what, "hint: copy this file and state"],
        );
        assert!(contents(&folder) == before, "{what}: a file changed");
    }
    // The way out is the command at the end of the hint.
    let failed = run(place.path(), &RESUME);
    let way = failed.err.trim_end().rsplit_once(": ").unwrap().1;
    let words: Vec<&str> = way.split(' ').collect();
    assert_eq!((words[0], words.len()), ("mv", 3), "{way}");
    fs::rename(place.path().join(words[1]), place.path().join(words[2])).unwrap();
    assert_eq!(run(place.path(), &RESUME).line(), RUN);
}

#[test]
fn a_new_run_can_begin_with_the_weights_of_another() {
    let place = with_smoke_run();
    let model = |run: &str| {
        ModelFile::read(
            &place
                .path()
                .join("runs")
                .join(run)
                .join("model.safetensors"),
        )
    };
    let rate = "train.learning_rate=1e-30";
    let done = run(
        place.path(),
        &["train", "--from", "smoke-1", "--epochs", "1", "--set", rate],
    );
    assert_eq!(
        done.line(),
        "runs/smoke-2",
        "it is called after the run that it begins with"
    );
    let pass = "the first weights are those of runs/smoke-1/model.safetensors (md5:";
    assert!(done.err.contains(pass), "{}", done.err);
    let [first, other] = ["smoke-1", "smoke-2"].map(|run| model(run).unwrap());
    assert!(
        first.tensors == other.tensors,
        "no step is large enough to change a weight"
    );
    // Where the weights came from is in every file that says how the model was made.
    let folder = place.path().join("runs/smoke-2");
    let start = json(&folder.join("about.json"))["started_from"].clone();
    assert_eq!(start["model"], "smoke-1/model.safetensors");
    assert!(start["model_hash"].as_str().unwrap().starts_with("md5:"));
    assert_eq!(
        other.card.started_from.unwrap().model,
        "smoke-1/model.safetensors"
    );
    let change = metrics(&folder)[0]["changes"][0].clone();
    assert_eq!(
        (&change["step"], &change["key"]),
        (&0.into(), &"weights".into())
    );
    run(place.path(), &["eval", "smoke-2", "-q"]);
    assert_eq!(json(&folder.join("report.json"))["started_from"], start);
    // A resumed run still knows it.
    run(
        place.path(),
        &["train", "-q", "--resume", "smoke-2", "--epochs", "2"],
    )
    .line();
    assert_eq!(json(&folder.join("about.json"))["started_from"], start);
    assert_eq!(metrics(&folder)[2]["changes"].as_array().unwrap().len(), 1);
}

#[test]
fn the_weights_of_another_architecture_are_refused() {
    let place = with_smoke_run();
    let fails = |arguments: &[&str], pass: &[&str]| {
        let before = files(place.path());
        run(
            place.path(),
            &[&["train", "--from", "smoke-1"], arguments].concat(),
        )
        .failed(2, pass);
        assert_eq!(files(place.path()), before);
    };
    let hidden = ["--set", "model.mlp.hidden=[8]"];
    fails(
        &hidden,
        &[
            "--from runs/smoke-1/model.safetensors: `model.mlp.hidden` is [8]",
            "hint: ",
        ],
    );
    fails(
        &["--config", "mnist-conv", "--set", "data.digits="],
        &["`model` is {\"conv\"", "hint: "],
    );
    fails(&["--resume", "smoke-1"], &["cannot be used with"]);
    let none = run(place.path(), &["train", "--from", "nowhere"]);
    none.failed(2, &["nowhere: no such run or model file", "hint: "]);
}

#[test]
fn a_run_that_begins_with_other_weights_resumes_to_the_same_bytes() {
    let place = with_smoke_run();
    let train = [
        "train",
        "-q",
        "--from",
        "smoke-1",
        "--set",
        "train.save_every=0",
        "--name",
    ];
    run(place.path(), &[&train[..], &["whole"]].concat()).line();
    let mut child = vae(place.path(), &[&train[..], &["killed"]].concat())
        .spawn()
        .unwrap();
    let state = place.path().join("runs/killed/state.safetensors");
    while !state.is_file() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    run(place.path(), &["train", "-q", "--resume", "killed"]).line();
    let model = |run: &str| {
        fs::read(
            place
                .path()
                .join("runs")
                .join(run)
                .join("model.safetensors"),
        )
    };
    assert!(model("killed").unwrap() == model("whole").unwrap());
}

#[cfg(unix)]
#[test]
fn a_model_that_cannot_be_read_is_not_written_over() {
    let place = with_smoke_run();
    let model = place.path().join(RUN).join("model.safetensors");
    fs::remove_file(&model).unwrap();
    // A link that leads to itself exists, and cannot be read by anybody.
    std::os::unix::fs::symlink("model.safetensors", &model).unwrap();
    let message = format!("{RUN}/model.safetensors: cannot be read: ");
    run(place.path(), &RESUME).failed(2, &[&message]);
    assert!(model.is_symlink());
}

#[test]
fn what_a_run_remembers_of_its_data_is_read_only_if_its_data_is_in_files() {
    let place = with_smoke_run();
    let about = place.path().join(RUN).join("about.json");
    fs::write(&about, "{").unwrap();
    for command in [&RESUME[..], &["eval", "smoke-1"]] {
        let done = run(place.path(), &[command, &["-q"]].concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    let about = json(&about);
    assert_eq!(about["data"], "digits", "it is written anew");
}

#[test]
fn a_refusal_of_the_first_weights_names_what_is_wrong_with_them() {
    let place = with_smoke_run();
    let from = ["train", "-q", "--from", "smoke-1"];
    let data = [&from[..], &["--set", "data.sprites="]].concat();
    run(place.path(), &data).failed(
        2,
        &[
            "--from runs/smoke-1/model.safetensors: the model is for images of 1x28x28, and the data has ",
            "hint: choose data with images of 1x28x28",
        ],
    );
    let network = [&from[..], &["--set", "model.mlp.latent=4"]].concat();
    run(place.path(), &network).failed(
        2,
        &["hint: leave `--config` out, and what `--set` changes there"],
    );
    edited(place.path(), |_, tensors| tensors[0].values[0] = f32::NAN);
    let before = files(place.path());
    run(place.path(), &from).failed(
        1,
        &[
            "--from runs/smoke-1/model.safetensors: its decoder.0.bias is not finite",
            "hint: begin with another model",
        ],
    );
    assert_eq!(files(place.path()), before);
}
