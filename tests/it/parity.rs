//! Tests that the device in `$VAE_TEST_DEVICE` (or the one that `auto` takes) computes the same as
//! the processor. CUDA may round factors to TF32, for which the tolerances may be too narrow;
//! nobody has been able to try.

use burn::tensor::Device;
use vae::config::{Config, find_preset, set};
use vae::data::Pixels;
use vae::device;
use vae::eval::{Protocol, importance, measure};
use vae::model::{Activation, Likelihood, Mlp, Model, Prior, Resnet, Vae, export};
use vae::objective::Objective;
use vae::optimizer::Optimizer;

use crate::contract::{
    PICTURE, build_on, likelihood_variants, objective_variants, real_batch, values,
};
use crate::models::{
    at, blank, conditions, digits, drawn, every_model, first_steps, found_gradients, gap, largest,
    plain_device, training, wide,
};

fn processor() -> Device {
    device::select("cpu").unwrap().device
}

/// Returns the largest difference over the largest number.
fn apart(here: &[f64], there: &[f64]) -> f64 {
    gap(here, there) / largest(here.iter().copied()).max(1e-30)
}

/// Returns the loss terms and the gradients of one batch, each with its name.
fn pass(vae: &Vae, objective: &Objective) -> Vec<(String, Vec<f64>)> {
    let (batch, noise) = real_batch(vae, objective.kind(), 1);
    let terms = objective.kind().terms(vae, &batch, noise, at(50.0));
    let of_terms = ["loss", "reconstruction", "rate"]
        .into_iter()
        .map(String::from)
        .zip(values(&terms));
    let gradients = found_gradients(vae, &terms.loss.mean().backward()).into_iter();
    let gradients = gradients.filter_map(|(name, gradient)| Some((name, wide(&gradient?.values))));
    of_terms.chain(gradients).collect()
}

fn hold(name: &str, objective: &Objective, build: impl Fn(&Device) -> Vae) {
    let [here, there] =
        [processor(), plain_device()].map(|device| pass(&build(&device.autodiff()), objective));
    assert_eq!(here.len(), there.len(), "{name}");
    for ((part, here), (_, there)) in here.iter().zip(&there) {
        let apart = apart(here, there);
        assert!(apart < 1e-3, "{name}: the {part} differs by {apart:.1e}");
    }
}

#[test]
fn every_objective_has_the_processors_terms_and_gradients() {
    let mlp = every_model().remove(0);
    for objective in Objective::every().into_iter().chain(objective_variants()) {
        hold(&format!("{objective:?}"), &objective, |device| {
            build_on(device, &mlp, None, &Likelihood::default())
        });
    }
}

#[test]
fn every_likelihood_has_the_processors_terms_and_gradients() {
    let mlp = every_model().remove(0);
    for likelihood in Likelihood::every().into_iter().chain(likelihood_variants()) {
        hold(
            &format!("{likelihood:?}"),
            &Objective::default(),
            |device| build_on(device, &mlp, None, &likelihood),
        );
    }
}

#[test]
fn every_model_prior_and_condition_has_the_processors_terms_and_gradients() {
    let mlp = every_model().remove(0);
    let tanh = Model::Mlp(Mlp {
        activation: Activation::Tanh,
        ..Mlp::default()
    });
    for model in every_model().into_iter().chain([tanh]) {
        let build = |device: &Device| build_on(device, &model, None, &Likelihood::default());
        hold(model.tag(), &Objective::default(), build);
    }
    for prior in Prior::every() {
        let network = mlp
            .kind()
            .network(PICTURE)
            .unwrap()
            .with_prior(&prior)
            .unwrap();
        // The pseudo-inputs are images, as at the start of training: if they were all alike, their
        // gradient would be rounding noise.
        let count = prior.kind().pseudo_inputs();
        let bytes = digits(count.max(1)).to_bytes().unwrap().into_iter();
        let pixels: Vec<f32> = bytes.map(|byte| f32::from(byte) / 255.0).collect();
        hold(prior.tag(), &Objective::default(), |device| {
            let vae = blank(&network, 1, device);
            if count == 0 {
                vae
            } else {
                vae.with_pseudo_inputs(&pixels)
            }
        });
    }
    for condition in conditions() {
        let build =
            |device: &Device| build_on(device, &mlp, Some(condition), &Likelihood::default());
        hold(&format!("{condition:?}"), &Objective::default(), build);
    }
}

fn smoke(values: &[&str]) -> Config {
    let config = find_preset("smoke").unwrap().config().unwrap();
    values
        .iter()
        .fold(config, |config, value| set(&config, value).unwrap())
}

#[test]
fn the_first_fifty_losses_of_smoke_are_the_processors() {
    let [here, there] = [processor(), plain_device()]
        .map(|device| first_steps(training(&smoke(&[]), &device), 50).0);
    assert!(
        here[49] < 0.7 * here[0],
        "the loss went from {} to {} only",
        here[0],
        here[49]
    );
    for (step, (here, there)) in here.iter().zip(&there).enumerate() {
        assert!(
            (here - there).abs() < 1e-3 * here,
            "step {}: {there}, not {here}",
            step + 1
        );
    }
}

/// Asserts that three steps move the weights as they do on the processor.
fn hold_weights(name: &str, config: &Config) {
    let [start, here, there] =
        [(0, processor()), (3, processor()), (3, plain_device())].map(|(steps, device)| {
            let weights = export(&first_steps(training(config, &device), steps).1).into_iter();
            weights
                .flat_map(|tensor| wide(&tensor.values))
                .collect::<Vec<f64>>()
        });
    let (moved, apart) = (gap(&start, &here), gap(&here, &there));
    assert!(
        moved > 0.0 && apart < 0.01 * moved,
        "{name}: moved by {moved}, {apart} apart"
    );
}

#[test]
fn a_residual_network_is_trained_as_on_the_processor() {
    // Everything that came with such networks, at once: each part changes the weights.
    let mut config = smoke(&[
        "train.ema=0.5",
        "train.checkpointing=true",
        "augment.shift=2",
    ]);
    config.train.batch = 8;
    config.model = Model::Resnet(Resnet {
        latent: 4,
        channels: vec![8, 12],
        stem: 2,
        dropout: 0.1,
        ..Resnet::default()
    });
    hold_weights("resnet", &config);
}

#[test]
fn every_optimiser_moves_the_weights_as_the_processor_does() {
    for rule in Optimizer::every() {
        let config = Config {
            optimizer: rule.clone(),
            ..smoke(&["train.clip=10"])
        };
        hold_weights(rule.tag(), &config);
    }
}

#[test]
fn bounds_are_the_processors_whatever_the_pixels() {
    let images = digits(50);
    let vae = |device: &Device| drawn(every_model().remove(0).kind(), PICTURE, 1, device);
    for pixels in [
        Pixels::Grey,
        Pixels::Threshold,
        Pixels::Dynamic,
        Pixels::Static,
    ] {
        let protocol = Protocol {
            pixels,
            samples: 2,
            seed: 1,
            latent_mode: Objective::default().kind().latent_mode(),
            corruption: None,
        };
        // The later sizes need 50 x 130 x 20 numbers of noise, enough for the device to make them
        // itself.
        let [here, there] = [processor(), plain_device()].map(|device| {
            let vae = vae(&device);
            let elbo = measure(&vae, &images, protocol, &mut |_| {}).unwrap();
            let bound = importance(&vae, &images, protocol, &[20, 150], &mut |_| true).unwrap();
            [
                elbo.reconstruction().mean,
                elbo.kl().unwrap().mean,
                bound[0].bound().mean,
                bound[1].bound().mean,
            ]
        });
        assert!(
            apart(&here, &there) < 1e-5,
            "{}: {there:?}, not {here:?}",
            pixels.name()
        );
    }
}
