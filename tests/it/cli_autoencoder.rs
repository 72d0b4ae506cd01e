//! Tests an autoencoder and a Gaussian from the command line: what is reported, and what is
//! reported as missing.

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{metrics, run, train};

/// Trains the preset `smoke` with `sets` in a temporary folder.
fn trained(sets: &[&str]) -> TempDir {
    let place = TempDir::new().unwrap();
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    assert_eq!(
        train(
            place.path(),
            &[&sets[..], &["-q", "--set", "data.digits.validation=50"]].concat()
        )
        .line(),
        "runs/smoke-1"
    );
    place
}

fn eval(place: &TempDir) -> (String, Value) {
    let text = run(place.path(), &["eval", "-q"]);
    assert_eq!(text.code, Some(0), "{}", text.err);
    let json = run(place.path(), &["eval", "-q", "--json"]);
    (text.out, serde_json::from_str(json.line()).unwrap())
}

#[test]
fn an_autoencoder_reports_no_elbo_and_says_so() {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &["--set", "objective.autoencoder="]);
    assert_eq!(done.line(), "runs/smoke-1");
    for part in [
        "epoch 1/2: test reconstruction ",
        "test reconstruction ",
        "an autoencoder has no ELBO: ",
        "have no prior",
    ] {
        assert!(
            done.err.contains(part),
            "expected {part:?} in\n{}",
            done.err
        );
    }
    assert!(
        !done.err.contains("test ELBO") && !done.err.contains("+ rate"),
        "{}",
        done.err
    );
    for record in metrics(&place.path().join("runs/smoke-1")) {
        assert!(
            record["elbo"].is_null() && record["kl"].is_null() && record.get("elbo_se").is_none(),
            "{record}"
        );
        assert_eq!(record["loss"], record["reconstruction"]);
    }
    let (text, json) = eval(&place);
    let lines: Vec<&str> = text.lines().collect();
    let last = |line: &str| line.split_whitespace().last().unwrap().to_owned();
    assert_eq!(
        (lines[0].starts_with("ELBO "), last(lines[0])),
        (true, "–".to_owned())
    );
    assert_eq!(
        (lines[2].starts_with("KL "), last(lines[2])),
        (true, "–".to_owned())
    );
    assert!(
        lines[4].starts_with("squared error ")
            && text.contains("one latent per image")
            && text.contains("has no ELBO"),
        "{text}"
    );
    for key in [
        "elbo",
        "elbo_se",
        "kl",
        "kl_se",
        "bits_per_dim",
        "samples_per_image",
        "kl_method",
        "corrupted_by",
    ] {
        assert!(json.get(key).is_some_and(Value::is_null), "{key}: {json}");
    }
    // Most pixels of the images are 0.
    let error = json["squared_error"].as_f64().unwrap() / 784.0;
    assert!(error > 0.001 && error < 0.1, "{error}");
    let record = metrics(&place.path().join("runs/smoke-1")).pop().unwrap();
    assert_eq!(
        (record["split"].as_str(), &json["reconstruction"]),
        (Some("test"), &record["reconstruction"])
    );
    let many = run(place.path(), &["eval", "--samples-per-image", "3"]);
    many.failed(
        2,
        &[
            "--samples-per-image 3: an autoencoder has no ELBO",
            "hint: leave `--samples-per-image` out",
        ],
    );
    let sample = run(place.path(), &["sample"]);
    assert!(
        sample.line().ends_with("samples.png") && sample.err.contains("have no prior"),
        "{}",
        sample.err
    );
    let curves = String::from_utf8(crate::program::read(
        place.path(),
        "runs/smoke-1/curves.svg",
    ))
    .unwrap();
    assert!(curves.contains("reconstruction") && !curves.contains("KL"));
    // The run can be resumed.
    assert_eq!(
        run(place.path(), &["train", "-q", "--resume", "--epochs", "3"]).line(),
        "runs/smoke-1"
    );
}

#[test]
fn a_denoising_autoencoder_shows_what_it_was_given() {
    let place = trained(&["objective.autoencoder.corrupt.gaussian=0.3"]);
    let (text, json) = eval(&place);
    assert!(
        text.contains(
            "one latent per image, from the image corrupted by normal noise of sigma 0.3"
        ),
        "{text}"
    );
    assert_eq!(json["corrupted_by"], "normal noise of sigma 0.3");
    let height = |place: &TempDir| {
        let sheet = run(place.path(), &["reconstruct", "--n", "10", "-q"])
            .line()
            .to_owned();
        image::image_dimensions(place.path().join(sheet)).unwrap().1
    };
    let plain = trained(&["objective.autoencoder="]);
    // The sheet has three rows instead of two.
    let ratio = f64::from(height(&place)) / f64::from(height(&plain));
    assert!(ratio > 1.4 && ratio < 1.6, "{ratio}");
    assert!(eval(&plain).1["corrupted_by"].is_null());
    // The error depends on the corruption, so another seed gives another error.
    let error = |place: &TempDir, seed: &str| -> serde_json::Value {
        let done = run(place.path(), &["eval", "-q", "--json", "--seed", seed]);
        serde_json::from_str::<serde_json::Value>(done.line()).unwrap()["squared_error"].clone()
    };
    assert!(error(&place, "1").is_f64() && error(&place, "1") != error(&place, "2"));
    assert_eq!(error(&plain, "1"), error(&plain, "2"));
}

#[test]
fn a_gaussian_says_its_sigma_and_that_it_is_a_density() {
    for (sigma, low, high) in [
        ("0.5", 0.5, 0.5),
        ("learned", 0.6, 0.999),
        ("optimal", 0.15, 0.4),
    ] {
        let place = trained(&[&format!("likelihood.gaussian.sigma={sigma}")]);
        let (text, json) = eval(&place);
        let found = json["sigma"].as_f64().unwrap();
        assert!(found >= low && found <= high, "{sigma}: {found}");
        assert!(
            text.contains(&format!("gaussian of sigma {found:.4}")),
            "{text}"
        );
        assert!(
            text.contains("a density of pixels in [0, 1]") && json["is_log_likelihood"] == false,
            "{text}"
        );
        // `eval` computes the number that training reported from the model file alone.
        let record = metrics(&place.path().join("runs/smoke-1"))
            .into_iter()
            .rfind(|r| r["split"] == "test")
            .unwrap();
        assert!((record["elbo"].as_f64().unwrap() - json["elbo"].as_f64().unwrap()).abs() < 1e-9);
    }
    let place = trained(&["objective.elbo.beta=2"]);
    assert!(eval(&place).1["sigma"].is_null());
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let place = TempDir::new().unwrap();
    let refuse = |sets: &[&str], pass: &[&str]| {
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        run(place.path(), &[&["config"], &sets[..]].concat()).failed(2, pass);
    };
    refuse(
        &["likelihood.gaussian.sigma=sharp"],
        &["expected a number above 0, \"learned\" or \"optimal\""],
    );
    refuse(
        &["likelihood.gaussian.sigma=0"],
        &["likelihood.gaussian.sigma is 0"],
    );
    refuse(&["likelihood.gaussian.mean=relu"], &["sigmoid", "linear"]);
    refuse(
        &[
            "objective.elbo.estimator=sampled",
            "objective.elbo.free_bits=0.1",
        ],
        &["free bits are a floor"],
    );
    refuse(
        &[
            "objective.elbo.cyclical.cycles=4",
            "objective.elbo.warmup=1",
        ],
        &["each cycle has a rise of its own"],
    );
    refuse(&["objective.elbo.cycles=4"], &["cycles"]);
    refuse(&["objective.autoencoder.beta=4"], &["beta"]);
    refuse(
        &["objective.autoencoder.corrupt.gaussian=-1"],
        &["objective.autoencoder.corrupt.gaussian is -1"],
    );
    refuse(
        &["objective.autoencoder.corrupt.salt=1"],
        &["salt", "gaussian"],
    );
    refuse(
        &["objective.capacity.gamma=-1"],
        &["objective.capacity.gamma is -1"],
    );
}
