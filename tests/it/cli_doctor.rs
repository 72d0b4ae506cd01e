//! Tests `vae doctor` from the command line, and the health line that training prints at its end.

use std::fs;

use burn::tensor::Tensor;
use serde_json::{Value, json};
use tempfile::TempDir;
use vae::config::find_preset;
use vae::data::Batch;
use vae::ops::noise;
use vae::run::read_metrics;

use crate::models::{at, load_batch, named_gradients, plain_device, training};
use crate::program::{Done, edited, files, metrics, read, run, squeezed, train, with_smoke_run};

fn doctor(place: &TempDir, arguments: &[&str]) -> Done {
    run(place.path(), &[&["doctor"], arguments].concat())
}

fn found(place: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(doctor(place, &[&["--json", "-q"], arguments].concat()).line()).unwrap()
}

#[test]
fn the_doctor_says_what_it_sees() {
    let place = with_smoke_run();
    let done = doctor(&place, &[]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(
        done.err,
        "the newest run: runs/smoke-1\nlook at runs/smoke-1/health.png\nnext: vae traverse smoke-1\n"
    );
    for part in [
        "latent KL",
        "\nz7 ",
        "active latents",
        "mutual information",
        "(of 200 images at most 5.30)",
        "total correlation",
        "with another's latent",
        "saturated units encoder.0 ",
        "gradient norms encoder.0 ",
        "(epoch 1 to 2)",
        "protocol: digits test, 200 images, grey pixels, seed 1",
        "\nverdict: ",
    ] {
        assert!(
            squeezed(&done.out).contains(part),
            "expected {part:?} in\n{}",
            done.out
        );
    }
    assert!(
        image::open(place.path().join("runs/smoke-1/health.png"))
            .unwrap()
            .into_rgb8()
            .width()
            > 400
    );

    let found = found(&place, &[]);
    assert_eq!(found["latents"].as_array().unwrap().len(), 8);
    let number = |value: &Value| value.as_f64().unwrap();
    let mean = |key: &str| number(&found[key]);
    let sum = mean("mutual_information") + mean("total_correlation") + mean("dimension_wise_kl");
    assert!((sum - mean("sampled_kl")).abs() < 1e-9);
    assert!((mean("sampled_kl") - mean("kl")).abs() < 4.0 * number(&found["sampled_kl_se"]));
    let by_latent: f64 = found["latents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|latent| number(&latent["kl"]))
        .sum();
    assert!((by_latent - mean("kl")).abs() < 1e-9);
    // `eval` gives the same numbers for the same images and seed.
    let eval: Value = serde_json::from_str(
        run(
            place.path(),
            &["eval", "--json", "-q", "--no-reconstruction"],
        )
        .line(),
    )
    .unwrap();
    assert!((number(&eval["kl"]) - mean("kl")).abs() < 1e-4);
    assert!((number(&eval["reconstruction"]) - mean("reconstruction")).abs() < 1e-3);
    for key in ["data_hash", "seed", "images", "pixels"] {
        assert_eq!(eval[key], found[key], "{key}");
    }
}

#[test]
fn the_flags_do_what_they_say_and_threads_nothing() {
    let place = with_smoke_run();
    let all = found(&place, &[]);
    assert_eq!(found(&place, &["--threads", "1"]), all);
    let image = read(place.path(), "runs/smoke-1/health.png");
    let other = found(&place, &["--seed", "2", "--out", "other.png"]);
    assert!(
        other["shuffled_latents_add"] != all["shuffled_latents_add"]
            && other["latents"][0]["kl"] == all["latents"][0]["kl"]
    );
    assert!(
        read(place.path(), "other.png") == image,
        "KL and variances need no noise"
    );
    let few = found(&place, &["--n", "50"]);
    assert_eq!(few["images"], 50);
    assert!((few["mutual_information_at_most"].as_f64().unwrap() - 50_f64.ln()).abs() < 1e-12);
    // A model file without its run has no training records.
    let file = found(
        &place,
        &["runs/smoke-1/model.safetensors", "--out", "file.png"],
    );
    assert_eq!(
        (
            &file["kl"],
            file["gradient_norms"].as_array().unwrap().len()
        ),
        (&all["kl"], 0)
    );
    assert_eq!(all["gradient_norms"].as_array().unwrap().len(), 2);
    for flag in ["--n", "--first"] {
        let hint = format!("hint: pass a larger `{flag}`");
        doctor(&place, &[flag, "1"]).failed(2, &["1 test image: ", &hint]);
    }
}

#[test]
fn a_beta_of_fifty_collapses_and_is_called_so() {
    let place = TempDir::new().unwrap();
    let done = train(
        place.path(),
        &["--epochs", "15", "--set", "objective.elbo.beta=50"],
    );
    assert_eq!(done.line(), "runs/smoke-1");
    assert!(done.err.contains("\nhealth: collapsed: "), "{}", done.err);
    assert!(
        done.err
            .contains("\ntry `--set objective.elbo.beta=1`; more: vae doctor runs/smoke-1\n"),
        "{}",
        done.err
    );
    let found = found(&place, &[]);
    assert_eq!(found["verdict"], "collapsed", "{found}");
    assert_eq!(
        found["findings"][0]["advice"],
        "try `--set objective.elbo.beta=1`"
    );
    let text = doctor(&place, &["-q"]).out;
    assert!(
        text.contains(
            "\nverdict: collapsed\n  collapsed: the latent says nothing about the image: "
        ),
        "{text}"
    );
}

/// Rewrites the records of a run as if the losses had stood still after the first epoch.
fn stood_still(place: &TempDir) {
    let folder = place.path().join("runs/smoke-1");
    let lines = metrics(&folder).into_iter().map(|mut record| {
        let fell = if record["epoch"] == 1 { 100.0 } else { 0.0 };
        record["loss"] = json!(300.0 + fell);
        record.to_string() + "\n"
    });
    fs::write(folder.join("metrics.jsonl"), lines.collect::<String>()).unwrap();
}

#[test]
fn a_decoder_cut_off_from_its_code_is_named() {
    let place = TempDir::new().unwrap();
    // Enough steps for a verdict, and a test loss that the table of records says has stood still.
    train(place.path(), &["-q", "--epochs", "10"]);
    stood_still(&place);
    edited(place.path(), |_, tensors| {
        tensors
            .iter_mut()
            .find(|tensor| tensor.name == "decoder.0.weight")
            .unwrap()
            .values
            .fill(0.0);
        // These latents carry information.
        let mean = tensors
            .iter_mut()
            .find(|tensor| tensor.name == "mean.weight")
            .unwrap();
        mean.values.iter_mut().for_each(|value| *value *= 5.0);
    });
    let found = found(&place, &[]);
    assert!(
        found["verdict"].as_str().unwrap().starts_with("ignores z"),
        "{found}"
    );
    assert_eq!(found["shuffled_latents_add"], 0.0);
    assert_eq!(
        found["findings"][0]["advice"],
        "try more epochs: `--epochs 40`"
    );
}

#[test]
fn an_autoencoder_is_told_what_does_not_apply() {
    let place = TempDir::new().unwrap();
    let done = train(
        place.path(),
        &[
            "--set",
            "objective.autoencoder.corrupt.gaussian=0.3",
            "--epochs",
            "6",
        ],
    );
    assert!(
        done.err.contains("health: ") && done.err.contains(" of 8 latents vary, "),
        "{}",
        done.err
    );
    let text = doctor(&place, &["-q"]).out;
    assert!(
        text.contains("an autoencoder has no ELBO")
            && text.contains("KL, mutual information and the prior are not")
    );
    assert!(
        !text.contains("total correlation") && !text.contains("mean of var"),
        "{text}"
    );
    let found = found(&place, &[]);
    for key in [
        "kl",
        "mutual_information",
        "mutual_information_at_most",
        "total_correlation",
        "dimension_wise_kl",
    ] {
        assert!(found.get(key).is_some_and(Value::is_null), "{key}: {found}");
    }
    assert!(
        found["shuffled_latents_add"].as_f64().unwrap() > 1.0,
        "{found}"
    );
    assert!(image::open(place.path().join("runs/smoke-1/health.png")).is_ok());
}

#[test]
fn a_conditional_model_is_given_the_labels() {
    let place = TempDir::new().unwrap();
    let sets = [
        "--set",
        "condition.decoder=concat",
        "--set",
        "condition.encoder=true",
    ];
    assert!(train(place.path(), &sets).err.contains("\nhealth: "));
    let found = found(&place, &[]);
    let eval: Value = serde_json::from_str(
        run(
            place.path(),
            &["eval", "--json", "-q", "--no-reconstruction"],
        )
        .line(),
    )
    .unwrap();
    let gap = eval["reconstruction"].as_f64().unwrap() - found["reconstruction"].as_f64().unwrap();
    assert!(gap.abs() < 1e-3, "{found}");
}

#[test]
fn latents_that_are_no_numbers_have_no_verdict() {
    let place = with_smoke_run();
    edited(place.path(), |_, tensors| {
        tensors
            .iter_mut()
            .find(|tensor| tensor.name == "log_var.weight")
            .unwrap()
            .values
            .fill(f32::MAX);
    });
    let before = files(place.path());
    doctor(&place, &["-q"]).failed(1, &["its latents are NaN or infinite", "hint: "]);
    assert_eq!(files(place.path()), before);
}

#[test]
fn gradient_norms_are_recorded_and_old_records_are_read() {
    let place = with_smoke_run();
    let folder = place.path().join("runs/smoke-1");
    for record in metrics(&folder) {
        let norms = record.get("gradient_norms");
        if record["split"] == "train" {
            let norms = norms.unwrap().as_object().unwrap();
            let names: Vec<&String> = norms.keys().collect();
            assert_eq!(
                names,
                ["decoder.0", "decoder.1", "encoder.0", "log_var", "mean"]
            );
            assert!(
                norms.values().all(|norm| norm.as_f64().unwrap() > 0.0),
                "{record}"
            );
        } else {
            assert!(norms.is_none(), "{record}");
        }
    }
    // Records of an older version have no gradient norms.
    let path = folder.join("metrics.jsonl");
    let text: String = metrics(&folder)
        .into_iter()
        .map(|mut record| {
            record.as_object_mut().unwrap().remove("gradient_norms");
            format!("{record}\n")
        })
        .collect();
    fs::write(&path, text).unwrap();
    assert!(
        read_metrics(&path)
            .unwrap()
            .iter()
            .all(|record| record.gradient_norms.is_empty())
    );
    assert_eq!(found(&place, &[])["gradient_norms"], json!([]));
    assert!(!doctor(&place, &["-q"]).out.contains("gradient norms"));
}

/// An epoch of 16 steps has one measured step, its first; in the first epoch that step uses the
/// initial weights.
#[test]
fn the_norms_are_those_of_the_gradient() {
    let place = with_smoke_run();
    let records = metrics(&place.path().join("runs/smoke-1"));
    let recorded = &records
        .iter()
        .find(|record| record["split"] == "train")
        .unwrap()["gradient_norms"];
    let plain = plain_device();
    let config = find_preset("smoke").unwrap().config().unwrap();
    let training = training(&config, &plain);
    let vae = training.vae();
    let indices = &training.order()[..config.train.batch];
    let batch = load_batch(
        config.data.kind().pixels(),
        &training.dataset().train,
        indices,
        None,
        config.rng("pixels").at(0),
        &plain,
    );
    let noise = Tensor::from_inner(noise::latents(
        config.rng("noise").at(0),
        indices,
        1,
        8,
        &plain,
    ));
    let batch = Batch::new(Tensor::from_inner(batch.x));
    let loss = config
        .objective
        .kind()
        .terms(vae, &batch, noise, at(0.0))
        .loss
        .mean();
    let gradients = named_gradients(vae, &loss.backward());
    for layer in ["encoder.0", "mean", "log_var", "decoder.0", "decoder.1"] {
        let of_layer = gradients
            .iter()
            .filter(|tensor| tensor.name.rsplit_once('.').unwrap().0 == layer);
        let squares: f64 = of_layer
            .flat_map(|tensor| &tensor.values)
            .map(|value| f64::from(*value).powi(2))
            .sum();
        let [truth, found] = [squares.sqrt(), recorded[layer].as_f64().unwrap()];
        assert!(
            (found - truth).abs() < 1e-4 * truth,
            "{layer}: {found} {truth}"
        );
    }
}

#[test]
fn a_quiet_training_says_nothing_of_it() {
    let place = TempDir::new().unwrap();
    assert_eq!(train(place.path(), &["-q", "--epochs", "1"]).err, "");
    let loud = train(place.path(), &["--epochs", "1"]).err;
    let line = loud
        .lines()
        .find(|line| line.starts_with("health: "))
        .unwrap();
    assert!(
        line.contains(" of 8 latents active, KL ") && line.ends_with("(on 200 test images)"),
        "{line}"
    );
}
