//! Tests what each objective minimises, what it reports meanwhile, and that training with it
//! resumes exactly.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use tempfile::TempDir;
use vae::config::{Config, find_preset};
use vae::data::Batch;
use vae::data::{Data, Pixels};
use vae::error::Result;
use vae::eval::{Protocol, measure};
use vae::loader::{Corruption, Loader};
use vae::model::{Likelihood, Mlp, NamedTensor, Vae};
use vae::objective::{
    Autoencoder, Capacity, Cyclical, Elbo, Estimator, LatentMode, LossTerms, Objective,
    ObjectiveKind, Time,
};
use vae::rng::Rng;
use vae::run::{RunFolder, read_metrics};
use vae::train::{Checkpoint, EpochReport, ModelFile, Observer, Training};

use crate::contract::{likelihood_variants, objective_variants};
use crate::models::{
    at, autodiff_device, digits, draw_noise, drawn, found_gradients, gap, largest, load_batch,
    named_gradients, numbers, plain_device, random_batch, training, wide,
};
use crate::program::timeless;
use crate::theory::{assert_within_error, estimate};

const SAMPLED: Elbo = Elbo {
    beta: 1.0,
    warmup: 0.0,
    free_bits: 0.0,
    estimator: Estimator::Sampled,
    cyclical: None,
};

fn small(latent: usize) -> Mlp {
    Mlp {
        latent,
        hidden: vec![16],
        ..Mlp::default()
    }
}

/// Returns a model and its loss terms for sixteen digits.
fn some_terms(objective: &dyn ObjectiveKind, autodiff: bool) -> (Vae, LossTerms) {
    let device = if autodiff {
        autodiff_device()
    } else {
        plain_device()
    };
    let vae = drawn(&small(3), [1, 28, 28], 7, &device);
    let indices: Vec<u32> = (0..16).collect();
    let batch = load_batch(
        Pixels::Grey,
        &digits(16),
        &indices,
        None,
        Rng::new(0),
        &device,
    );
    let terms = objective.terms(&vae, &batch, draw_noise(&vae, 16, 1, 3), at(1.0));
    (vae, terms)
}

fn gradients(objective: &dyn ObjectiveKind) -> Vec<NamedTensor> {
    let (vae, terms) = some_terms(objective, true);
    named_gradients(&vae, &terms.loss.mean().backward())
}

fn mean(values: Tensor<1>) -> f64 {
    let values = numbers(values);
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn assert_same_gradients(ours: &[NamedTensor], theirs: &[NamedTensor], tolerance: f64) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (a, b) = (wide(&ours.values), wide(&theirs.values));
        let scale = largest(b.iter().copied());
        assert!(
            gap(&a, &b) <= tolerance * scale,
            "`{}` is off by {:e} of {scale:e}",
            ours.name,
            gap(&a, &b)
        );
    }
}

#[test]
fn the_sampled_loss_is_the_analytic_one_in_the_mean() {
    const DRAWS: usize = 40_000;
    let vae = drawn(&small(2), [1, 4, 4], 5, &plain_device());
    let (one, _) = random_batch(&vae, 1, 1, 2);
    // The batch is one image many times, each time with its own sample of z; the second estimate
    // uses other samples.
    let batch = Batch::new(one.x.repeat_dim(0, DRAWS));
    for beta in [1.0, 4.0] {
        let sampled =
            Elbo { beta, ..SAMPLED }.terms(&vae, &batch, draw_noise(&vae, DRAWS, 1, 1), at(0.0));
        let analytic = Elbo {
            beta,
            ..Elbo::default()
        }
        .terms(&vae, &batch, draw_noise(&vae, DRAWS, 1, 2), at(0.0));
        let [a, b] = [&sampled, &analytic].map(|terms| estimate(&numbers(terms.loss.clone())));
        let both = vae::eval::Estimate {
            mean: a.mean,
            se: Some(a.se.unwrap().hypot(b.se.unwrap())),
        };
        assert!(
            both.se.unwrap() < 0.02 * beta,
            "the test sees nothing at an error of {}",
            both.se.unwrap()
        );
        assert_within_error(&format!("beta {beta}"), both, b.mean);
        // The reported KL is in closed form: it has no noise, so every draw gives the same value.
        let rates = numbers(sampled.kl.unwrap());
        assert!(gap(&rates, &numbers(analytic.kl.unwrap())) == 0.0);
        assert!(rates.iter().all(|rate| *rate == rates[0]) && rates[0] > 0.01);
        assert!(
            a.se.unwrap() > 0.0 && gap(&numbers(sampled.loss), &numbers(analytic.loss)) > 0.1,
            "nothing was sampled"
        );
    }
}

#[test]
fn the_sampled_loss_is_minus_the_log_weight() {
    let (vae, terms) = some_terms(&SAMPLED, false);
    let indices: Vec<u32> = (0..16).collect();
    let batch = load_batch(
        Pixels::Grey,
        &digits(16),
        &indices,
        None,
        Rng::new(0),
        &plain_device(),
    );
    let weights = numbers(
        vae.forward(&batch, draw_noise(&vae, 16, 1, 3))
            .log_weights(),
    );
    let due: Vec<f64> = weights.into_iter().map(|weight| -weight).collect();
    assert!(gap(&numbers(terms.loss), &due) < 1e-3);
}

#[test]
fn a_capacity_of_zero_and_gamma_one_is_the_elbo() {
    let capacity = Capacity {
        gamma: 1.0,
        max: 0.0,
        growth: 0.0,
    };
    let [ours, theirs] = [&capacity as &dyn ObjectiveKind, &Elbo::default()]
        .map(|objective| some_terms(objective, false).1);
    assert!((mean(ours.loss) - mean(theirs.loss)).abs() < 1e-3);
    assert_same_gradients(&gradients(&capacity), &gradients(&Elbo::default()), 1e-4);
}

#[test]
fn the_capacity_grows_and_pulls_the_kl_up_as_well_as_down() {
    let capacity = |max| Capacity {
        gamma: 3.0,
        max,
        growth: 4.0,
    };
    let (_, terms) = some_terms(&capacity(8.0), false);
    let (reconstruction, rate) = (mean(terms.reconstruction), mean(terms.kl.unwrap()));
    // At epoch 1 of 4 the capacity is a quarter of its maximum.
    assert!((mean(terms.loss) - (reconstruction + 3.0 * (rate - 2.0).abs())).abs() < 1e-3);
    assert!(rate < 2.0, "the KL is below: {rate}");
    // Below the capacity, more KL means less loss: the gradient of the KL has the opposite sign.
    let [up, down, none] = [
        capacity(8.0),
        capacity(0.0),
        Capacity {
            gamma: 0.0,
            ..capacity(0.0)
        },
    ]
    .map(|c| gradients(&c));
    let difference = |a: &[NamedTensor]| -> Vec<f64> {
        a.iter()
            .zip(&none)
            .flat_map(|(a, none)| {
                wide(&a.values)
                    .into_iter()
                    .zip(wide(&none.values))
                    .map(|(a, b)| a - b)
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let (up, down) = (difference(&up), difference(&down));
    let opposite: Vec<f64> = down.iter().map(|value| -value).collect();
    assert!(
        largest(up.clone()) > 0.01 && gap(&up, &opposite) < 1e-3 * largest(up),
        "{}",
        gap(&difference(&none), &opposite)
    );
}

#[test]
fn below_the_free_bits_the_kl_pulls_at_nothing() {
    let free = |free_bits| Elbo {
        free_bits,
        ..Elbo::default()
    };
    // With a floor far above the KL of every latent, the gradient is that of the reconstruction
    // alone, and the loss contains the floor.
    let (_, terms) = some_terms(&free(50.0), false);
    assert!((mean(terms.loss) - mean(terms.reconstruction) - 3.0 * 50.0).abs() < 1e-2);
    assert_same_gradients(
        &gradients(&free(50.0)),
        &gradients(&Elbo {
            beta: 0.0,
            ..Elbo::default()
        }),
        1e-5,
    );
    // With a floor far below, the objective is the plain bound.
    let [ours, plain] =
        [free(1e-6), Elbo::default()].map(|objective| mean(some_terms(&objective, false).1.loss));
    assert!((ours - plain).abs() < 1e-3);
    assert_same_gradients(&gradients(&free(1e-6)), &gradients(&Elbo::default()), 1e-4);
    // The floor applies to each latent: some are above it and some below.
    let (vae, terms) = some_terms(&Elbo::default(), false);
    let protocol = Protocol {
        pixels: Pixels::Grey,
        samples: 1,
        seed: 1,
        latent_mode: LatentMode::Sampled,
        corruption: None,
    };
    let rates = measure(&vae, &digits(16), protocol, &mut |_| {})
        .unwrap()
        .kl_by_latent;
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let floor = 0.5 * (sorted[0] + sorted[2]);
    assert!(sorted[0] < floor && floor < sorted[2]);
    let due = mean(terms.reconstruction) + rates.iter().map(|rate| rate.max(floor)).sum::<f64>();
    assert!((mean(some_terms(&free(floor), false).1.loss) - due).abs() < 1e-3);
}

#[test]
fn the_bound_that_is_reported_is_the_same_whatever_is_minimised() {
    let (_, plain) = some_terms(&Elbo::default(), false);
    let rate = numbers(plain.kl.unwrap());
    for objective in Objective::every().into_iter().chain(objective_variants()) {
        let (_, terms) = some_terms(objective.kind(), false);
        if objective.kind().latent_mode().is_sampled() {
            assert_eq!(
                numbers(terms.reconstruction),
                numbers(plain.reconstruction.clone()),
                "{objective:?}"
            );
            assert!(
                gap(&numbers(terms.kl.unwrap()), &rate) < 1e-6,
                "{objective:?}"
            );
        }
    }
}

#[test]
fn the_loss_of_a_split_is_that_of_the_training() {
    for objective in Objective::every().into_iter().chain(objective_variants()) {
        let vae = drawn(&small(3), [1, 28, 28], 7, &plain_device());
        let (images, indices) = (digits(60), (0..60).collect::<Vec<u32>>());
        let samples = objective.kind().samples();
        let protocol = Protocol {
            pixels: Pixels::Grey,
            samples,
            seed: 1,
            latent_mode: objective.kind().latent_mode(),
            corruption: objective.kind().corruption(),
        };
        let mut means = measure(&vae, &images, protocol, &mut |_| {})
            .unwrap()
            .means();
        if let Some(samples) = objective.kind().bound_samples() {
            let bounds =
                vae::eval::importance(&vae, &images, protocol, &[samples], &mut |_| true).unwrap();
            means.bound = Some(bounds[0].bound().mean);
        }
        // The noise is that of the measurement.
        let rng = Rng::new(1).stream("evaluation").stream("noise");
        let of_latent =
            |k: usize| vae::ops::noise::latents(rng.at(k as u64), &indices, 1, 3, &plain_device());
        let noise = Tensor::cat((0..samples).map(of_latent).collect(), 0);
        let batch = protocol.loader(&vae).batch(&images, &indices).unwrap();
        let context = at(3.0);
        let loss = mean(objective.kind().terms(&vae, &batch, noise, context).loss);
        let Some(reported) = objective.kind().loss(&means, context.time) else {
            // These losses depend on the batch as a whole.
            assert!(
                ["beta-tc", "info"].contains(&objective.tag()),
                "{objective:?}"
            );
            continue;
        };
        // The sampled estimator is an estimate of the reported value, from sixty images.
        let sampled = match &objective {
            Objective::Elbo(elbo) => elbo.estimator == Estimator::Sampled,
            Objective::VaeK(vae_k) => vae_k.estimator == Estimator::Sampled,
            Objective::BetaTc(_) => true,
            _ => false,
        };
        let tolerance = if sampled { 1.0 } else { 2e-5 * loss.abs() };
        assert!(
            (loss - reported).abs() < tolerance,
            "{objective:?}: {loss} and {reported}"
        );
    }
}

#[test]
fn the_weight_of_the_kl_comes_in_cycles() {
    let elbo = Elbo {
        beta: 2.0,
        cyclical: Some(Cyclical {
            cycles: 2,
            rise: 0.5,
        }),
        ..Elbo::default()
    };
    let means = vae::objective::LossMeans {
        reconstruction: 100.0,
        kl: 10.0,
        kl_by_latent: vec![10.0],
        bound: None,
    };
    let weight = |epoch| (elbo.loss(&means, Time { epoch, epochs: 8.0 }).unwrap() - 100.0) / 10.0;
    assert_eq!(
        [0.0, 1.0, 2.0, 4.0, 5.0, 7.0, 8.0].map(weight),
        [0.0, 1.0, 2.0, 2.0, 1.0, 2.0, 2.0]
    );
}

#[test]
fn combinations_without_a_meaning_are_refused() {
    let refused = |elbo: Elbo, pass: &[&str]| {
        let error = elbo.check().unwrap_err().render();
        pass.iter()
            .for_each(|part| assert!(error.contains(part), "expected {part:?} in\n{error}"));
    };
    refused(
        Elbo {
            free_bits: 0.5,
            ..SAMPLED
        },
        &["objective.elbo.free_bits is 0.5", "\"sampled\"", "hint: "],
    );
    let cyclical = Some(Cyclical::default());
    refused(
        Elbo {
            warmup: 3.0,
            cyclical,
            ..Elbo::default()
        },
        &["objective.elbo.warmup is 3", "cyclical", "hint: "],
    );
    let cyclical = Some(Cyclical {
        cycles: 0,
        rise: 0.5,
    });
    refused(
        Elbo {
            cyclical,
            ..Elbo::default()
        },
        &["objective.elbo.cyclical.cycles is 0"],
    );
    refused(
        Elbo {
            free_bits: -1.0,
            ..Elbo::default()
        },
        &["objective.elbo.free_bits is -1"],
    );
    let wrong = Autoencoder {
        corrupt: Some(Corruption::Mask(1.5)),
    };
    assert!(
        wrong
            .check()
            .unwrap_err()
            .to_string()
            .contains("objective.autoencoder.corrupt.mask is 1.5")
    );
}

#[test]
fn an_autoencoders_code_is_not_drawn_and_its_variance_not_trained() {
    let plain = Autoencoder::default();
    let vae = drawn(&small(3), [1, 28, 28], 7, &autodiff_device());
    let indices: Vec<u32> = (0..16).collect();
    let batch = load_batch(
        Pixels::Grey,
        &digits(16),
        &indices,
        None,
        Rng::new(0),
        &autodiff_device(),
    );
    let [one, other] =
        [1, 2].map(|seed| plain.terms(&vae, &batch, draw_noise(&vae, 16, 1, seed), at(0.0)));
    assert_eq!(
        numbers(one.loss.clone().inner()),
        numbers(other.loss.inner())
    );
    assert!(one.kl.is_none());
    let without: Vec<String> = found_gradients(&vae, &one.loss.mean().backward())
        .into_iter()
        .filter_map(|(name, gradient)| gradient.is_none().then_some(name))
        .collect();
    assert_eq!(without, ["log_var.weight", "log_var.bias"]);
}

#[test]
fn corruption_is_what_it_says_and_each_image_has_its_own() {
    let (image_ids, device): (Vec<u32>, _) = ((0..40).collect(), plain_device());
    let x = || Tensor::<2>::ones([40, 784], &device) * 0.25;
    let apply = |corruption: Corruption, seed: u64, image_ids: &[u32]| {
        let x = x().slice(0..image_ids.len());
        numbers(corruption.apply(x, Rng::new(seed), image_ids))
    };
    let gaussian = estimate(&apply(Corruption::Gaussian(0.5), 1, &image_ids));
    assert_within_error("the mean of what is added", gaussian, 0.25);
    let sd = gaussian.se.unwrap() * (40.0 * 784.0_f64).sqrt();
    assert!((sd - 0.5).abs() < 0.01, "{sd}");
    let masked = apply(Corruption::Mask(0.3), 1, &image_ids);
    assert!(masked.iter().all(|value| [0.0, 0.25].contains(value)));
    let gone = masked.iter().filter(|value| **value == 0.0).count() as f64 / masked.len() as f64;
    assert!((gone - 0.3).abs() < 0.012, "{gone}");
    for corruption in [Corruption::Gaussian(0.5), Corruption::Mask(0.3)] {
        let all = apply(corruption, 1, &image_ids);
        // The corruption depends on the image id, not on the batch or the place in it.
        let one = apply(corruption, 1, &[33, 5]);
        assert_eq!(one[..784], all[33 * 784..34 * 784]);
        assert_eq!(one[784..], all[5 * 784..6 * 784]);
        assert_ne!(one[..784], one[784..]);
        assert_ne!(apply(corruption, 2, &image_ids), all);
    }
}

#[test]
fn a_denoising_autoencoder_sees_the_corrupted_and_is_held_to_the_clean() {
    let vae = drawn(&small(3), [1, 28, 28], 7, &plain_device());
    let indices: Vec<u32> = (0..16).collect();
    let corrupt = Corruption::Gaussian(0.5);
    let context = at(0.0);
    let loader = Loader {
        corruption: Some(corrupt),
        corruption_rng: context.rng,
        ..Loader::plain(&plain_device())
    };
    let batch = loader.batch(&digits(16), &indices).unwrap();
    let terms = Autoencoder {
        corrupt: Some(corrupt),
    }
    .terms(&vae, &batch, draw_noise(&vae, 16, 1, 1), context);
    let seen = corrupt.apply(batch.x.clone(), context.rng, &indices);
    let z = vae.encode(seen, None).mean;
    let due = numbers(vae.log_prob(&batch, z.unsqueeze::<3>()));
    let due: Vec<f64> = due.into_iter().map(|value| -value).collect();
    assert_eq!(numbers(terms.reconstruction), due);
}

/// An observer that stops once, after `steps` steps.
struct Stop {
    steps: usize,
}

impl Observer for Stop {
    fn step(&mut self, _: &Training) -> ControlFlow<()> {
        self.steps = self.steps.saturating_sub(1);
        if self.steps == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn epoch(&mut self, _: &Training, _: &EpochReport) -> Result<()> {
        Ok(())
    }
}

/// Trains in `place`, stopping after each of `stops` steps and resuming from the saved state.
/// Returns the model file.
fn train(config: &Config, place: &TempDir, stops: &[usize]) -> ModelFile {
    let folder = RunFolder {
        path: place.path().to_path_buf(),
    };
    let mut training = training(config, &plain_device());
    for &steps in stops {
        let dataset = training.dataset().clone();
        let error = training.run(&folder, &mut Stop { steps }).unwrap_err();
        assert_eq!(error.code(), 130, "{error}");
        let path = folder.state();
        let saved = Checkpoint::read(&path).unwrap();
        training = Training::resume(config, dataset, &plain_device(), &saved, &path).unwrap();
    }
    let trained = training
        .run(&folder, &mut Stop { steps: usize::MAX })
        .unwrap()
        .unwrap();
    let mut file = trained.file();
    file.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(ModelFile::read(&folder.model()).unwrap(), file);
    assert_eq!(read_metrics(&folder.metrics()).unwrap(), trained.history);
    file
}

#[test]
fn a_training_with_any_of_them_goes_on_exactly() {
    let mut base = find_preset("smoke").unwrap().config().unwrap();
    let Data::Digits(data) = &mut base.data else {
        panic!("smoke is of digits")
    };
    (data.train, data.test) = (160, 30);
    base.train.batch = 20;
    base.train.epochs = 3;
    let objectives = Objective::every().into_iter().chain(objective_variants());
    let likelihoods = Likelihood::every().into_iter().chain(likelihood_variants());
    let configs = objectives
        .map(|objective| Config {
            objective,
            ..base.clone()
        })
        .chain(likelihoods.map(|likelihood| Config {
            likelihood,
            ..base.clone()
        }));
    for config in configs {
        let name = format!("{:?} {:?}", config.objective, config.likelihood);
        let places = [(); 2].map(|()| TempDir::new().unwrap());
        let whole = train(&config, &places[0], &[]);
        let stopped = train(&config, &places[1], &[3, 7, 2]);
        assert_eq!(whole, stopped, "{name}");
        assert_eq!(
            timeless(places[0].path()),
            timeless(places[1].path()),
            "{name}"
        );
        // The file holds what was trained: a learned sigma has moved, and a fitted sigma is
        // present.
        let sigma = whole
            .tensors
            .iter()
            .find(|tensor| tensor.name == "likelihood.log_sigma");
        let likelihood = config.likelihood.kind();
        let held = likelihood.is_fitted() || !likelihood.parameters().is_empty();
        assert_eq!(sigma.is_some(), held, "{name}");
        assert!(
            sigma.is_none_or(|sigma| sigma.values[0] < -0.01),
            "{name}: {sigma:?}"
        );
        for record in timeless(places[0].path()) {
            let [elbo, rate] = ["elbo", "kl"].map(|key| record.get(key).unwrap().as_f64());
            assert_eq!(
                [elbo.is_some(), rate.is_some()],
                [config.objective.kind().latent_mode().is_sampled(); 2],
                "{name}"
            );
            // A loss that depends on the batch as a whole has no value on a split.
            let measured = record["split"] == "train"
                || !["beta-tc", "info"].contains(&config.objective.tag());
            assert!(record["loss"].as_f64().is_some() || !measured, "{name}");
            assert!(record["reconstruction"].as_f64().is_some(), "{name}");
        }
    }
}
