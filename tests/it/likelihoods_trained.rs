//! Tests the likelihoods other than Bernoulli and Gaussian in a network and in the program:
//! decoders with several outputs per value, training, evaluation and samples.

use std::path::Path;

use burn::module::Module;
use serde_json::Value;
use tempfile::TempDir;
use vae::config::{find_preset, set};
use vae::data::Pixels;
use vae::model::{
    Conv, Initialisation, Likelihood, Mlp, ModelKind, NamedTensor, Network, Vae, export, import,
};
use vae::objective::{Elbo, ObjectiveKind};
use vae::optimizer::{Adam, Optimizer, OptimizerState};
use vae::rng::Rng;

use crate::models::{
    at, autodiff_device, digits, draw_noise, load_batch, numbers, plain_device, tensor,
};
use crate::program::{metrics, read, run, timeless, train};

const PICTURE: [usize; 3] = [1, 28, 28];

/// The `--set` argument of each likelihood, and whether its numbers are log-likelihoods.
const KINDS: [(&str, bool); 4] = [
    ("likelihood.continuous-bernoulli=", false),
    ("likelihood.laplace.scale=0.1", false),
    ("likelihood.discretised-logistic=", true),
    ("likelihood.discretised-logistic.components=3", true),
];

fn chosen(assignment: &str) -> Likelihood {
    set(&find_preset("smoke").unwrap().config().unwrap(), assignment)
        .unwrap()
        .likelihood
}

fn shapes(network: &Network) -> Vec<(String, Vec<usize>)> {
    let parameters = network.parameters().into_iter();
    let weights = parameters.filter(|parameter| parameter.name.ends_with("weight"));
    weights
        .map(|parameter| (parameter.name, parameter.shape))
        .collect()
}

#[test]
fn a_decoder_is_widened_at_its_last_layer_and_there_alone() {
    let models: [(&dyn ModelKind, &[usize], &[usize]); 2] = [
        (&Mlp::default(), &[784, 400], &[6 * 784, 400]),
        (&Conv::default(), &[32, 1, 3, 3], &[32, 6, 3, 3]),
    ];
    for (model, narrow, wide) in models {
        let plain = model.network(PICTURE).unwrap();
        assert_eq!(plain.clone().with_outputs(1).unwrap(), plain);
        let widened = plain.clone().with_outputs(6).unwrap();
        assert_eq!(
            widened.clone().with_outputs(6).unwrap(),
            widened,
            "it is said, not multiplied"
        );
        assert_eq!(widened.clone().with_outputs(1).unwrap(), plain);
        let (mut before, mut after) = (shapes(&plain), shapes(&widened));
        assert_eq!(before.pop().unwrap().1, narrow);
        assert_eq!(after.pop().unwrap().1, wide);
        assert_eq!(before, after);
    }
}

/// Sets the weights to 0, and the biases to 0, 1, 2, ...
fn counting(tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
    let filled = |mut tensor: NamedTensor| {
        let count = tensor.name.ends_with("bias");
        tensor
            .values
            .iter_mut()
            .zip(0..)
            .for_each(|(value, i)| *value = if count { i as f32 } else { 0.0 });
        tensor
    };
    tensors.into_iter().map(filled).collect()
}

#[test]
fn channels_of_the_last_layer_are_images_of_one_number_after_another() {
    let likelihood = chosen("likelihood.discretised-logistic=");
    let models: [(&dyn ModelKind, usize); 2] = [(&Mlp::default(), 1), (&Conv::default(), 784)];
    for (model, repeated) in models {
        let network = model.network(PICTURE).unwrap().with_outputs(2).unwrap();
        let vae = Vae::new(&network, &likelihood, Rng::new(1), &plain_device());
        let vae = import(vae.clone(), &counting(export(&vae))).unwrap();
        let z = tensor(
            vec![0.5; network.latent],
            [1, network.latent],
            &plain_device(),
        );
        let expected: Vec<f64> = (0..2 * 784).map(|i| (i / repeated) as f64).collect();
        assert_eq!(numbers(vae.decode(z.clone(), None)), expected);
        assert_eq!(vae.decode_mean(z, None).dims(), [1, 784]);
    }
}

#[test]
fn a_decoder_without_layers_cannot_be_widened() {
    let network = Network::new(
        [1, 2, 2],
        4,
        Vec::new(),
        Vec::new(),
        Initialisation::Pytorch,
    )
    .unwrap();
    assert_eq!(network.clone().with_outputs(1).unwrap(), network);
    let error = network.with_outputs(2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model: no decoder's layer can give 2 numbers for each value"
    );
}

#[test]
fn every_likelihood_draws_what_it_has_learned_by_heart() {
    let images = digits(16);
    let indices: Vec<u32> = (0..16).collect();
    for (assignment, _) in KINDS {
        let likelihood = chosen(assignment);
        let model = Mlp {
            latent: 8,
            hidden: vec![128],
            ..Mlp::default()
        };
        let network = model
            .network(PICTURE)
            .unwrap()
            .with_outputs(likelihood.kind().outputs_per_value())
            .unwrap();
        let mut vae = Vae::new(
            &network,
            &likelihood,
            Rng::new(1).stream("weights"),
            &autodiff_device(),
        );
        let mut updater = OptimizerState::new(Optimizer::Adam(Adam::default()), None, &vae);
        let error = |vae: &Vae| {
            let vae = vae.valid();
            let x = load_batch(
                Pixels::Grey,
                &images,
                &indices,
                None,
                Rng::new(0),
                &vae.device(),
            )
            .x;
            let image = vae.decode_mean(vae.encode(x.clone(), None).mean, None);
            let [low, high] =
                [image.clone().min(), image.clone().max()].map(|value| numbers(value)[0]);
            assert!(
                low >= 0.0 && high <= 1.0,
                "{assignment}: from {low} to {high}"
            );
            numbers((x - image).square().mean())[0]
        };
        let (first, mut last) = (error(&vae), f64::INFINITY);
        for step in 0..1000 {
            let batch = load_batch(
                Pixels::Grey,
                &images,
                &indices,
                None,
                Rng::new(0),
                &vae.device(),
            );
            let noise = draw_noise(&vae, 16, 1, step);
            let mut gradients = Elbo::default()
                .terms(&vae, &batch, noise, at(0.0))
                .loss
                .mean()
                .backward();
            vae = updater.update(vae, &mut gradients, step + 1, 1e-3);
            if step % 50 == 49 {
                last = error(&vae);
                if last < 0.1 * first {
                    break;
                }
            }
        }
        assert!(
            last < 0.1 * first,
            "{assignment}: from {first} to {last} only"
        );
    }
}

fn evaluated(place: &Path, name: &str) -> Value {
    serde_json::from_str(run(place, &["eval", name, "--json", "-q"]).line()).unwrap()
}

#[test]
fn the_program_trains_evaluates_and_samples_with_each() {
    let place = TempDir::new().unwrap();
    for (assignment, is_log_likelihood) in KINDS {
        let name = assignment.replace(['.', '='], "-");
        train(place.path(), &["-q", "--set", assignment, "--name", &name]).line();
        let folder = place.path().join("runs").join(&name);
        let records = metrics(&folder);
        assert!(
            records[3]["elbo"].as_f64() > records[1]["elbo"].as_f64(),
            "{assignment}: the second epoch is better"
        );
        let found = evaluated(place.path(), &name);
        assert_eq!(found["elbo"], records[3]["elbo"], "{assignment}");
        assert_eq!(
            found["is_log_likelihood"], is_log_likelihood,
            "{assignment}"
        );
        assert_eq!(found["caveat"].is_null(), is_log_likelihood, "{assignment}");
        let bits = found["bits_per_dim"].as_f64().unwrap();
        if is_log_likelihood {
            // A uniform byte has 8 bits, and most bytes here are 0.
            assert!(
                bits > 0.3 && bits < 4.0,
                "{assignment}: {bits} bits per dim"
            );
        }
        let scale = found["sigma"].as_f64();
        assert_eq!(
            scale.map(|sigma| (sigma * 1e4).round()),
            assignment.contains("laplace").then_some(1414.0)
        );
        let error = found["squared_error"].as_f64().unwrap();
        assert!(error > 1.0 && error < 100.0, "{assignment}: {error}");
        let sheet = format!("{name}.png");
        run(
            place.path(),
            &["sample", &name, "-q", "--n", "9", "--out", &sheet],
        )
        .line();
        assert!(read(place.path(), &sheet).starts_with(b"\x89PNG"));
        let done = run(place.path(), &["eval", &name]);
        assert_eq!(
            done.out.contains("not a log-likelihood"),
            !is_log_likelihood,
            "{}",
            done.out
        );
    }
}

#[test]
fn a_learned_scale_is_trained_and_kept() {
    let place = TempDir::new().unwrap();
    train(
        place.path(),
        &["-q", "--set", "likelihood.laplace=", "--name", "learned"],
    )
    .line();
    let sigma = evaluated(place.path(), "learned")["sigma"]
        .as_f64()
        .unwrap();
    assert!(sigma > 0.01 && sigma < 0.99, "it began at 1: {sigma}");
}

#[test]
fn a_mixture_on_convolutions_is_the_same_on_one_core_and_on_two_and_can_be_resumed() {
    let place = TempDir::new().unwrap();
    let sets = [
        "likelihood.discretised-logistic.components=2",
        "data.digits.train=200",
        "data.digits.test=50",
        "model.conv.encoder=[{ conv = 4, stride = 2 }, { conv = 6, stride = 2 }]",
        "model.conv.decoder=[{ dense = 294, shape = [6, 7, 7] }, { transposed = 4, stride = 2 }, { transposed = 1, stride = 2 }]",
    ];
    let sets: Vec<&str> = sets
        .iter()
        .flat_map(|assignment| ["--set", *assignment])
        .collect();
    let [one, two] = ["1", "2"].map(|threads| {
        let done = train(
            place.path(),
            &[
                &["-q", "--threads", threads, "--name", threads][..],
                &sets[..],
            ]
            .concat(),
        );
        place.path().join(done.line())
    });
    assert_eq!(timeless(&one), timeless(&two));
    assert!(read(&one, "model.safetensors") == read(&two, "model.safetensors"));
    train(
        place.path(),
        &[&["-q", "--epochs", "1", "--name", "resumed"][..], &sets[..]].concat(),
    )
    .line();
    run(
        place.path(),
        &["train", "--resume", "resumed", "--epochs", "2", "-q"],
    )
    .line();
    let resumed = place.path().join("runs/resumed");
    assert_eq!(timeless(&resumed), timeless(&one));
}
