//! Tests that the verdict on a run names the true cause: a table of runs whose cause is known, and small trainings.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use vae::config::{Config, find_preset, set};
use vae::eval::{Diagnostics, Estimate, LatentStatistics, LayerUnits, Shuffled, judged};
use vae::model::Activation;
use vae::report::diagnosis::{course, summary, verdict};
use vae::run::{Change, Record};

use crate::program::{run, train};

/// The training images of every run in the table: 100 steps of 64 images in each epoch.
const IMAGES: usize = 6400;

/// A run whose cause is known.
struct Case {
    name: &'static str,
    sets: &'static [&'static str],
    health: Diagnostics,
    /// The training and the test loss of each epoch.
    losses: Vec<[f64; 2]>,
    units: Vec<LayerUnits>,
    verdict: &'static str,
    /// A part of the summary, such as the flag that removes the cause.
    says: &'static str,
    /// Whether the learning rate is the cause, so that it may be named.
    blames_rate: bool,
}

fn estimate(mean: f64) -> Estimate {
    Estimate {
        mean,
        se: Some(0.01),
    }
}

/// Returns a latent whose posteriors have the given variances: of their means, and their own on average.
fn latent(variance_of_mean: f64, mean_variance: f64) -> LatentStatistics {
    LatentStatistics {
        kl: Some(0.5 * (variance_of_mean + mean_variance - 1.0 - mean_variance.ln())),
        mean: 0.0,
        variance_of_mean,
        mean_variance,
    }
}

fn used() -> LatentStatistics {
    latent(0.95, 0.05)
}

fn unused() -> LatentStatistics {
    latent(0.0, 1.0)
}

/// Returns the diagnostics of these latents, where another image's latent costs `difference` nats.
fn health(latents: Vec<LatentStatistics>, difference: f64) -> Diagnostics {
    let kl = latents.iter().map(|latent| latent.kl.unwrap()).sum();
    Diagnostics {
        images: 1000,
        same_images: false,
        latents,
        kl: Some(estimate(kl)),
        shuffled: Shuffled {
            reconstruction: estimate(100.0),
            difference: estimate(difference),
        },
    }
}

fn good() -> Diagnostics {
    health(vec![used(); 10], 50.0)
}

fn collapsed() -> Diagnostics {
    health(vec![unused(); 10], 0.0)
}

/// Returns losses that fell fast, and have stood still for most of the epochs.
fn settled(epochs: usize) -> Vec<[f64; 2]> {
    let loss = |epoch: usize| 200.0 + 300.0 * 0.2_f64.powi(epoch as i32);
    (0..epochs).map(|epoch| [loss(epoch); 2]).collect()
}

/// Returns losses that fall by as much in every epoch.
fn falling(epochs: usize) -> Vec<[f64; 2]> {
    (0..epochs)
        .map(|epoch| [500.0 - 10.0 * epoch as f64; 2])
        .collect()
}

fn case(
    name: &'static str,
    sets: &'static [&'static str],
    health: Diagnostics,
    losses: Vec<[f64; 2]>,
    verdict: &'static str,
    says: &'static str,
) -> Case {
    Case {
        name,
        sets,
        health,
        losses,
        units: Vec::new(),
        verdict,
        says,
        blames_rate: false,
    }
}

/// Returns the runs, each with its true cause as its name.
fn cases() -> Vec<Case> {
    let points = || {
        let latents = vec![latent(0.95, 0.05); 10];
        let latents = latents.into_iter().map(|latent| LatentStatistics {
            kl: None,
            mean_variance: 0.0,
            ..latent
        });
        Diagnostics {
            latents: latents.collect(),
            kl: None,
            ..good()
        }
    };
    let constant = || Diagnostics {
        same_images: true,
        ..collapsed()
    };
    let diverging = [[300.0, 300.0], [200.0, 200.0], [9e4, 9e4], [8e6, 8e6]];
    let overfitting = (0..20).map(|epoch| {
        let epoch = f64::from(epoch);
        [200.0 - 3.0 * epoch, 200.0 + 0.1 * (epoch - 8.0).powi(2)]
    });
    let wide = latent(40.0, 0.05);
    let mut cases = vec![
        case(
            "nothing is wrong",
            &[],
            good(),
            settled(20),
            "healthy",
            "50.00 nats",
        ),
        case(
            "two epochs of one batch",
            &["train.batch=6400"],
            collapsed(),
            falling(2),
            "too early to tell",
            "only 2 steps are done; try more epochs: `--epochs 1000`",
        ),
        case(
            "one step of iwae",
            &[
                "objective.iwae.samples=5",
                "train.batch=6400",
                "train.epochs=1",
            ],
            collapsed(),
            falling(1),
            "too early to tell",
            "only 1 step is done; try more epochs: `--epochs 1000`",
        ),
        case(
            "a loss that still falls",
            &[],
            collapsed(),
            falling(10),
            "too early to tell",
            "the test loss still falls; try more epochs: `--epochs 20`",
        ),
        case(
            "a training that was stopped early",
            &["train.epochs=50"],
            collapsed(),
            falling(10),
            "too early to tell",
            "the test loss still falls; the training is not finished: vae train --resume runs/a",
        ),
        case(
            "a training that was stopped in its warm-up",
            &["train.epochs=50", "objective.elbo.warmup=30.5"],
            collapsed(),
            settled(20),
            "too early to tell",
            "until 31 epochs are done, and the latents with them; the training is not finished: ",
        ),
        case(
            "a decoder that does not listen yet",
            &["train.epochs=50"],
            health(vec![used(); 10], 0.0),
            settled(20),
            "ignores z",
            "the training is not finished: vae train --resume runs/a",
        ),
        case(
            "a weight of the KL of 1e30",
            &["objective.elbo.beta=1e30"],
            collapsed(),
            settled(20),
            "collapsed",
            "try `--set objective.elbo.beta=1`",
        ),
        case(
            "a weight of the KL of 20",
            &["objective.elbo.beta=20"],
            collapsed(),
            settled(20),
            "collapsed",
            "try `--set objective.elbo.beta=1`",
        ),
        case(
            "a capacity of 0",
            &["objective.capacity.max=0", "objective.capacity.growth=0"],
            collapsed(),
            settled(20),
            "collapsed",
            "try `--set objective.capacity.max=1`",
        ),
        case(
            "a capacity that still grows",
            &["objective.capacity.growth=30"],
            collapsed(),
            settled(20),
            "too early to tell",
            "change until 30 epochs are done",
        ),
        case(
            "a warm-up that is not over",
            &["objective.elbo.warmup=30"],
            health(vec![wide; 10], 50.0),
            settled(20),
            "too early to tell",
            "change until 30 epochs are done",
        ),
        case(
            "a decoder that needs no latent, after many epochs",
            &["train.epochs=100"],
            collapsed(),
            settled(100),
            "collapsed",
            "try `--set objective.elbo.warmup=25`, or `--set objective.elbo.free_bits=0.1`",
        ),
        case(
            "the same with several samples",
            &["objective.vae-k.samples=5", "train.epochs=100"],
            collapsed(),
            settled(100),
            "collapsed",
            "try `--set objective.elbo.warmup=25`",
        ),
        case(
            "the same with all remedies",
            &["objective.elbo.warmup=5", "objective.elbo.free_bits=0.1"],
            collapsed(),
            settled(20),
            "collapsed",
            "try a decoder of fewer or smaller layers",
        ),
        case(
            "an autoencoder, which has no KL",
            &["objective.autoencoder="],
            points(),
            settled(20),
            "healthy",
            "10 of 10 latents vary",
        ),
        case(
            "posteriors without variance",
            &[],
            health(vec![latent(1.0, 1e-9); 10], 50.0),
            settled(20),
            "noiseless",
            "try `--set objective.elbo.beta=2`",
        ),
        case(
            "a sigma of next to nothing",
            &["likelihood.gaussian.sigma=0.001"],
            health(vec![wide; 10], 5000.0),
            settled(20),
            "under-regularised",
            "try `--set likelihood.gaussian.sigma=optimal`",
        ),
        case(
            "free bits that hold the KL up",
            &["objective.elbo.free_bits=0.5"],
            health(vec![latent(0.6, 0.4); 10], 0.0),
            settled(20),
            "ignores z",
            "try `--set objective.elbo.free_bits=0.05`",
        ),
        case(
            "more latents than the data needs",
            &[],
            health([vec![used(); 2], vec![unused(); 8]].concat(), 50.0),
            settled(20),
            "partly collapsed",
            "`--set model.mlp.latent=2`",
        ),
        case(
            "too many epochs",
            &[],
            good(),
            overfitting.collect(),
            "overfitted",
            "after epoch 9; since then only the training images became better; try fewer epochs: `--epochs 9`",
        ),
        case(
            "images that are all the same",
            &[],
            constant(),
            settled(20),
            "constant data",
            "a latent has nothing to say",
        ),
    ];
    cases.push(Case {
        blames_rate: true,
        ..case(
            "a learning rate of next to nothing",
            &["train.learning_rate=1e-300"],
            collapsed(),
            vec![[500.0; 2]; 20],
            "not trained",
            "try `--set train.learning_rate=0.001`",
        )
    });
    cases.push(Case {
        blames_rate: true,
        ..case(
            "a learning rate that is too high",
            &["train.learning_rate=0.5"],
            health(vec![latent(1e6, 0.05); 10], 1e5),
            diverging.to_vec(),
            "diverged",
            "since epoch 2",
        )
    });
    cases.push(Case {
        blames_rate: true,
        units: vec![LayerUnits {
            layer: "decoder.0".to_owned(),
            activation: Activation::Relu,
            units: 64,
            saturated: 64,
        }],
        ..case(
            "units that are dead",
            &[],
            collapsed(),
            settled(20),
            "dead layer",
            "all units of decoder.0 give the same",
        )
    });
    cases
}

fn records(losses: &[[f64; 2]]) -> Vec<Record> {
    let record = |epoch: usize, split: &str, loss: f64| Record {
        epoch,
        split: split.to_owned(),
        step: None,
        timestamp: None,
        loss: Some(loss),
        elbo: Some(-loss),
        elbo_se: None,
        reconstruction: loss,
        kl: Some(0.0),
        seconds: 1.0,
        images_per_second: 1.0,
        learning_rate: None,
        gradient_norms: BTreeMap::new(),
        skipped_steps: 0,
        changes: Vec::new(),
    };
    let records = (1..).zip(losses);
    let records = records.flat_map(|(epoch, [train, test])| {
        [record(epoch, "train", *train), record(epoch, "test", *test)]
    });
    records.collect()
}

fn config(sets: &[&str]) -> Config {
    let smoke = find_preset("smoke").unwrap().config().unwrap();
    let set = |config, assignment: &&str| set(&config, assignment).unwrap();
    sets.iter().fold(smoke, set)
}

#[test]
fn the_verdict_on_each_run_names_its_cause() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in cases {
        let config = config(case.sets);
        let course = course(&config, &records(&case.losses), IMAGES);
        let findings = judged(&case.health, &course, &case.units);
        assert_eq!(
            verdict(&findings),
            case.verdict,
            "{}: {findings:?}",
            case.name
        );
        let text = summary(
            &case.health,
            &findings,
            &course,
            &config,
            Path::new("runs/a"),
        );
        assert!(text.contains(case.says), "{}: {text}", case.name);
        assert_eq!(
            text.contains("learning rate") || text.contains("learning_rate"),
            case.blames_rate,
            "{}: {text}",
            case.name
        );
    }
}

/// Trains the preset `smoke` and returns the verdict of `vae doctor`, with the line at the end of
/// training.
fn trained(arguments: &[&str]) -> (String, String) {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), arguments);
    assert_eq!(done.line(), "runs/smoke-1");
    let at = done.err.find("\nhealth: ").unwrap();
    let health = done.err[at + 1..].to_owned();
    let found = run(place.path(), &["doctor", "-q", "--json"]);
    let found: Value = serde_json::from_str(found.line()).unwrap();
    let verdict = found["verdict"].as_str().unwrap().to_owned();
    assert!(
        health.starts_with(&format!("health: {verdict}: ")),
        "{health}"
    );
    (verdict, health)
}

#[test]
fn small_trainings_are_judged_by_their_true_cause() {
    let one_step = ["--epochs", "1", "--set", "train.batch=1000"];
    let iwae = ["--set", "objective.iwae.samples=5"];
    let (verdict, health) = trained(&[&one_step[..], &iwae].concat());
    assert_eq!(verdict, "too early to tell", "{health}");
    assert!(!health.contains("learning_rate"), "{health}");
    let epochs = ["--epochs", "10", "--set"];
    for (setting, expected, says) in [
        (
            "train.learning_rate=1e-300",
            "not trained",
            "try `--set train.learning_rate=0.001`",
        ),
        (
            "objective.elbo.beta=1000",
            "collapsed",
            "try `--set objective.elbo.beta=1`",
        ),
        (
            "objective.elbo.warmup=50",
            "too early to tell",
            "change until 50 epochs are done",
        ),
    ] {
        let (verdict, health) = trained(&[&epochs[..], &[setting]].concat());
        assert_eq!(verdict, expected, "{setting}: {health}");
        assert!(health.contains(says), "{setting}: {health}");
    }
}

#[test]
fn a_weight_that_breaks_the_training_is_blamed_and_not_the_learning_rate() {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &["--set", "objective.elbo.beta=1e38"]);
    done.failed(1, &["training broke", "hint: ", "objective.elbo.beta=1"]);
    assert!(!done.err.contains("train.learning_rate"), "{}", done.err);
}

#[test]
fn a_hierarchical_prior_has_no_verdict_by_the_standard_normal() {
    let place = TempDir::new().unwrap();
    let done = train(place.path(), &["--set", "prior.hierarchical="]);
    assert!(!done.err.contains("\nhealth: "), "{}", done.err);
    run(place.path(), &["doctor", "-q"]).failed(2, &["its prior is hierarchical", "hint: "]);
}

#[test]
fn gradient_norms_of_one_epoch_are_not_a_range() {
    let place = TempDir::new().unwrap();
    train(place.path(), &["--epochs", "1"]);
    let text = run(place.path(), &["doctor", "-q"]).out;
    assert!(
        text.contains("(epoch 1)") && !text.contains("1 to 1"),
        "{text}"
    );
}

/// The last config says nothing of the learning rates before.
#[test]
fn a_run_whose_learning_rate_was_lowered_in_the_end_is_not_called_untrained() {
    let config = config(&["train.learning_rate=1e-9"]);
    let mut records = records(&settled(20));
    let verdict_on = |records: &[Record]| {
        let course = course(&config, records, IMAGES);
        verdict(&judged(&collapsed(), &course, &[]))
    };
    assert_eq!(verdict_on(&records), "not trained");
    records[20].changes = vec![Change {
        step: 1000,
        key: "train.learning_rate".to_owned(),
        from: 0.002.into(),
        to: 1e-9.into(),
    }];
    assert_eq!(verdict_on(&records), "collapsed");
}
