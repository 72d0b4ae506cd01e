//! Tests p(x | z): densities against the textbook, and the source of a Gaussian's sigma.

use burn::tensor::Tensor;
use vae::data::Batch;
use vae::data::Pixels;
use vae::eval::{Protocol, drawn_squared_errors, measure};
use vae::loader::Corruption;
use vae::model::{
    Gaussian, Likelihood, LikelihoodKind, Mlp, ModelKind, OutputMap, Sigma, Vae, export, load,
};
use vae::objective::{Elbo, LatentMode, ObjectiveKind};
use vae::rng::Rng;

use crate::models::{
    at, autodiff_device, digits, gap, load_batch, module, numbers, plain_device, random_batch,
    tensor, with_log_sigma,
};

const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_7;

fn gaussian(sigma: Sigma, mean: OutputMap) -> Gaussian {
    Gaussian { sigma, mean }
}

fn log_prob(likelihood: &dyn LikelihoodKind, x: Tensor<2>, outputs: Tensor<3>) -> Tensor<2> {
    module(likelihood).kind().log_prob(x, outputs)
}

/// Returns pixels `[B, P]` and outputs `[K, B, P]`.
fn some(k: usize, b: usize, p: usize) -> (Tensor<2>, Tensor<3>) {
    let (mut x, mut outputs) = (vec![0.0; b * p], vec![0.0; k * b * p]);
    Rng::new(1).stream("x").fill_uniform(&mut x);
    Rng::new(1).stream("outputs").fill_normal(&mut outputs);
    (
        tensor(x, [b, p], &plain_device()),
        tensor(outputs, [k, b, p], &plain_device()),
    )
}

/// Computes log N(x; m, sigma^2 I) for each sample of each image, in float64.
fn textbook(x: &[f64], outputs: &[f64], p: usize, mean: OutputMap, sigma: f64) -> Vec<f64> {
    let density = |(i, outputs): (usize, &[f64])| {
        let first = i * p % x.len();
        let value = |(l, x): (&f64, &f64)| {
            let m = if mean == OutputMap::Sigmoid {
                1.0 / (1.0 + (-l).exp())
            } else {
                *l
            };
            -0.5 * ((x - m) / sigma).powi(2) - sigma.ln() - HALF_LOG_TWO_PI
        };
        outputs.iter().zip(&x[first..first + p]).map(value).sum()
    };
    outputs.chunks_exact(p).enumerate().map(density).collect()
}

#[test]
fn a_gaussians_log_density_is_the_textbooks_with_all_constants() {
    let (x, outputs) = some(3, 4, 50);
    let (x_values, output_values) = (numbers(x.clone()), numbers(outputs.clone()));
    for mean in [OutputMap::Sigmoid, OutputMap::Linear] {
        for sigma in [1.0, 0.1, std::f64::consts::FRAC_1_SQRT_2, 3.0] {
            let truth = textbook(&x_values, &output_values, 50, mean, sigma);
            let scale = 1e-6
                * truth
                    .iter()
                    .fold(100.0, |most: f64, value| most.max(value.abs()));
            let fixed = gaussian(Sigma::Fixed(sigma), mean);
            let ours = numbers(log_prob(&fixed, x.clone(), outputs.clone()));
            assert!(
                gap(&ours, &truth) < scale,
                "fixed {sigma}: {}",
                gap(&ours, &truth)
            );
            // The density is the same if the model holds log sigma.
            for held in [Sigma::Learned, Sigma::Optimal] {
                let mut module = module(&gaussian(held, mean));
                if held == Sigma::Learned {
                    module = with_log_sigma(module, sigma);
                } else {
                    module.kind_mut().fit(sigma * sigma, &plain_device());
                }
                let ours = module.kind().log_prob(x.clone(), outputs.clone());
                assert!(
                    gap(&numbers(ours), &truth) < 4.0 * scale,
                    "{held:?} {sigma}"
                );
            }
        }
    }
}

#[test]
fn a_gaussians_density_has_the_mass_one() {
    const POINTS: usize = 4001;
    let width = 16.0 / (POINTS - 1) as f64;
    let x: Vec<f32> = (0..POINTS)
        .map(|i| (i as f64 * width - 8.0) as f32)
        .collect();
    let (x, device) = (tensor(x, [POINTS, 1], &plain_device()), plain_device());
    for sigma in [0.1, 1.0] {
        let outputs = tensor(vec![0.3; POINTS], [1, POINTS, 1], &device);
        let log_density = numbers(log_prob(
            &gaussian(Sigma::Fixed(sigma), OutputMap::Linear),
            x.clone(),
            outputs,
        ));
        let mass: f64 = log_density
            .into_iter()
            .map(|value| value.exp() * width)
            .sum();
        assert!((mass - 1.0).abs() < 1e-5, "sigma {sigma}: {mass}");
    }
}

#[test]
fn the_optimal_sigma_makes_the_batch_most_likely() {
    let (x, outputs) = some(2, 5, 40);
    let sum = |sigma: Sigma| {
        numbers(log_prob(
            &gaussian(sigma, OutputMap::Sigmoid),
            x.clone(),
            outputs.clone(),
        ))
        .iter()
        .sum::<f64>()
    };
    let squares = vae::ops::plain::squared_error(x.clone(), outputs.clone(), true);
    let best = (numbers(squares).iter().sum::<f64>() / (2.0 * 5.0 * 40.0)).sqrt();
    let optimal = sum(Sigma::Optimal);
    assert!((optimal - sum(Sigma::Fixed(best))).abs() < 1e-4 * optimal.abs());
    for factor in [0.5, 0.9, 0.97, 1.03, 1.1, 2.0] {
        let other = sum(Sigma::Fixed(factor * best));
        assert!(other < optimal - 0.1, "{factor}: {other} and {optimal}");
    }
    // The sum has a closed form as well: -N P / 2 (log(2 pi sigma^2) + 1).
    let closed = -2.0 * 5.0 * 40.0 * (best.ln() + HALF_LOG_TWO_PI + 0.5);
    assert!((optimal - closed).abs() < 1e-3, "{optimal} and {closed}");
}

fn small(likelihood: &Likelihood, autodiff: bool) -> Vae {
    let network = Mlp {
        latent: 3,
        hidden: vec![16],
        ..Mlp::default()
    }
    .network([1, 28, 28])
    .unwrap();
    let device = if autodiff {
        autodiff_device()
    } else {
        plain_device()
    };
    Vae::new(&network, likelihood, Rng::new(2).stream("weights"), &device)
}

fn protocol(latent_mode: LatentMode) -> Protocol {
    Protocol {
        pixels: Pixels::Grey,
        samples: 1,
        seed: 4,
        latent_mode,
        corruption: None,
    }
}

#[test]
fn a_measured_image_never_decides_sigma() {
    let images = digits(40);
    let likelihood = Likelihood::Gaussian(Gaussian::default());
    let fitted = small(&likelihood, false).with_fitted_likelihood((-2.0_f64).exp());
    assert!((fitted.sigma().unwrap() - (-1.0_f64).exp()).abs() < 1e-7);
    let all = measure(&fitted, &images, protocol(LatentMode::Sampled), &mut |_| {}).unwrap();
    let alone = measure(
        &fitted,
        &images.slice(0..1),
        protocol(LatentMode::Sampled),
        &mut |_| {},
    )
    .unwrap();
    assert!((alone.reconstruction[0] - all.reconstruction[0]).abs() < 1e-3);
    // A Gaussian with the same, fixed sigma gives the same numbers.
    let fixed = Likelihood::Gaussian(Gaussian {
        sigma: Sigma::Fixed((-1.0_f64).exp()),
        ..Gaussian::default()
    });
    let fixed = measure(
        &small(&fixed, false),
        &images,
        protocol(LatentMode::Sampled),
        &mut |_| {},
    )
    .unwrap();
    assert!(gap(&fixed.reconstruction, &all.reconstruction) < 1e-2);
    // During training the model has no sigma of its own; each batch has one, which depends on the
    // batch.
    assert_eq!(small(&likelihood, true).sigma(), None);
    let free = small(&likelihood, false);
    let digit = load_batch(
        Pixels::Grey,
        &images,
        &[0],
        None,
        Rng::new(0),
        &plain_device(),
    )
    .x;
    let (grey, noise) = random_batch(&free, 3, 1, 3);
    let reconstruction = |x: Tensor<2>, noise: Tensor<3>| {
        let batch = Batch::new(x);
        numbers(
            Elbo::default()
                .terms(&free, &batch, noise, at(0.0))
                .reconstruction,
        )[0]
    };
    // The same image and latent have another reconstruction term alone than beside easier images.
    let alone = reconstruction(digit.clone(), noise.clone().slice([0..1, 0..1]));
    let together = reconstruction(Tensor::cat(vec![digit, grey.x.slice(0..2)], 0), noise);
    assert!((together - alone).abs() > 0.5, "{together} and {alone}");
}

#[test]
fn the_distortion_is_the_squared_error_in_other_words() {
    // -log p = S / (2 sigma^2) + P (log sigma + 1/2 log 2 pi), which at sigma^2 = 1/2 is the
    // squared error plus a constant.
    let images = digits(30);
    let sigma = std::f64::consts::FRAC_1_SQRT_2;
    let vae = small(
        &Likelihood::Gaussian(gaussian(Sigma::Fixed(sigma), OutputMap::Sigmoid)),
        false,
    );
    for (latent_mode, corruption) in [
        (LatentMode::Sampled, None),
        (LatentMode::Deterministic, None),
        (LatentMode::Deterministic, Some(Corruption::Mask(0.3))),
    ] {
        let protocol = Protocol {
            corruption,
            ..protocol(latent_mode)
        };
        let reconstruction = measure(&vae, &images, protocol, &mut |_| {})
            .unwrap()
            .reconstruction;
        let squares =
            drawn_squared_errors(&vae, &images, &(0..30).collect::<Vec<_>>(), protocol).unwrap();
        let constant = 784.0 * (sigma.ln() + HALF_LOG_TWO_PI);
        let due: Vec<f64> = squares.iter().map(|square| square + constant).collect();
        assert!(
            gap(&reconstruction, &due) < 1e-3,
            "{latent_mode:?} {corruption:?}: {}",
            gap(&reconstruction, &due)
        );
    }
}

#[test]
fn sigma_is_part_of_the_file_where_it_is_not_fixed() {
    let names = |vae: &Vae| {
        export(vae)
            .into_iter()
            .map(|tensor| tensor.name)
            .collect::<Vec<_>>()
    };
    for sigma in [Sigma::Fixed(0.5), Sigma::Learned, Sigma::Optimal] {
        let likelihood = Likelihood::Gaussian(gaussian(sigma, OutputMap::Linear));
        let trained = small(&likelihood, true);
        let written = if sigma == Sigma::Optimal {
            trained.clone().with_fitted_likelihood((-4.0_f64).exp())
        } else {
            trained.clone()
        };
        let held = names(&written).last().unwrap() == "likelihood.log_sigma";
        assert_eq!(held, !matches!(sigma, Sigma::Fixed(_)), "{sigma:?}");
        let read = load(
            written.network(),
            &likelihood,
            &export(&written),
            &plain_device(),
        )
        .unwrap();
        assert_eq!(export(&read), export(&written), "{sigma:?}");
        assert_eq!(read.sigma(), written.sigma(), "{sigma:?}");
        if held {
            let mut without = export(&written);
            without.pop();
            let error =
                load(written.network(), &likelihood, &without, &plain_device()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the tensor `likelihood.log_sigma` is missing"
            );
        }
    }
}
