//! Tests `vae export --to onnx` and `--to huggingface`: the folder, the files, and what is said. tests/onnx.py and
//! tests/huggingface.py compare what the files compute.

use std::fs;

use serde_json::{Value, json};
use vae::train::ModelFile;

use crate::program::{MODEL, edited, files, read, run, with_smoke_run};

const ONNX: [&str; 4] = ["encoder.onnx", "decoder.onnx", "score.onnx", "use.py"];

#[test]
fn the_models_lie_in_the_run_and_stdout_names_them() {
    let place = with_smoke_run();
    let done = run(place.path(), &["export", "--to", "onnx"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let expected = ONNX.map(|name| format!("runs/smoke-1/onnx/{name}"));
    assert_eq!(done.out.lines().collect::<Vec<_>>(), expected);
    let first = expected.each_ref().map(|name| read(place.path(), name));
    // Another export takes the place of the first one, with the same bytes, and nothing of an earlier one stays.
    fs::write(place.path().join("runs/smoke-1/onnx/prior.npy"), "old").unwrap();
    assert_eq!(run(place.path(), &["export", "--to", "onnx"]).code, Some(0));
    assert_eq!(
        expected.each_ref().map(|name| read(place.path(), name)),
        first
    );
    assert_eq!(files(&place.path().join("runs/smoke-1/onnx")).len(), 4);
    // A run can be removed with its exports.
    let removed = run(place.path(), &["rm", "smoke-1", "--yes"]);
    assert_eq!(removed.code, Some(0), "{}", removed.err);
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let place = with_smoke_run();
    for format in ["onnx", "huggingface"] {
        let own = place.path().join("runs/smoke-1").join(format);
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("notes.txt"), "mine").unwrap();
        let done = run(place.path(), &["export", "--to", format]);
        done.failed(2, &[format, "holds what vae did not write", "notes.txt"]);
        let done = run(place.path(), &["export", "--to", format, "--out", "runs"]);
        done.failed(2, &["this folder is not empty", "smoke-1"]);
        assert_eq!(files(&own), ["notes.txt"]);
    }
    let done = run(place.path(), &["export", MODEL, "--to", "onnx"]);
    done.failed(2, &["this is a model file", "--out DIR"]);
    let done = run(
        place.path(),
        &["export", MODEL, "--to", "onnx", "--out", "a/b"],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(files(&place.path().join("a/b")).len(), 4);
}

#[test]
fn a_card_that_a_person_has_completed_is_not_replaced() {
    let place = with_smoke_run();
    let export = || run(place.path(), &["export", "--to", "huggingface"]);
    assert_eq!(export().code, Some(0));
    assert_eq!(export().code, Some(0));
    let card = place.path().join("runs/smoke-1/huggingface/README.md");
    let text = fs::read_to_string(&card).unwrap();
    let completed = text.replace("TODO before uploading: say", "We say");
    assert_ne!(text, completed);
    fs::write(&card, &completed).unwrap();
    export().failed(
        2,
        &["README.md", "this card has been completed", "--out DIR"],
    );
    assert_eq!(fs::read_to_string(&card).unwrap(), completed);
}

/// The commands that claim the folder of `--out`.
const EXPORTS: [&[&str]; 5] = [
    &["export", "--to", "onnx"],
    &["export", "--to", "huggingface"],
    &["export", "--to", "tensorboard"],
    &["export", "--to", "csv"],
    &["embed", "--projector"],
];

// Windows locks no folders.
#[cfg(unix)]
#[test]
fn a_folder_that_another_process_writes_into_is_refused() {
    let place = with_smoke_run();
    let folder = place.path().join("shared");
    fs::create_dir(&folder).unwrap();
    let claim = fs::File::open(&folder).unwrap();
    claim.lock().unwrap();
    for export in EXPORTS {
        let done = run(place.path(), &[export, &["--out", "shared"]].concat());
        done.failed(2, &["shared: another process is writing into this folder"]);
        assert!(files(&folder).is_empty());
    }
}

#[test]
fn a_folder_is_refused_before_the_model_is_read_and_a_new_one_does_not_stay() {
    let place = with_smoke_run();
    fs::write(place.path().join(MODEL), "broken").unwrap();
    fs::create_dir(place.path().join("mine")).unwrap();
    fs::write(place.path().join("mine/notes.txt"), "mine").unwrap();
    for export in EXPORTS {
        let done = run(place.path(), &[export, &["--out", "mine"]].concat());
        done.failed(2, &["mine: this folder is not empty: it holds notes.txt"]);
    }
    for export in [EXPORTS[0], EXPORTS[1], EXPORTS[4]] {
        let done = run(place.path(), &[export, &["--out", "a/b"]].concat());
        done.failed(2, &[MODEL]);
        assert!(!place.path().join("a").exists());
    }
}

#[test]
fn a_flag_without_effect_is_refused() {
    let place = with_smoke_run();
    let done = run(place.path(), &["export", "--to", "onnx", "--data", "runs"]);
    done.failed(2, &["--data runs: has no effect"]);
    let done = run(
        place.path(),
        &["export", "--to", "huggingface", "--no-cache"],
    );
    done.failed(2, &["--no-cache: has no effect"]);
}

#[test]
fn the_card_states_the_elbo_once_it_is_measured_and_only_for_this_model() {
    let place = with_smoke_run();
    let card = || {
        let done = run(place.path(), &["export", "--to", "huggingface"]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        String::from_utf8(read(place.path(), "runs/smoke-1/huggingface/README.md")).unwrap()
    };
    assert!(card().contains("had not measured the ELBO"));
    let report = run(place.path(), &["eval", "--json"]).out;
    let report: Value = serde_json::from_str(&report).unwrap();
    let elbo = report["elbo"].as_f64().unwrap();
    let measured = card();
    assert!(measured.contains(&format!("value: {elbo}\n")), "{measured}");
    assert!(
        measured.contains(&format!("The ELBO is {elbo:.2} ± ")),
        "{measured}"
    );
    assert!(
        measured.contains("200 images of digits test, grey pixels, 1 sample of z"),
        "{measured}"
    );
    edited(place.path(), |_, tensors| tensors[0].values[0] += 1.0);
    assert!(card().contains("had not measured the ELBO"));
}

#[test]
fn the_weights_are_a_model_file_and_a_class_cannot_break_the_texts() {
    let place = with_smoke_run();
    let class = "a\"b\\\n---\n</script>`x`: #{}";
    edited(place.path(), |card, _| {
        card["classes"] = json!([class, "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    });
    let done = run(
        place.path(),
        &["export", MODEL, "--to", "huggingface", "--out", "hub"],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("license"), "{}", done.err);
    let (ours, theirs) = (
        place.path().join(MODEL),
        place.path().join("hub/model.safetensors"),
    );
    assert_eq!(
        ModelFile::read(&ours).unwrap(),
        ModelFile::read(&theirs).unwrap()
    );
    let config: Value = serde_json::from_slice(&read(place.path(), "hub/config.json")).unwrap();
    assert_eq!(config["classes"][0], class);
    assert_eq!(config["config"]["model"]["mlp"]["latent"], 8);
    let done = run(
        place.path(),
        &["sample", "hub/model.safetensors", "--out", "a.png"],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(
        files(&place.path().join("hub")),
        [
            "README.md",
            "config.json",
            "model.safetensors",
            "modeling.py",
            "samples.png"
        ]
    );
}
