//! Tests that an unknown standard error is not called zero, in every report that states one.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{files, read, run, train};

/// The test set of one image whose numbers have no standard error.
const ONE: [&str; 2] = ["--set", "data.digits.test=1"];

/// Returns the paths of all keys in `value` that end in `se` and hold a number.
fn known_errors(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| {
                let own = (key == "se" || key.ends_with("_se")) && value.is_number();
                let inner = known_errors(value);
                own.then(|| key.clone()).into_iter().chain(inner)
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(known_errors).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_error_of_one_image_is_unknown_in_every_report() {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &ONE);
    assert!(
        done.err.contains("± unknown nats per image"),
        "{}",
        done.err
    );
    train(place.path(), &[&ONE[..], &["--seed", "2"]].concat());
    for name in ["smoke-1", "smoke-2"] {
        let eval = [
            "eval",
            "-q",
            name,
            "--importance-samples",
            "3",
            "--seed",
            "1",
        ];
        let text = run(place.path(), &eval);
        assert_eq!(text.code, Some(0), "{}", text.err);
        assert!(!text.out.contains("± 0"), "{}", text.out);
        assert!(text.out.matches("± unknown").count() >= 4, "{}", text.out);
        let reason = "± is unknown: a standard error over images needs at least two";
        assert!(text.out.contains(reason), "{}", text.out);
        let json = run(place.path(), &[&eval[..], &["--json"]].concat());
        let report: Value = serde_json::from_str(json.line()).unwrap();
        assert_eq!(known_errors(&report), [""; 0]);
        assert!(report["elbo"].is_number() && report["elbo_se"].is_null());
    }
    let compare = ["compare", "-q", "smoke-1", "smoke-2"];
    let text = run(place.path(), &compare).out;
    assert!(text.contains("± unknown nats (1 image)"), "{text}");
    assert!(!text.contains("± 0"), "{text}");
    let json = run(place.path(), &[&compare[..], &["--json"]].concat());
    assert_eq!(
        known_errors(&serde_json::from_str(json.line()).unwrap()),
        [""; 0]
    );
    let metrics = String::from_utf8(read(place.path(), "runs/smoke-1/metrics.jsonl")).unwrap();
    assert!(!metrics.contains("elbo_se"), "{metrics}");
}

#[test]
fn the_zero_error_of_one_image_in_an_old_report_is_unknown() {
    let place = TempDir::new().unwrap();
    train(place.path(), &ONE);
    run(place.path(), &["eval", "-q"]);
    let name = files(place.path())
        .into_iter()
        .find(|name| name.ends_with("report.json"))
        .unwrap();
    let text = String::from_utf8(read(place.path(), &name)).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["elbo_se"] = 0.0.into();
    fs::write(place.path().join(name), report.to_string()).unwrap();
    let done = run(place.path(), &["compare", "-q", "smoke-1", "smoke-1"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let text = done.out;
    assert!(!text.contains("± 0"), "{text}");
    assert!(text.contains("± unknown"), "{text}");
}
