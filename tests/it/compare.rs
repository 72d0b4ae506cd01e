//! Tests that `vae compare` reads a run's report beside the model in the same folder, wherever that
//! folder is, and pairs runs that were measured on the same images.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{copy_folder, run, with_smoke_run};

/// Returns a folder with two measured runs, `one` and `two`, that were trained with two seeds.
fn measured() -> TempDir {
    let place = with_smoke_run();
    let runs = place.path().join("runs");
    fs::rename(runs.join("smoke-1"), runs.join("one")).unwrap();
    train_and_measure(place.path(), "two", "2", &[]);
    measure(place.path(), "one", &[]);
    place
}

fn measure(place: &Path, name: &str, more: &[&str]) {
    let done = run(place, &[&["eval", name, "-q"], more].concat());
    assert_eq!(done.code, Some(0), "{}", done.err);
}

fn train_and_measure(place: &Path, name: &str, seed: &str, set: &[&str]) {
    let train = ["train", "-q", "--config", "smoke", "--epochs", "1"];
    let named = ["--seed", seed, "--name", name];
    run(place, &[&train[..], &named, set].concat()).line();
    measure(place, name, &[]);
}

fn compared(folder: &Path, runs: [&str; 2]) -> (String, Value) {
    let text = run(folder, &[&["compare"], &runs[..]].concat());
    assert_eq!(text.code, Some(0), "{}", text.err);
    let json = run(folder, &[&["compare", "--json"], &runs[..]].concat());
    (text.out, serde_json::from_str(json.line()).unwrap())
}

/// Returns whether the first run has changed since it was measured, as the JSON says.
fn has_changed(json: &Value) -> Option<bool> {
    json["runs"][0]["report"]["changed_since"].as_bool()
}

const WARNING: &str = "has another model than the one that was measured";

#[test]
fn a_report_names_no_place_outside_its_run() {
    let place = measured();
    let path = place.path().join("runs/one/report.json");
    let report: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(report["model"], "model.safetensors");
}

#[test]
fn a_moved_run_that_was_trained_on_is_named() {
    let place = measured();
    let moved = place.path().join("elsewhere/deep");
    fs::create_dir_all(&moved).unwrap();
    fs::rename(place.path().join("runs/one"), moved.join("one")).unwrap();
    let (text, json) = compared(place.path(), ["elsewhere/deep/one", "two"]);
    assert!(!text.contains('!'), "{text}");
    assert_eq!(has_changed(&json), Some(false));
    let more = [
        "train",
        "-q",
        "--resume",
        "elsewhere/deep/one",
        "--epochs",
        "3",
    ];
    run(place.path(), &more).line();
    let (text, json) = compared(place.path(), ["elsewhere/deep/one", "two"]);
    assert!(text.contains(&format!("! one {WARNING}")), "{text}");
    assert!(text.contains("vae eval elsewhere/deep/one\n"), "{text}");
    assert_eq!(has_changed(&json), Some(true));
    // The current folder is of no consequence.
    let (text, _) = compared(&moved, ["one", "../../runs/two"]);
    assert!(text.contains(&format!("! one {WARNING}")), "{text}");
    let (text, _) = compared(&moved.join("one"), [".", "../../../runs/two"]);
    assert!(text.contains(&format!("! one {WARNING}")), "{text}");
}

#[test]
fn an_untouched_copy_is_not_its_original() {
    let place = measured();
    copy_folder(
        &place.path().join("runs/one"),
        &place.path().join("kept/one"),
    );
    run(
        place.path(),
        &["train", "-q", "--resume", "one", "--epochs", "3"],
    )
    .line();
    let (text, json) = compared(place.path(), ["kept/one", "runs/one"]);
    assert!(text.contains(&format!("! runs/one {WARNING}")), "{text}");
    assert!(!text.contains("! kept/one"), "{text}");
    assert_eq!(has_changed(&json), Some(false));
    // The other way round, the copy is trained on.
    run(place.path(), &["eval", "one", "-q"]);
    run(
        place.path(),
        &["train", "-q", "--resume", "kept/one", "--epochs", "4"],
    )
    .line();
    let (text, _) = compared(place.path(), ["kept/one", "runs/one"]);
    assert!(text.contains(&format!("! kept/one {WARNING}")), "{text}");
    assert!(!text.contains("! runs/one"), "{text}");
}

#[test]
fn reports_with_a_path_are_read_as_of_the_model_beside_them() {
    let place = measured();
    let path = place.path().join("runs/one/report.json");
    for old in [
        "runs/one/model.safetensors",
        "/gone/runs/one/model.safetensors",
        "runs\\one\\model.safetensors",
    ] {
        let mut report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        report["model"] = old.into();
        fs::write(&path, report.to_string()).unwrap();
        let (text, json) = compared(place.path(), ["one", "two"]);
        assert!(!text.contains('!'), "{old}: {text}");
        assert_eq!(has_changed(&json), Some(false), "{old}");
    }
}

#[test]
fn a_missing_or_unknown_model_is_said() {
    let place = measured();
    fs::remove_file(place.path().join("runs/one/model.safetensors")).unwrap();
    let (text, json) = compared(place.path(), ["one", "two"]);
    assert!(
        text.contains("! one: its model file runs/one/model.safetensors is missing, "),
        "{text}"
    );
    assert_eq!(has_changed(&json), None);
    let path = place.path().join("runs/one/report.json");
    let mut report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    report.as_object_mut().unwrap().remove("model_hash");
    fs::write(&path, report.to_string()).unwrap();
    let (text, json) = compared(place.path(), ["one", "two"]);
    assert!(
        text.contains("! one has a report that does not say which model"),
        "{text}"
    );
    assert_eq!(has_changed(&json), None);
}

#[test]
fn two_seeds_are_paired_on_the_same_images() {
    let place = measured();
    let (text, json) = compared(place.path(), ["one", "two"]);
    assert!(
        text.contains("ELBO of two minus that of one, image by image: "),
        "{text}"
    );
    assert!(text.contains("the seeds differ: "), "{text}");
    assert!(!text.contains("not comparable"), "{text}");
    assert_eq!(json["seeds_differ"], true);
    let pair = &json["paired_differences_to_the_first"][0];
    let [first, other] = [0, 1].map(|run| json["runs"][run]["report"].clone());
    let nats = |report: &Value, key: &str| report[key].as_f64().unwrap();
    let difference = nats(&other, "elbo") - nats(&first, "elbo");
    assert!(
        (nats(pair, "difference") - difference).abs() < 1e-3,
        "{pair}"
    );
    // Other images are not paired, whatever the seeds.
    run(place.path(), &["eval", "two", "-q", "--images", "50"]);
    let (text, json) = compared(place.path(), ["one", "two"]);
    assert!(text.contains("not comparable"), "{text}");
    assert!(json["paired_differences_to_the_first"][0].is_null());
}

#[test]
fn two_seeds_that_draw_other_images_are_not_compared() {
    for set in [
        &["--set", "data.digits.pixels=dynamic"][..],
        &["--set", "objective.autoencoder.corrupt.gaussian=0.2"],
    ] {
        let place = TempDir::new().unwrap();
        for (name, seed) in [("one", "1"), ("two", "2")] {
            train_and_measure(place.path(), name, seed, set);
        }
        let (text, json) = compared(place.path(), ["one", "two"]);
        assert!(
            text.contains("each run was measured on images of its own; measure all with one seed: vae eval RUN --seed N"),
            "{text}"
        );
        assert!(text.contains("the protocols differ in seed: "), "{text}");
        assert_eq!(json["protocols_differ_in"], serde_json::json!(["seed"]));
        assert!(json["paired_differences_to_the_first"][0].is_null());
        measure(place.path(), "two", &["--seed", "1"]);
        let (text, json) = compared(place.path(), ["one", "two"]);
        assert!(!text.contains("differ in"), "{text}");
        assert_eq!(json["protocols_differ_in"], serde_json::json!([]));
        // An autoencoder has no ELBO that could be paired.
        let has_elbo = json["runs"][0]["report"]["elbo"].is_number();
        assert_eq!(
            json["paired_differences_to_the_first"][0].is_object(),
            has_elbo
        );
    }
}
