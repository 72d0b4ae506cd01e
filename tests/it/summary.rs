//! Checks `vae summary`: its numbers are those of the model, and it finds presets, files and runs.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use vae::config::PRESETS;

use crate::program::{run, with_smoke_run};

fn summary(place: &TempDir, words: &[&str]) -> Value {
    let done = run(
        place.path(),
        &[&["summary"][..], words, &["--json"]].concat(),
    );
    assert_eq!(done.code, Some(0), "{words:?}: {}", done.err);
    serde_json::from_str(done.line()).unwrap()
}

fn total(summary: &Value, key: &str) -> u64 {
    let layers = summary["layers"].as_array().unwrap();
    layers.iter().filter_map(|layer| layer[key].as_u64()).sum()
}

#[test]
fn the_layers_of_every_preset_add_up() {
    let place = TempDir::new().unwrap();
    for preset in PRESETS {
        let found = summary(&place, &[preset.name]);
        assert_eq!(
            total(&found, "parameters"),
            found["parameters"],
            "{}",
            preset.name
        );
        assert_eq!(
            total(&found, "multiply_adds"),
            found["multiply_adds"],
            "{}",
            preset.name
        );
        let activations = found["activations"].as_u64().unwrap();
        assert!(
            total(&found, "activations") < activations,
            "{}",
            preset.name
        );
        assert!(
            activations < found["memory"].as_u64().unwrap(),
            "{}",
            preset.name
        );
    }
}

#[test]
fn a_run_has_the_summary_of_its_config() {
    let place = with_smoke_run();
    let of_preset = summary(&place, &["smoke"]);
    let about = fs::read(place.path().join("runs/smoke-1/about.json")).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    assert_eq!(of_preset["parameters"], about["parameters"]);
    for name in [
        &["smoke-1"][..],
        &["runs/smoke-1"],
        &["runs/smoke-1/model.safetensors"],
        &["runs/smoke-1/config.toml"],
        &[],
    ] {
        let mut found = summary(&place, name);
        found["name"] = "smoke".into();
        assert_eq!(found, of_preset, "{name:?}");
    }
    // A preset comes before a run of its name.
    let runs = place.path().join("runs");
    fs::rename(runs.join("smoke-1"), runs.join("mnist")).unwrap();
    assert_eq!(summary(&place, &["mnist"])["latents"], 20);
    assert_eq!(summary(&place, &["runs/mnist"])["latents"], 8);
}

#[test]
fn a_step_is_timed_only_when_asked_and_says_how() {
    let place = TempDir::new().unwrap();
    assert!(summary(&place, &["smoke"]).get("step_ms").is_none());
    for words in [
        &["smoke"][..],
        &["smoke", "--set", "condition.decoder=add"],
        &["smoke", "--set", "prior.vamp.pseudo_inputs=9"],
    ] {
        let found = summary(
            &place,
            &[words, &["--time", "--device", "auto", "--threads", "1"]].concat(),
        );
        let number = |key: &str| found[key].as_f64().unwrap();
        assert!(0.0 < number("step_ms_least"), "{found}");
        assert!(
            number("step_ms_least") <= number("step_ms")
                && number("step_ms") <= number("step_ms_most")
        );
        assert!(number("steps_measured") >= 6.0);
        assert!(found["device"].is_string());
    }
}
