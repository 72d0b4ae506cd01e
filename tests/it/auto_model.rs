//! Tests of `[model.auto]`: a training chooses a model, and its run keeps it.

use std::fs;

use tempfile::TempDir;
use vae::config::Config;
use vae::model::Model;

use crate::program::run;

/// Returns the config file of an epoch on a few images, without a model.
fn without_model(data: &str) -> String {
    format!(
        "{data}\n[likelihood.bernoulli]\n[train]\nepochs = 1\nbatch = 50\nlearning_rate = 1e-3\n"
    )
}

const DIGITS: &str = "[data.digits]\ntrain = 100\ntest = 20";
const LARGE: &str = "[data.noise]\nsize = 64\nchannels = 3\ncount = 60\ntest = 20\nvalidation = 10";

#[test]
fn a_run_has_the_model_that_was_chosen_and_resumes_with_it() {
    let place = TempDir::new().unwrap();
    for (name, data, set, line, latents) in [
        (
            "small",
            DIGITS,
            "model.auto=",
            "model.auto: conv (1 channel, 28x28, 100 images)",
            16,
        ),
        (
            "large",
            LARGE,
            "model.auto.latent=3",
            "model.auto: resnet (3 channels, 64x64, 60 images)",
            3,
        ),
    ] {
        let file = format!("{name}.toml");
        let text = format!("{}[model.auto]\n", without_model(data));
        fs::write(place.path().join(&file), text).unwrap();
        let train = ["train", "--config", &file, "--name", name, "--set", set];
        let done = run(place.path(), &train);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(done.err.contains(line), "{}", done.err);
        let path = place.path().join("runs").join(name).join("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        let config = Config::parse(&text, &path).unwrap();
        assert!(!matches!(config.model, Model::Auto(_)), "{text}");
        assert_eq!(config.model.kind().latent_count(), latents);

        let done = run(place.path(), &["train", "--resume", name, "--epochs", "2"]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(!done.err.contains("model.auto"), "{}", done.err);
        assert_eq!(run(place.path(), &["eval", name]).code, Some(0));

        // The same choice is made for a run that begins with these weights.
        let from = [
            "train", "-q", "--config", &file, "--set", set, "--from", name,
        ];
        run(place.path(), &from).line();
        let from = [&from[..], &["--set", "model.auto.latent=7"]].concat();
        run(place.path(), &from)
            .failed(2, &["latent` is 7, and the weights are from a model with"]);
    }
    let done = run(
        place.path(),
        &["train", "--resume", "small", "--set", "model.auto="],
    );
    done.failed(2, &["this run was trained with"]);
}

#[test]
fn the_table_is_printed_as_it_is_and_its_mistakes_are_named() {
    let place = TempDir::new().unwrap();
    let config = |set: &str| run(place.path(), &["config", "smoke", "--set", set]);
    assert!(config("model.auto=").out.contains("[model.auto]\n\n"));
    let done = config("model.auto.latent=8");
    assert!(
        done.out.contains("[model.auto]\nlatent = 8\n"),
        "{}",
        done.out
    );
    config("model.auto.latent=0").failed(
        2,
        &["model.auto.latent is 0; expected a whole number of at least 1"],
    );
    config("model.auto.hidden=8").failed(2, &["there is no `model.auto.hidden`"]);
}
