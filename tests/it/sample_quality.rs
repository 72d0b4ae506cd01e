//! Tests the measures of samples, by themselves and as `vae eval --sample-quality`.

use serde_json::Value;
use tempfile::TempDir;
use vae::data::{Dataset, Part, Pixels, Split};
use vae::eval::sample_quality::{SampleQuality, SampleRequest, SampleSource, compared_with};
use vae::eval::{LatentSampler, Protocol};
use vae::model::{Condition, ConditionMode, Vae};
use vae::objective::LatentMode;
use vae::rng::Rng;

use crate::models::{trained, trained_as};
use crate::program::{Done, files, read, run, train, with_smoke_run};
use crate::tiny::with_tiny_runs;

const N: usize = 200;

fn measured(vae: &Vae, data: &Dataset, samples: &Split, asked: Option<&[u32]>) -> SampleQuality {
    let protocol = Protocol {
        pixels: Pixels::Grey,
        samples: 1,
        seed: 1,
        latent_mode: LatentMode::Sampled,
        corruption: None,
    };
    let request = SampleRequest {
        samples,
        asked,
        vae,
        protocol,
        dataset: data,
        held_out: &Part::from(&data.test),
        reconstructions: true,
    };
    SampleQuality::measure(request, &mut |_| true)
        .unwrap()
        .unwrap()
}

fn drawn(vae: &Vae, asked: Option<&[u32]>) -> Split {
    let source = SampleSource {
        vae,
        sampler: LatentSampler::Prior { temperature: 1.0 },
        rng: Rng::new(1).stream("sample"),
    };
    source.draw(N, asked, &mut || true).unwrap().unwrap()
}

fn noise(shape: [usize; 3]) -> Split {
    let rng = Rng::new(2);
    let values = N * shape.iter().product::<usize>();
    let pixels = (0..values as u64).map(|i| rng.below(i, 256) as u8);
    Split::in_memory(pixels.collect(), shape)
}

#[test]
fn held_out_images_rank_above_samples_above_those_of_one_epoch_above_noise() {
    let (vae, data) = trained_as(None, &["train.epochs=40"]);
    let (early, _) = trained_as(None, &["train.epochs=1"]);
    let [samples, first, noise] = [
        drawn(&vae, None),
        drawn(&early, None),
        noise(data.test.shape),
    ]
    .map(|samples| measured(&vae, &data, &samples, None));
    let real = samples.held_out;
    assert_eq!(
        real, noise.held_out,
        "held-out images are the same beside all"
    );
    let distances = [real, samples.samples, first.samples, noise.samples]
        .map(|figures| figures.kernel_distance.mean);
    assert!(distances.is_sorted(), "{distances:?}");
    assert!(distances[1] > distances[0] + 4.0 * real.kernel_distance.se.unwrap());
    for (name, figures) in [
        (
            "precision",
            [real, samples.samples, first.samples, noise.samples].map(|f| f.precision),
        ),
        (
            "density",
            [real, samples.samples, first.samples, noise.samples].map(|f| f.density),
        ),
        (
            "coverage",
            [real, samples.samples, first.samples, noise.samples].map(|f| f.coverage),
        ),
        (
            "recall",
            [real, samples.samples, first.samples, noise.samples].map(|f| f.recall),
        ),
    ] {
        let means = figures.map(|figure| figure.mean);
        assert!(means.iter().rev().is_sorted(), "{name}: {means:?}");
        assert!(means[0] > means[1], "{name}: {means:?}");
        assert!(means[0] > 0.3 && means[3] == 0.0, "{name}: {means:?}");
    }
    let classifier = samples.classifier.unwrap();
    assert!(classifier.accuracy.mean > 0.7, "{:?}", classifier.accuracy);
    assert!(classifier.confident[1].mean > classifier.confident[0].mean);
    assert!(classifier.as_asked.is_none());
    let shares: f64 = classifier
        .histogram
        .iter()
        .map(|[samples, _]| samples)
        .sum();
    assert!((shares - 1.0).abs() < 1e-9);
}

#[test]
fn copies_of_training_images_are_found_and_held_out_images_are_none() {
    let (vae, data) = trained_as(None, &["train.epochs=1"]);
    let copies = compared_with(&data, N);
    let pixels = copies
        .ids
        .iter()
        .flat_map(|&id| data.train.image(id as usize).unwrap().to_vec());
    let copies = Split::in_memory(pixels.collect(), data.train.shape);
    let found = measured(&vae, &data, &copies, None);
    assert_eq!(found.memorised.samples.mean, 1.0);
    assert_eq!(found.memorised.held_out.mean, 0.01);
    // Precise and complete, and yet no good samples.
    let copied = found.samples;
    assert_eq!(
        [copied.precision, copied.recall, copied.coverage].map(|f| f.mean),
        [1.0; 3]
    );
    assert!(copied.kernel_distance.mean < 0.0);
    assert!(found.memorised.distances[0].mean < 1e-3);
    // The held-out images themselves have their own share.
    let real = measured(&vae, &data, &data.test, None);
    assert_eq!(
        real.samples.kernel_distance.mean,
        real.held_out.kernel_distance.mean
    );
    assert_eq!(real.memorised.samples.mean, 0.01);
}

#[test]
fn a_conditional_model_is_asked_for_classes_and_reconstructions_are_measured() {
    let condition = Condition {
        decoder: ConditionMode::Concat,
        encoder: true,
    };
    let (vae, data) = trained_as(Some(condition), &["train.epochs=40"]);
    let asked = compared_with(&data, N).labels().unwrap();
    let samples = drawn(&vae, Some(&asked));
    let found = measured(&vae, &data, &samples, Some(&asked));
    let as_asked = found.classifier.unwrap().as_asked.unwrap().mean;
    assert!(as_asked > 0.5, "{as_asked}");
    let wrong: Vec<u32> = asked.iter().map(|class| (class + 1) % 10).collect();
    let found = measured(&vae, &data, &samples, Some(&wrong));
    assert!(found.classifier.unwrap().as_asked.unwrap().mean < 0.2);
    let fidelity = found.fidelity.unwrap();
    assert!((10.0..30.0).contains(&fidelity.psnr.mean), "{fidelity:?}");
    assert!(
        (0.3..1.0).contains(&fidelity.ssim.unwrap().mean),
        "{fidelity:?}"
    );
}

#[test]
fn an_interrupt_ends_the_measurement() {
    let (vae, test) = trained();
    let data = Dataset {
        name: "digits".into(),
        folder: None,
        classes: Vec::new(),
        train: test.clone(),
        validation: None,
        calibration: None,
        test: test.clone(),
    };
    let mut stages = Vec::new();
    loop {
        let mut seen = Vec::new();
        let request = SampleRequest {
            samples: &test,
            asked: None,
            vae: &vae,
            protocol: Protocol {
                pixels: Pixels::Grey,
                samples: 1,
                seed: 1,
                latent_mode: LatentMode::Sampled,
                corruption: None,
            },
            dataset: &data,
            held_out: &Part::from(&data.test),
            reconstructions: false,
        };
        let last = stages.len();
        let found = SampleQuality::measure(request, &mut |stage| {
            seen.push(stage);
            seen.len() <= last
        });
        stages = seen;
        if found.unwrap().is_some() {
            break;
        }
    }
    assert!(stages.len() > 4, "{stages:?}");
}

fn quality(place: &TempDir, more: &[&str]) -> Value {
    let done = run(
        place.path(),
        &[&["eval", "--json", "--sample-quality"], more].concat(),
    );
    let json: Value = serde_json::from_str(done.line()).unwrap();
    json["sample_quality"].clone()
}

#[test]
fn the_figures_are_printed_and_kept_with_a_sheet_and_are_the_same_with_any_number_of_threads() {
    let place = with_smoke_run();
    let found = quality(&place, &[]);
    for key in [
        "precision",
        "recall",
        "density",
        "coverage",
        "kernel_distance",
        "memorised",
        "nearest_distance",
        "confidence",
        "confident",
        "class_entropy",
    ] {
        for key in [key.to_owned(), format!("{key}_held_out")] {
            assert!(found[&key].is_number(), "{key}: {found}");
            assert!(found[format!("{key}_se")].is_number(), "{key}: {found}");
        }
    }
    assert!(
        found["accuracy_held_out"].as_f64().unwrap() > 0.7,
        "{found}"
    );
    assert!(found["accuracy"].is_null() && found["psnr"].is_number() && found["ssim"].is_number());
    assert_eq!(
        (&found["samples"], &found["from"]),
        (&200.into(), &"prior".into())
    );
    assert_eq!(found["classes"].as_array().unwrap().len(), 10);
    let kept: Value =
        serde_json::from_slice(&read(place.path(), "runs/smoke-1/report.json")).unwrap();
    assert_eq!(kept["sample_quality"], found);
    assert!(place.path().join("runs/smoke-1/nearest.png").is_file());
    assert_eq!(quality(&place, &["--threads", "1"]), found);
    let text = run(
        place.path(),
        &["eval", "--sample-quality", "--no-reconstruction"],
    )
    .out;
    for part in [
        "200 samples (from prior, temperature 1) and 200 test images, each beside 200 training images:",
        "precision",
        "compare them with others at equal N",
        "runs/smoke-1/nearest.png",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("PSNR"), "{text}");
    assert!(!text.contains("FID"), "{text}");
    // Other samples, and fewer.
    let other = quality(
        &place,
        &[
            "--from",
            "mixture:3",
            "--temperature",
            "0.5",
            "--sample-count",
            "50",
        ],
    );
    assert_eq!(
        (&other["samples"], &other["from"]),
        (&50.into(), &"mixture:3".into())
    );
    assert_eq!(other["temperature"], 0.5);
    assert_ne!(other["kernel_distance"], found["kernel_distance"]);
    // A run with a sheet is removed without a question about foreign files.
    let removed = run(place.path(), &["rm", "--yes", "runs/smoke-1"]);
    assert_eq!(removed.code, Some(0), "{}", removed.err);
}

#[test]
fn autoencoders_model_files_and_validation_images_have_figures_too() {
    let place = TempDir::new().unwrap();
    let sets = [
        "-q",
        "--epochs",
        "1",
        "--name",
        "ae",
        "--set",
        "objective.autoencoder=",
    ];
    train(
        place.path(),
        &[&sets[..], &["--set", "data.digits.validation=100"]].concat(),
    )
    .line();
    let found = quality(
        &place,
        &["runs/ae", "--from", "box", "--split", "validation"],
    );
    assert_eq!(found["held_out_split"], "validation");
    assert_eq!(found["samples"], 100);
    std::fs::copy(
        place.path().join("runs/ae/model.safetensors"),
        place.path().join("a.safetensors"),
    )
    .unwrap();
    let before = files(place.path());
    let found = quality(&place, &["a.safetensors"]);
    assert!(found["nearest_sheet"].is_null());
    assert_eq!(files(place.path()), before);
}

fn refused(place: &TempDir, arguments: &[&str], parts: &[&str]) {
    let done: Done = run(
        place.path(),
        &[&["eval", "-q", "runs/mine"], arguments].concat(),
    );
    done.failed(2, parts);
}

#[test]
fn a_request_that_has_no_effect_or_no_answer_is_refused() {
    let place = with_tiny_runs();
    let before = files(place.path());
    for flag in [
        &["--sample-count", "10"][..],
        &["--temperature", "1"],
        &["--from", "prior"],
    ] {
        refused(
            &place,
            flag,
            &[flag[0], "without --sample-quality", "would have no effect"],
        );
    }
    for (arguments, parts) in [
        (
            &["--sample-count", "5"][..],
            &["--sample-count is 5; expected at least 6"][..],
        ),
        (
            &["--sample-count", "31"],
            &["expected at most 30", "60 training images"],
        ),
        (
            &["--images", "7", "--sample-count", "8"],
            &["expected at most 7"],
        ),
        (
            &["--first", "5"],
            &["there are 5 held-out images", "at least 6 of both"],
        ),
        (
            &["--split", "train"],
            &["compared with the training images"],
        ),
        (&["data"], &["new images are named"]),
        (&["--temperature=-1"], &["--temperature is -1"]),
        (
            &["--from", "box", "--temperature", "1"],
            &["--temperature has no effect with --from box"],
        ),
        (
            &["--from", "mixture:61"],
            &["there are only 60 training images"],
        ),
        (&["--from", "mixture"], &["`mixture:10`"]),
    ] {
        refused(&place, &[&["--sample-quality"], arguments].concat(), parts);
    }
    assert_eq!(files(place.path()), before);
}

#[test]
fn the_elbo_is_printed_and_kept_if_samples_cannot_be_measured() {
    let place = with_smoke_run();
    let eval = ["eval", "--sample-quality", "--temperature", "3e38"];
    let done = run(
        place.path(),
        &[&eval[..], &["--importance-samples", "2"]].concat(),
    );
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("runs/smoke-1/model.safetensors: its "),
        "{}",
        done.err
    );
    assert!(
        done.out.contains("ELBO") && !done.out.contains("sample quality"),
        "{}",
        done.out
    );
    let kept: Value =
        serde_json::from_slice(&read(place.path(), "runs/smoke-1/report.json")).unwrap();
    assert!(
        kept["elbo"].is_number() && kept["sample_quality"].is_null(),
        "{kept}"
    );
}
