//! Tests the priors other than N(0, I): their densities against sums in float64 and against a chain
//! of Gaussians with a known marginal, their samples, and their way from training to a file and
//! back.

use std::fs;

use burn::tensor::Tensor;
use tempfile::TempDir;
use vae::data::Batch;
use vae::density::{DiagonalGaussian, log_mixture, log_mixture_by_products};
use vae::model::{
    Activation, Hierarchical, Likelihood, Mlp, ModelKind, NamedTensor, Network, Prior, Vae, Vamp,
    export, load,
};
use vae::objective::{Iwae, ObjectiveKind};
use vae::rng::Rng;

use crate::models::{at, draw_noise, gap, numbers, plain_device, tensor};
use crate::program::{SMOKE, run};

const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;
const PICTURE: [usize; 3] = [1, 2, 3];

fn log_normal(z: f64, mean: f64, log_var: f64) -> f64 {
    -0.5 * (LOG_TWO_PI + log_var + (z - mean).powi(2) / log_var.exp())
}

fn log_mean_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + (values.iter().map(|value| (value - most).exp()).sum::<f64>() / values.len() as f64).ln()
}

fn of_normals(seed: u64, count: usize, scale: f32, shift: f32) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Rng::new(seed).fill_normal(&mut values);
    values.iter().map(|value| value * scale + shift).collect()
}

fn network(latent: usize, prior: &Prior) -> Network {
    let model = Mlp {
        latent,
        hidden: vec![4],
        ..Mlp::default()
    };
    model.network(PICTURE).unwrap().with_prior(prior).unwrap()
}

fn model(network: &Network, seed: u64) -> Vae {
    Vae::new(
        network,
        &Likelihood::default(),
        Rng::new(seed),
        &plain_device(),
    )
}

fn batch(count: usize) -> Batch {
    let mut x = vec![0.0; count * 6];
    Rng::new(8).fill_uniform(&mut x);
    Batch::new(tensor(x, [count, 6], &plain_device()))
}

#[test]
fn a_mixture_s_density_is_the_mean_of_its_components() {
    let device = plain_device();
    // The components are wide and narrow, near zero and far from it; the latents lie within,
    // between and far outside.
    for (latent_count, shift, log_var) in [
        (1, 0.0, 0.0),
        (3, 0.0, -2.0),
        (5, 40.0, -4.0),
        (8, 0.0, -9.0),
    ] {
        let (count, latents) = (7, 12);
        let means = of_normals(1, count * latent_count, 1.0, shift);
        let log_vars = of_normals(2, count * latent_count, 0.5, log_var);
        let mut z = of_normals(3, latents * latent_count, 1.5, shift);
        z[0] += 30.0;
        let components = DiagonalGaussian {
            mean: tensor(means.clone(), [count, latent_count], &device),
            log_var: tensor(log_vars.clone(), [count, latent_count], &device),
        };
        let at = || tensor(z.clone(), [2, latents / 2, latent_count], &device);
        let found = numbers(log_mixture(&components, at()));
        let by_products = numbers(log_mixture_by_products(&components, at()));
        for ((exact, fast), z) in found
            .iter()
            .zip(by_products)
            .zip(z.chunks_exact(latent_count))
        {
            assert!(
                (exact - fast).abs() < 2e-3 + 1e-5 * exact.abs(),
                "{exact} and {fast} at {z:?}"
            );
        }
        for (z, found) in z.chunks_exact(latent_count).zip(found) {
            let of = |c: usize| -> f64 {
                let at = |d: usize| {
                    (
                        f64::from(means[c * latent_count + d]),
                        f64::from(log_vars[c * latent_count + d]),
                    )
                };
                z.iter()
                    .enumerate()
                    .map(|(d, z)| log_normal(f64::from(*z), at(d).0, at(d).1))
                    .sum()
            };
            let truth = log_mean_exp(&(0..count).map(of).collect::<Vec<_>>());
            assert!(
                (found - truth).abs() < 1e-4 + 1e-6 * truth.abs(),
                "{found} and {truth}"
            );
        }
    }
}

#[test]
fn a_vamp_prior_is_the_mean_of_its_pseudo_inputs_posteriors() {
    let prior = Prior::Vamp(Vamp { pseudo_inputs: 3 });
    let pixels: Vec<f32> = (0..18).map(|i| i as f32 / 17.0).collect();
    let vae = model(&network(2, &prior), 1).with_pseudo_inputs(&pixels);
    let kept = export(&vae)
        .into_iter()
        .find(|tensor| tensor.name == "prior.pseudo_inputs")
        .unwrap();
    assert_eq!(
        (kept.shape, kept.values),
        (vec![3, 6], Vamp::logits(&pixels))
    );
    let inputs: Vec<f32> = pixels.iter().map(|pixel| pixel.clamp(0.05, 0.95)).collect();
    let posteriors = vae.encode(tensor(inputs, [3, 6], &plain_device()), None);
    let pass = vae.forward(&batch(5), draw_noise(&vae, 5, 4, 1));
    let expected = numbers(log_mixture(&posteriors, pass.z.clone()));
    assert!(gap(&numbers(pass.log_pz()), &expected) < 1e-5);
    // Without a closed form, the KL is the mean of its terms.
    let terms = numbers(pass.log_qz() - pass.log_pz());
    let means: Vec<f64> = (0..5)
        .map(|b| (0..4).map(|k| terms[k * 5 + b]).sum::<f64>() / 4.0)
        .collect();
    assert!(gap(&numbers(pass.kl()), &means) < 1e-5 && pass.kl_by_latent().is_none());

    // A third of the samples comes from each component.
    let image_ids: Vec<u32> = (0..6000).collect();
    let draws = numbers(vae.sample_prior(Rng::new(3), &image_ids, 1.0));
    let [means, log_vars] = [numbers(posteriors.mean), numbers(posteriors.log_var)];
    for d in 0..2 {
        let of = |values: &[f64], c: usize| values[2 * c + d];
        let mean = (0..3).map(|c| of(&means, c)).sum::<f64>() / 3.0;
        let square = (0..3)
            .map(|c| of(&log_vars, c).exp() + of(&means, c).powi(2))
            .sum::<f64>()
            / 3.0;
        let variance = square - mean * mean;
        let found: Vec<f64> = draws.iter().skip(d).step_by(2).copied().collect();
        let found_mean = found.iter().sum::<f64>() / 6000.0;
        let found_variance = found.iter().map(|z| (z - found_mean).powi(2)).sum::<f64>() / 6000.0;
        assert!(
            (found_mean - mean).abs() < 4.0 * (variance / 6000.0).sqrt(),
            "{found_mean} and {mean}"
        );
        assert!(
            (found_variance / variance - 1.0).abs() < 0.08,
            "{found_variance} and {variance}"
        );
    }
    let few = numbers(vae.sample_prior(Rng::new(3), &[17, 4], 1.0));
    assert!(gap(&few, &[&draws[34..36], &draws[8..10]].concat()) < 1e-6);
}

/// Each latent is a chain: u ~ N(0, 1) and z ~ N(a u + c, s^2), so z ~ N(c, a^2 + s^2). The encoder
/// of u gives the true posterior, or one that is shifted and too wide.
const A: [f64; 2] = [0.8, -1.5];
const C: [f64; 2] = [0.3, -0.2];
const S: [f64; 2] = [0.6, 0.4];

fn chain(exact: bool) -> Vae {
    let prior = Prior::Hierarchical(Hierarchical {
        latent: 2,
        hidden: vec![],
        activation: Activation::Tanh,
    });
    let network = network(2, &prior);
    let total = |d: usize| A[d] * A[d] + S[d] * S[d];
    let diagonal = |values: [f64; 2]| vec![values[0], 0.0, 0.0, values[1]];
    let (shift, wide) = if exact { (0.0, 0.0) } else { (0.2, 0.4) };
    let weights = export(&model(&network, 1)).into_iter().map(|tensor| {
        let values: Vec<f64> = match tensor.name.as_str() {
            "prior.upper_mean.weight" => diagonal([0, 1].map(|d| A[d] / total(d))),
            "prior.upper_mean.bias" => [0, 1].map(|d| shift - A[d] * C[d] / total(d)).to_vec(),
            "prior.upper_log_var.bias" => [0, 1]
                .map(|d| (S[d] * S[d] / total(d)).ln() + wide)
                .to_vec(),
            "prior.mean.weight" => diagonal(A),
            "prior.mean.bias" => C.to_vec(),
            "prior.log_var.bias" => S.map(|s| 2.0 * s.ln()).to_vec(),
            "prior.upper_log_var.weight" | "prior.log_var.weight" => vec![0.0; 4],
            _ => return tensor,
        };
        NamedTensor {
            values: values.into_iter().map(|value| value as f32).collect(),
            ..tensor
        }
    });
    load(
        &network,
        &Likelihood::default(),
        &weights.collect::<Vec<_>>(),
        &plain_device(),
    )
    .unwrap()
}

/// Returns the exact log p(z).
fn exact(z: &[f64]) -> f64 {
    (0..2)
        .map(|d| log_normal(z[d], C[d], (A[d] * A[d] + S[d] * S[d]).ln()))
        .sum()
}

#[test]
fn a_second_layer_s_estimate_is_exact_where_its_posterior_is() {
    let vae = chain(true);
    let pass = vae.forward(&batch(5), draw_noise(&vae, 5, 3, 1));
    for (z, found) in numbers(pass.z.clone())
        .chunks_exact(2)
        .zip(numbers(pass.log_pz()))
    {
        assert!((found - exact(z)).abs() < 1e-4, "{found} and {}", exact(z));
    }
    // z uses the first numbers of the noise.
    let noise = draw_noise(&vae, 5, 3, 1);
    let z = vae
        .encode(batch(5).x, None)
        .reparameterise(noise.narrow(2, 0, 2));
    assert_eq!(numbers(z), numbers(pass.z));
}

#[test]
fn a_second_layer_s_estimate_is_a_bound_that_many_draws_close() {
    let vae = chain(false);
    // One latent of one image with 20 000 samples of the layer above.
    let k = 20_000;
    let below = of_normals(5, 2, 1.0, 0.0);
    let above = of_normals(6, 2 * k, 1.0, 0.0);
    let noise = above
        .chunks_exact(2)
        .flat_map(|above| [below.clone(), above.to_vec()].concat())
        .collect();
    let pass = vae.forward(&batch(1), tensor(noise, [k, 1, 4], &plain_device()));
    let truth = exact(&numbers(pass.z.clone())[..2]);
    let estimates = numbers(pass.log_pz());
    let mean = estimates.iter().sum::<f64>() / k as f64;
    assert!(mean < truth - 0.05, "{mean} and {truth}");
    assert!(
        (log_mean_exp(&estimates) - truth).abs() < 0.02,
        "{} and {truth}",
        log_mean_exp(&estimates)
    );
}

#[test]
fn a_second_layer_draws_its_marginal() {
    let vae = chain(true);
    let image_ids: Vec<u32> = (0..8000).collect();
    let draws = numbers(vae.sample_prior(Rng::new(3), &image_ids, 1.0));
    for d in 0..2 {
        let found: Vec<f64> = draws.iter().skip(d).step_by(2).copied().collect();
        let variance = A[d] * A[d] + S[d] * S[d];
        let mean = found.iter().sum::<f64>() / 8000.0;
        assert!(
            (mean - C[d]).abs() < 4.0 * (variance / 8000.0).sqrt(),
            "{mean}"
        );
        let spread = found.iter().map(|z| (z - C[d]).powi(2)).sum::<f64>() / 8000.0;
        assert!(
            (spread / variance - 1.0).abs() < 0.07,
            "{spread} and {variance}"
        );
    }
    // Without noise the sample is the mean.
    assert!(gap(&numbers(vae.sample_prior(Rng::new(3), &[7], 0.0)), &C) < 1e-6);
}

/// With the true posterior of the upper layer, importance weights equal those of a one-layer model
/// whose prior is the marginal.
#[test]
fn importance_weights_hold_the_layer_above() {
    let vae = chain(true);
    let noise = draw_noise(&vae, 4, 6, 2);
    let pass = vae.forward(&batch(4), noise.clone());
    let log_pz: Vec<f64> = numbers(pass.z.clone()).chunks_exact(2).map(exact).collect();
    let expected: Vec<f64> = numbers(pass.log_px_z.clone() - pass.log_qz())
        .iter()
        .zip(log_pz)
        .map(|(a, b)| a + b)
        .collect();
    assert!(gap(&numbers(pass.log_weights()), &expected) < 1e-4);
    let loss: Tensor<1> = Iwae { samples: 6 }
        .terms(&vae, &batch(4), noise, at(1.0))
        .loss;
    for (b, loss) in numbers(loss).into_iter().enumerate() {
        let of_image: Vec<f64> = (0..6).map(|k| expected[4 * k + b]).collect();
        assert!((loss + log_mean_exp(&of_image)).abs() < 1e-4);
    }
}

#[test]
fn a_trained_prior_lives_in_the_model_s_file() {
    let place = TempDir::new().unwrap();
    for (name, set, kl) in [
        ("vamp", "prior.vamp.pseudo_inputs=12", "from the samples"),
        (
            "two",
            "prior.hierarchical.latent=3",
            "of both layers, from the samples",
        ),
    ] {
        let train = |more: &[&str]| {
            let set = ["--set", set, "--set", "data.digits.pixels=dynamic"];
            run(place.path(), &[&SMOKE[..], &["-q"], &set, more].concat())
        };
        assert_eq!(
            train(&["--epochs", "2", "--name", name]).line(),
            format!("runs/{name}")
        );
        // A run that was stopped after an epoch and resumed gives the same model.
        let half = format!("{name}-half");
        assert_eq!(
            train(&["--epochs", "1", "--name", &half]).line(),
            format!("runs/{half}")
        );
        assert_eq!(
            run(
                place.path(),
                &["train", "-q", "--resume", &half, "--epochs", "2"]
            )
            .code,
            Some(0)
        );
        let read = |run: &str| {
            fs::read(place.path().join(format!("runs/{run}/model.safetensors"))).unwrap()
        };
        assert!(read(name) == read(&half), "{name}");

        let eval = |more: &[&str]| {
            let done = run(
                place.path(),
                &[&["eval", name, "-q", "--json", "--images", "100"], more].concat(),
            );
            serde_json::from_str::<serde_json::Value>(done.line()).unwrap()
        };
        let report = eval(&["--importance-samples", "1,50"]);
        assert_eq!(
            (
                report["kl_method"].as_str(),
                report["is_log_likelihood"].as_bool()
            ),
            (Some(kl), Some(true))
        );
        let bound = |k: usize| report["importance"][k]["bound"].as_f64().unwrap();
        // With one sample the bound is the ELBO itself.
        assert!(
            (bound(0) - report["elbo"].as_f64().unwrap()).abs() < 1e-3 && bound(1) > bound(0) + 1.0,
            "{report}"
        );
        let text = run(place.path(), &["eval", name, "-q"]).out;
        assert!(
            text.contains(&format!("1 sample of z per image, KL {kl}")),
            "{text}"
        );
        for command in ["sample", "traverse", "reconstruct"] {
            assert_eq!(
                run(place.path(), &[command, name, "-q"]).code,
                Some(0),
                "{command}"
            );
        }
        run(place.path(), &["doctor", name])
            .failed(2, &["latents are judged here by N(0, I)", "hint: "]);
    }
}

#[test]
fn what_does_not_go_together_says_so() {
    let place = TempDir::new().unwrap();
    for (sets, part) in [
        (
            ["prior.vamp.pseudo_inputs=5", "objective.beta-tc.beta=2"],
            "objective.beta-tc and prior.vamp",
        ),
        (
            ["prior.vamp.pseudo_inputs=1001", "train.batch=50"],
            "expected at most the 1000 training images",
        ),
        (
            ["prior.vamp.pseudo_inputs=5", "objective.info.lambda=10"],
            "objective.info and prior.vamp",
        ),
        (
            [
                "prior.hierarchical.latent=5",
                "objective.elbo.free_bits=0.1",
            ],
            "objective.elbo.free_bits and prior.hier",
        ),
        (
            ["prior.hierarchical.latent=5", "objective.dreg.samples=2"],
            "only there for one stochastic layer",
        ),
        (
            ["prior.vamp.pseudo_inputs=5", "objective.autoencoder="],
            "an autoencoder has no prior",
        ),
        (
            ["prior.vamp.pseudo_inputs=5", "condition.encoder=true"],
            "a pseudo-input has no class",
        ),
        (
            [
                "model.mlp.output_bias=mean",
                "likelihood.discretised-logistic.components=2",
            ],
            "that mean is a logit",
        ),
        (
            [
                "model.mlp.output_bias=mean",
                "likelihood.gaussian.mean=linear",
            ],
            "that mean is a logit",
        ),
        (
            ["prior.vamp.pseudo_inputs=0", "objective.elbo.beta=1"],
            "prior.vamp.pseudo_inputs is 0",
        ),
        (
            ["prior.hierarchical.hidden=[0]", "objective.elbo.beta=1"],
            "prior.hierarchical.hidden is 0",
        ),
    ] {
        run(
            place.path(),
            &[&SMOKE[..], &["--set", sets[0], "--set", sets[1]]].concat(),
        )
        .failed(2, &[part]);
    }
    assert!(!place.path().join("runs").exists());
}
