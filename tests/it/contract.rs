//! Tests the contract of every registry entry; a new kind is tested because it is listed.

use std::ops::Range;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use vae::config::{Config, Figures, IgnoredTable, PRESETS, TrainConfig};
use vae::data::Batch;
use vae::data::{Data, Pixels};
use vae::loader::{AugmentConfig, Corruption};
use vae::model::{
    Condition, DiscretisedLogistic, Gaussian, Laplace, Likelihood, Mlp, Model, NamedTensor,
    OutputMap, ParameterShape, Prior, Scale, Sigma, Vae, export,
};
use vae::objective::{
    Autoencoder, BetaTc, Capacity, Context, Cyclical, Elbo, Estimator, Info, Iwae, LossMeans,
    LossTerms, Objective, ObjectiveKind, Sampling, VaeK, separable,
};
use vae::optimizer::{Adam, Optimizer, OptimizerState, UpdatedParameter};
use vae::rng::Rng;
use vae::schedule::Schedule;
use vae::train::{gradients, loss_sums};

use crate::models::{
    at, autodiff_device, conditions, digits, draw_noise, drawn, every_model, found_gradients, gap,
    largest, load_batch, numbers, plain_device, random_batch, tensor, wide,
};

pub const PICTURE: [usize; 3] = [1, 28, 28];

fn config(data: Data, model: Model) -> Config {
    Config {
        augment: AugmentConfig::default(),
        seed: 1,
        data,
        model,
        condition: None,
        prior: Prior::default(),
        likelihood: Likelihood::default(),
        objective: Objective::default(),
        optimizer: Optimizer::default(),
        schedule: Schedule::default(),
        train: TrainConfig::default(),
        figures: Figures::default(),
        published: IgnoredTable,
    }
}

/// Returns likelihoods with other settings than their defaults.
pub fn likelihood_variants() -> Vec<Likelihood> {
    let variants = [
        (Sigma::Fixed(0.7), OutputMap::Sigmoid),
        (Sigma::Learned, OutputMap::Linear),
        (Sigma::Optimal, OutputMap::Linear),
    ];
    let gaussians = variants
        .into_iter()
        .map(|(sigma, mean)| Likelihood::Gaussian(Gaussian { sigma, mean }));
    let laplace = Laplace {
        scale: Scale::Fixed(0.3),
        mean: OutputMap::Linear,
    };
    let mixture = DiscretisedLogistic { components: 3 };
    gaussians
        .chain([
            Likelihood::Laplace(laplace),
            Likelihood::DiscretisedLogistic(mixture),
        ])
        .collect()
}

/// Returns objectives with other settings than their defaults.
pub fn objective_variants() -> Vec<Objective> {
    let elbo = Elbo::default;
    vec![
        Objective::Elbo(Elbo {
            beta: 4.0,
            warmup: 2.0,
            ..elbo()
        }),
        Objective::Elbo(Elbo {
            estimator: Estimator::Sampled,
            ..elbo()
        }),
        Objective::Elbo(Elbo {
            free_bits: 0.05,
            ..elbo()
        }),
        Objective::Elbo(Elbo {
            cyclical: Some(Cyclical::default()),
            ..elbo()
        }),
        Objective::Capacity(Capacity {
            gamma: 10.0,
            max: 5.0,
            growth: 0.0,
        }),
        Objective::Iwae(Iwae { samples: 2 }),
        Objective::BetaTc(BetaTc {
            alpha: 2.0,
            beta: 2.0,
            gamma: 2.0,
            sampling: Sampling::Weighted,
        }),
        Objective::Info(Info {
            alpha: 0.5,
            lambda: 10.0,
        }),
        Objective::VaeK(VaeK {
            samples: 2,
            estimator: Estimator::Sampled,
        }),
        Objective::Autoencoder(Autoencoder {
            corrupt: Some(Corruption::Gaussian(0.5)),
        }),
        Objective::Autoencoder(Autoencoder {
            corrupt: Some(Corruption::Mask(0.5)),
        }),
    ]
}

/// Returns every model with every likelihood and every objective, and every model with every
/// condition, each with its name. The models have random weights and are on the autodiff device.
fn combinations() -> impl Iterator<Item = (String, Vae, Likelihood, Objective)> {
    every_model().into_iter().flat_map(|model| {
        let mut each = Vec::new();
        for likelihood in Likelihood::every() {
            for objective in Objective::every() {
                let name = format!("{} {} {}", model.tag(), likelihood.tag(), objective.tag());
                let vae = build(&model, None, &likelihood);
                each.push((name, vae, likelihood.clone(), objective));
            }
        }
        for prior in Prior::every() {
            for objective in Objective::every()
                .into_iter()
                .filter(|objective| objective.kind().check_prior(&prior).is_ok())
            {
                let name = format!("{} {} {}", model.tag(), prior.tag(), objective.tag());
                let network = model
                    .kind()
                    .network(PICTURE)
                    .unwrap()
                    .with_prior(&prior)
                    .unwrap();
                let likelihood = Likelihood::default();
                let vae = Vae::new(
                    &network,
                    &likelihood,
                    Rng::new(1).stream("weights"),
                    &autodiff_device(),
                );
                each.push((name, vae, likelihood, objective));
            }
        }
        for condition in conditions() {
            let name = format!("{} {condition:?}", model.tag());
            each.push((
                name,
                build(&model, Some(condition), &Likelihood::default()),
                Likelihood::default(),
                Objective::default(),
            ));
        }
        each
    })
}

fn build(model: &Model, condition: Option<Condition>, likelihood: &Likelihood) -> Vae {
    build_on(&autodiff_device(), model, condition, likelihood)
}

pub fn build_on(
    device: &Device,
    model: &Model,
    condition: Option<Condition>,
    likelihood: &Likelihood,
) -> Vae {
    let mut network = model
        .kind()
        .network(PICTURE)
        .unwrap()
        .with_outputs(likelihood.kind().outputs_per_value())
        .unwrap();
    if let Some(condition) = condition {
        network = condition.apply(network, 10).unwrap();
    }
    Vae::new(&network, likelihood, Rng::new(1).stream("weights"), device)
}

/// Returns the first sixteen digits, labelled if the model is conditional, and noise for the
/// objective's samples of z.
pub fn real_batch(vae: &Vae, objective: &dyn ObjectiveKind, seed: u64) -> (Batch, Tensor<3>) {
    let indices: Vec<u32> = (0..16).collect();
    let batch = load_batch(
        Pixels::Grey,
        &digits(16),
        &indices,
        vae.class_count(),
        Rng::new(0),
        &vae.device(),
    );
    (batch, draw_noise(vae, 16, objective.samples(), seed))
}

/// Returns loss, reconstruction and KL, which is 0 if there is none.
pub fn values(terms: &LossTerms) -> [Vec<f64>; 3] {
    let rate = terms
        .kl
        .clone()
        .unwrap_or_else(|| terms.reconstruction.zeros_like());
    [terms.loss.clone(), terms.reconstruction.clone(), rate].map(|term| {
        let term = numbers(term);
        assert!(term.iter().all(|value| value.is_finite()), "{term:?}");
        term
    })
}

#[test]
fn every_combination_gives_finite_terms_and_every_parameter_a_gradient() {
    let mlp = every_model().remove(0);
    let of = |likelihood: &Likelihood, objective: &Objective| {
        (
            format!("{likelihood:?} {objective:?}"),
            build(&mlp, None, likelihood),
            likelihood.clone(),
            objective.clone(),
        )
    };
    let likelihoods = likelihood_variants()
        .into_iter()
        .map(|likelihood| of(&likelihood, &Objective::default()));
    let objectives = objective_variants()
        .into_iter()
        .map(|objective| of(&Likelihood::default(), &objective));
    for (name, vae, likelihood, objective) in combinations().chain(likelihoods).chain(objectives) {
        let (batch, noise) = real_batch(&vae, objective.kind(), 1);
        let terms = objective.kind().terms(&vae, &batch, noise, at(0.0));
        let [loss, reconstruction, rate] = values(&terms);
        assert_eq!(
            [loss.len(), reconstruction.len(), rate.len()],
            [16; 3],
            "{name}"
        );
        // The KL in closed form is not negative; an estimate may be.
        let closed = vae.network().prior.is_normal();
        assert!(
            !closed || rate.iter().all(|&rate| rate > -1e-4),
            "{name}: a divergence below zero"
        );
        assert_eq!(
            terms.kl.is_some(),
            objective.kind().latent_mode().is_sampled(),
            "{name}"
        );
        let gradients = found_gradients(&vae, &terms.loss.mean().backward());
        // The parameters that the network and the likelihood declare before there are weights are
        // those of the model.
        let network = vae.network().parameters().into_iter();
        let likelihood = likelihood.kind().parameters().into_iter();
        let likelihood = likelihood.map(|parameter| parameter.below("likelihood"));
        let expected: Vec<ParameterShape> = network.chain(likelihood).collect();
        let parameters = export(&vae).into_iter();
        let found: Vec<ParameterShape> = parameters
            .map(|NamedTensor { name, shape, .. }| ParameterShape { name, shape })
            .collect();
        assert_eq!(found, expected, "{name}");
        for ((parameter_name, gradient), parameter) in gradients.iter().zip(export(&vae)) {
            let Some(gradient) = gradient else {
                // The latent of an autoencoder has no variance.
                let unused = parameter_name.starts_with("log_var")
                    && !objective.kind().latent_mode().is_sampled();
                assert!(unused, "{name}: `{parameter_name}` has no gradient");
                continue;
            };
            assert_eq!(gradient.shape, parameter.shape, "{name}: {}", gradient.name);
            let size = largest(wide(&gradient.values));
            assert!(
                size > 0.0 && size.is_finite(),
                "{name}: the gradient of `{}` is {size}",
                gradient.name
            );
        }
    }
}

/// Returns the loss per image for the images `range` of a batch of 16.
fn losses(
    vae: &Vae,
    objective: &Objective,
    (batch, noise): &(Batch, Tensor<3>),
    range: Range<usize>,
) -> Vec<f64> {
    let context = at(0.0);
    let context = Context {
        image_ids: &context.image_ids[range.clone()],
        ..context
    };
    let part = Batch {
        x: batch.x.clone().slice(range.clone()),
        corrupted: batch.corrupted.clone().map(|x| x.slice(range.clone())),
        labels: None,
    };
    let k = noise.dims()[0];
    let noise = noise.clone().slice([0..k, range]);
    values(&objective.kind().terms(vae, &part, noise, context))[0].clone()
}

#[test]
fn a_separable_loss_is_the_same_for_a_batch_and_for_its_halves() {
    let mlp = every_model().remove(0);
    let likelihoods = Likelihood::every().into_iter().chain(likelihood_variants());
    let objectives = Objective::every().into_iter().chain(objective_variants());
    let with_likelihood = likelihoods.map(|likelihood| (Objective::default(), likelihood));
    let with_objective = objectives.map(|objective| (objective, Likelihood::default()));
    for (objective, likelihood) in with_likelihood.chain(with_objective) {
        let vae = build(&mlp, None, &likelihood);
        let inputs = real_batch(&vae, objective.kind(), 1);
        let whole = losses(&vae, &objective, &inputs, 0..16);
        let mut halves = losses(&vae, &objective, &inputs, 0..8);
        halves.extend(losses(&vae, &objective, &inputs, 8..16));
        let gap = gap(&whole, &halves) / largest(whole.iter().copied());
        if separable(&objective, &likelihood) {
            assert!(gap < 1e-5, "{objective:?} {likelihood:?}: off by {gap:e}");
        } else if !objective_variants().contains(&objective) {
            // A variant may not show it, for example if no latent or every latent is below the free
            // bits.
            assert!(gap > 1e-5, "{objective:?} {likelihood:?}: {gap:e} only");
        }
    }
}

#[test]
fn every_combination_learns_one_batch_by_heart() {
    let (likelihood, objective) = (Likelihood::default().tag(), Objective::default().tag());
    // Keep the combinations whose likelihood or objective is the default.
    let usual = |name: &str| {
        name.split(' ').any(|part| part == likelihood) || name.ends_with(&format!(" {objective}"))
    };
    for (name, mut vae, _, objective) in
        combinations().filter(|(name, ..)| name.contains('{') || usual(name))
    {
        // With a probability for each of 256 bytes, it takes long until one byte has nearly all of
        // it.
        let part = if name.contains("discretised") {
            0.5
        } else {
            0.25
        };
        let rule = Optimizer::Adam(Adam::default());
        let mut updater = OptimizerState::new(rule, None, &vae);
        let mut first = None;
        let mut last = 0.0;
        // Train for as long as necessary, because some models stay at the mean image for a while.
        // At a higher learning rate all ReLUs of a convolutional autoencoder can die.
        let rate = if name.starts_with("conv") { 3e-4 } else { 1e-3 };
        for step in 0..1500 {
            let (batch, noise) = real_batch(&vae, objective.kind(), step);
            let loss = objective
                .kind()
                .terms(&vae, &batch, noise, at(50.0))
                .loss
                .mean();
            let mut gradients = loss.backward();
            last = numbers(loss.inner())[0];
            first.get_or_insert(last);
            if last < part * first.unwrap() {
                break;
            }
            vae = updater.update(vae, &mut gradients, step + 1, rate);
        }
        let first: f64 = first.unwrap();
        assert!(
            last < part * first,
            "{name}: the loss went from {first} to {last} only"
        );
    }
}

#[test]
fn the_elbo_objective_minimises_distortion_plus_beta_times_rate() {
    for model in every_model() {
        let vae = build(&model, None, &Likelihood::default());
        let terms = |beta: f64, warmup: f64, epoch: f64| {
            let objective = Elbo {
                beta,
                warmup,
                ..Elbo::default()
            };
            let (batch, noise) = real_batch(&vae, &objective, 1);
            values(&objective.terms(&vae, &batch, noise, at(epoch)))
        };
        let [_, reconstruction, rate] = terms(1.0, 0.0, 0.0);
        assert!(
            rate.iter().all(|&rate| rate > 1e-3),
            "a rate that could be seen"
        );
        // The expected weight is 0 without beta and at the start of a warm-up, then rises linearly
        // to beta.
        let cases = [
            (1.0, 0.0, 0.0, 1.0),
            (4.0, 0.0, 0.0, 4.0),
            (0.0, 0.0, 3.0, 0.0),
            (4.0, 10.0, 0.0, 0.0),
            (4.0, 10.0, 2.5, 1.0),
            (4.0, 10.0, 10.0, 4.0),
            (4.0, 10.0, 99.0, 4.0),
        ];
        for (beta, warmup, epoch, weight) in cases {
            let [loss, d, r] = terms(beta, warmup, epoch);
            // The reported terms are those of the true bound, independently of beta.
            assert_eq!(
                (&d, &r),
                (&reconstruction, &rate),
                "beta {beta}, warm-up {warmup}, epoch {epoch}"
            );
            let due: Vec<f64> = d.iter().zip(&r).map(|(d, r)| d + weight * r).collect();
            let gap = gap(&loss, &due);
            assert!(
                gap < 1e-4,
                "beta {beta}, warm-up {warmup}, epoch {epoch}: off by {gap:e}"
            );
            // The reported loss of a test set is the same function.
            let means = LossMeans {
                reconstruction: d[0],
                kl: r[0],
                kl_by_latent: Vec::new(),
                bound: None,
            };
            let reported = Elbo {
                beta,
                warmup,
                ..Elbo::default()
            }
            .loss(&means, at(epoch).time)
            .unwrap();
            assert!(
                (reported - loss[0]).abs() < 1e-4,
                "beta {beta}: {reported} and {}",
                loss[0]
            );
            if weight == 0.0 {
                assert_eq!(loss, d, "beta {beta}, warm-up {warmup}, epoch {epoch}");
            }
        }
    }
}

#[test]
fn a_step_reports_the_same_bound_for_every_beta() {
    let mut config = vae::config::find_preset("smoke").unwrap().config().unwrap();
    let sums = |config: &Config, step: u64| {
        let Data::Digits(digits) = &config.data else {
            panic!("other data would have to be found")
        };
        let vae = drawn(config.model.kind(), PICTURE, 1, &autodiff_device());
        let image_ids: Vec<u32> = (0..64).collect();
        let data = digits.draw();
        let loader = config.train_loader(&vae, data.train.len()).at_step(step);
        let batch = loader.batch(&data.train, &image_ids).unwrap();
        let (terms, _) = gradients(config, data.train.len(), &vae, &image_ids, batch, step);
        numbers(loss_sums(terms))
    };
    let plain = sums(&config, 0);
    config.objective = Objective::Elbo(Elbo {
        beta: 9.0,
        ..Elbo::default()
    });
    let heavy = sums(&config, 0);
    assert_eq!(plain[1..], heavy[1..]);
    assert!((plain[0] - (plain[1] + plain[2])).abs() < 1e-6 * plain[0]);
    assert!((heavy[0] - (heavy[1] + 9.0 * heavy[2])).abs() < 1e-6 * heavy[0]);
    // A warm-up is measured in epochs, which have 16 steps here.
    config.objective = Objective::Elbo(Elbo {
        beta: 9.0,
        warmup: 1.0,
        ..Elbo::default()
    });
    let warming = sums(&config, 8);
    assert!((warming[0] - (warming[1] + 4.5 * warming[2])).abs() < 1e-6 * warming[0]);
}

#[test]
fn every_optimiser_brings_the_loss_down() {
    let objective = Elbo::default();
    for rule in Optimizer::every() {
        let name = rule.tag();
        rule.kind().check().unwrap();
        let model = Mlp {
            latent: 4,
            hidden: vec![64],
            ..Mlp::default()
        };
        let mut vae = drawn(&model, PICTURE, 1, &autodiff_device());
        let mut updater = OptimizerState::new(rule, None, &vae);
        let mut losses = Vec::new();
        for step in 0..100 {
            let (batch, noise) = real_batch(&vae, &objective, 1);
            let loss = objective.terms(&vae, &batch, noise, at(0.0)).loss.mean();
            let mut gradients = loss.backward();
            losses.extend(numbers(loss.inner()));
            vae = updater.update(vae, &mut gradients, step + 1, 1e-3);
        }
        let (first, last) = (losses[0], losses[99]);
        assert!(last < 0.6 * first, "{name}: from {first} to {last} only");
    }
}

#[test]
fn every_optimiser_keeps_what_it_says_and_rests_where_there_is_no_gradient() {
    let device = plain_device();
    let vae = drawn(
        &Mlp {
            latent: 2,
            hidden: vec![3],
            ..Mlp::default()
        },
        [1, 2, 2],
        1,
        &device,
    );
    for rule in Optimizer::every() {
        let name = rule.tag();
        let updater = OptimizerState::new(rule.clone(), None, &vae);
        assert_eq!(updater.slot_names(), rule.kind().slots());
        assert_eq!(updater.slots().len(), export(&vae).len(), "{name}");
        for (slots, parameter) in updater.slots().iter().zip(export(&vae)) {
            assert_eq!(slots.len(), rule.kind().slots().len(), "{name}");
            for slot in slots {
                assert_eq!(
                    numbers(slot.clone()),
                    vec![0.0; parameter.values.len()],
                    "{name}"
                );
            }
        }
        let zeros = || tensor(vec![0.0; 3], [3], &device);
        let mut slots = vec![zeros(); rule.kind().slots().len()];
        let weight = vec![1.0, -2.0, 0.0];
        let parameter = UpdatedParameter {
            weight: tensor(weight.clone(), [3], &device),
            gradient: zeros(),
            slots: &mut slots,
        };
        let mut new = rule.kind().update(vec![parameter], 1, 1e-3);
        // The tolerance allows for weight decay, which AdamW has by default.
        assert!(
            gap(&numbers(new.remove(0)), &wide(&weight)) < 1e-4,
            "{name}"
        );
        assert!(
            slots.into_iter().all(|slot| numbers(slot) == [0.0; 3]),
            "{name}"
        );
    }
}

/// Asserts that `config` survives being written as TOML and read again.
#[track_caller]
fn assert_round_trip(config: &Config) {
    let text = config.to_toml().unwrap();
    let read = Config::parse(&text, Path::new("round.toml"))
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(&read, config, "{text}");
    assert_eq!(read.to_toml().unwrap(), text);
}

#[test]
fn every_default_is_valid_and_survives_toml() {
    let base = config(Data::default(), every_model().remove(0));
    let mut configs = Vec::new();
    for data in Data::every() {
        // Images of one's own have to be looked at first.
        let Some(outline) = data.kind().outline() else {
            continue;
        };
        assert!(
            outline.shape.iter().all(|&length| length > 0),
            "{}",
            data.tag()
        );
        assert_eq!(
            data.kind().validation(),
            0,
            "{}: nothing is set aside unasked",
            data.tag()
        );
        assert!(
            outline.class_count <= 256,
            "{}: a label is a byte",
            data.tag()
        );
        // A list of layers fits images of one size, which by default is MNIST's.
        let fits = |model: &Model| model.tag() == "mlp" || outline.shape == PICTURE;
        configs.extend(
            Model::every()
                .into_iter()
                .filter(fits)
                .map(|model| config(data.clone(), model)),
        );
    }
    configs.extend(conditions().map(|condition| Config {
        condition: Some(condition),
        ..base.clone()
    }));
    configs.extend(Prior::every().into_iter().map(|prior| Config {
        prior,
        ..base.clone()
    }));
    let likelihoods = Likelihood::every().into_iter().chain(likelihood_variants());
    configs.extend(likelihoods.map(|likelihood| Config {
        likelihood,
        ..base.clone()
    }));
    let objectives = Objective::every().into_iter().chain(objective_variants());
    configs.extend(objectives.map(|objective| Config {
        objective,
        ..base.clone()
    }));
    configs.extend(Optimizer::every().into_iter().map(|optimizer| Config {
        optimizer,
        ..base.clone()
    }));
    configs.extend(Schedule::every().into_iter().map(|schedule| Config {
        schedule,
        ..base.clone()
    }));
    for config in configs {
        assert_round_trip(&config);
        let outline = config.data.kind().outline().unwrap();
        let network = config.network(outline.shape, outline.class_count).unwrap();
        assert_eq!(network.image_shape, outline.shape);
    }
    assert_round_trip(&Config {
        train: TrainConfig {
            clip: Some(0.1),
            ..TrainConfig::default()
        },
        ..base
    });
}

/// Tags are written in files and typed by people, so they are lower case, without blanks and
/// unique, and each has a description.
#[test]
fn every_registry_lists_each_kind_once_with_a_description() {
    let lists = [
        Data::LIST,
        Model::LIST,
        Prior::LIST,
        Likelihood::LIST,
        Objective::LIST,
        Optimizer::LIST,
        Schedule::LIST,
    ];
    for list in lists {
        for (i, (tag, about)) in list.iter().enumerate() {
            assert!(
                tag.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{tag}"
            );
            assert!(
                !list[..i].iter().any(|(other, _)| other == tag),
                "{tag} twice"
            );
            assert!(!about.is_empty() && !about.ends_with('.'), "{tag}: {about}");
        }
    }
    let tags: Vec<&str> = Model::every().iter().map(Model::tag).collect();
    assert_eq!(
        tags,
        Model::LIST.iter().map(|(tag, _)| *tag).collect::<Vec<_>>()
    );
}

#[test]
fn every_preset_gives_a_network_and_its_effective_toml_is_the_same_config() {
    for preset in PRESETS {
        let config = preset
            .config()
            .unwrap_or_else(|error| panic!("{}", error.render()));
        // Images of one's own have the shape that the config gives them; these presets' are 64x64.
        let outline = config.data.kind().outline();
        let (shape, classes) = outline.map_or(([3, 64, 64], 0), |outline| {
            (outline.shape, outline.class_count)
        });
        config
            .network(shape, classes)
            .unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert_round_trip(&config);
        let effective =
            Config::parse(&config.to_toml().unwrap(), Path::new("config.toml")).unwrap();
        assert_eq!(effective, config, "{}", preset.name);
        assert!(
            !preset.about().is_empty() && preset.text.starts_with("# "),
            "{}: what is it?",
            preset.name
        );
        // A preset can be found by each of these names.
        for name in [
            preset.name.to_owned(),
            format!("{}.toml", preset.name),
            format!("configs/{}.toml", preset.name),
        ] {
            assert_eq!(
                vae::config::find_preset(&name).unwrap().name,
                preset.name,
                "{name}"
            );
        }
    }
}

#[test]
fn the_model_of_a_seed_is_the_same_on_every_device_and_no_other_seeds() {
    for model in every_model() {
        let weights = |seed| export(&drawn(model.kind(), PICTURE, seed, &plain_device()));
        let differentiable = drawn(model.kind(), PICTURE, 3, &autodiff_device());
        assert_eq!(weights(3), export(&differentiable), "{}", model.tag());
        assert_eq!(
            weights(3),
            export(&differentiable.valid()),
            "{}",
            model.tag()
        );
        assert_ne!(weights(3), weights(4), "{}", model.tag());
        // The loss terms are also the same with and without autodiff.
        let plain = drawn(model.kind(), PICTURE, 3, &plain_device());
        let terms = |vae: &Vae| {
            let (batch, noise) = random_batch(vae, 2, 1, 5);
            values(&Elbo::default().terms(vae, &batch, noise, at(0.0)))
        };
        let differentiable = drawn(model.kind(), PICTURE, 3, &autodiff_device());
        assert_eq!(terms(&plain), terms(&differentiable), "{}", model.tag());
    }
}
