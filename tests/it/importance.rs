//! Tests the estimates of log p(x), and the objectives built on importance weights, against a model
//! whose log p(x) is known: x = W z + b + sigma e with standard normal z and e has the density N(b,
//! W W' + sigma^2 I).

use burn::tensor::Tensor;
use tempfile::TempDir;
use vae::data::Batch;
use vae::data::{Pixels, Split};
use vae::eval::{Estimate, Importance, Protocol, importance, measure};
use vae::model::{
    Gaussian, Likelihood, Mlp, ModelKind, NamedTensor, OutputMap, Prior, Sigma, Vae, Vamp, export,
    load,
};
use vae::objective::{Dreg, Iwae, LatentMode, LossTerms, ObjectiveKind, VaeK, log_mean_exp};
use vae::rng::Rng;

use crate::models::{
    at, autodiff_device, draw_noise, gap, load_batch, named_gradients, numbers, plain_device,
    tensor,
};
use crate::program::{SMOKE, run};

const PICTURE: [usize; 3] = [1, 2, 3];
const VALUES: usize = 6;
const LATENTS: usize = 2;
const SIGMA: f64 = 0.4;

/// The columns are orthogonal, so that the posterior has no correlations and the encoder can be
/// exact.
const W: [[f64; LATENTS]; VALUES] = [
    [0.5, 0.1],
    [0.5, -0.1],
    [0.1, 0.3],
    [-0.1, 0.3],
    [0.3, 0.2],
    [-0.3, 0.2],
];
const B: [f64; VALUES] = [0.5, 0.4, 0.6, 0.5, 0.3, 0.5];

/// Returns the linear model. Its encoder gives the true posterior if `exact`, else one that is
/// shifted and too wide.
fn linear(exact: bool, device: &burn::tensor::Device) -> Vae {
    let model = Mlp {
        latent: LATENTS,
        hidden: vec![],
        ..Mlp::default()
    };
    let likelihood = Likelihood::Gaussian(Gaussian {
        sigma: Sigma::Fixed(SIGMA),
        mean: OutputMap::Linear,
    });
    let network = model.network(PICTURE).unwrap();
    let vae = Vae::new(&network, &likelihood, Rng::new(1), device);
    // The posterior of each latent: variance sigma^2 / (sigma^2 + |w|^2), mean w'(x - b) / (sigma^2
    // + |w|^2).
    let norms: Vec<f64> = (0..LATENTS)
        .map(|d| SIGMA * SIGMA + W.iter().map(|row| row[d] * row[d]).sum::<f64>())
        .collect();
    let (scale, shift, wide) = if exact {
        (1.0, 0.0, 0.0)
    } else {
        (0.8, 0.3, 0.5)
    };
    let weights = export(&vae).into_iter().map(|tensor| {
        let values: Vec<f64> = match tensor.name.as_str() {
            // The layout is PyTorch's, [out, in].
            "mean.weight" => (0..LATENTS)
                .flat_map(|d| W.iter().map(move |row| (d, row[d])))
                .map(|(d, w)| scale * w / norms[d])
                .collect(),
            "mean.bias" => (0..LATENTS)
                .map(|d| {
                    shift
                        - scale * W.iter().zip(B).map(|(row, b)| row[d] * b).sum::<f64>() / norms[d]
                })
                .collect(),
            "log_var.weight" => vec![0.0; LATENTS * VALUES],
            "log_var.bias" => norms
                .iter()
                .map(|norm| (SIGMA * SIGMA / norm).ln() + wide)
                .collect(),
            "decoder.0.weight" => W.concat(),
            "decoder.0.bias" => B.to_vec(),
            name => panic!("{name}"),
        };
        NamedTensor {
            values: values.into_iter().map(|value| value as f32).collect(),
            ..tensor
        }
    });
    load(&network, &likelihood, &weights.collect::<Vec<_>>(), device).unwrap()
}

fn images(count: usize) -> Split {
    let mut values = vec![0.0; count * VALUES];
    Rng::new(8).fill_uniform(&mut values);
    Split::in_memory(
        values
            .into_iter()
            .map(|value| (value * 255.0) as u8)
            .collect(),
        PICTURE,
    )
}

/// Computes log N(x; b, W W' + sigma^2 I) from the eigenvectors, which are the columns of W.
fn exact_log_px(bytes: &[u8]) -> f64 {
    let x: Vec<f64> = bytes
        .iter()
        .zip(B)
        .map(|(&byte, b)| f64::from(byte) / 255.0 - b)
        .collect();
    let mut rest = x.iter().map(|x| x * x).sum::<f64>();
    let mut sum = -0.5 * VALUES as f64 * (2.0 * std::f64::consts::PI).ln();
    for d in 0..LATENTS {
        let norm = W.iter().map(|row| row[d] * row[d]).sum::<f64>();
        let along = W
            .iter()
            .zip(&x)
            .map(|(row, x)| row[d] * x)
            .sum::<f64>()
            .powi(2)
            / norm;
        let variance = SIGMA * SIGMA + norm;
        sum -= 0.5 * (variance.ln() + along / variance);
        rest -= along;
    }
    sum - 0.5 * ((VALUES - LATENTS) as f64 * (SIGMA * SIGMA).ln() + rest / (SIGMA * SIGMA))
}

fn protocol(seed: u64) -> Protocol {
    Protocol {
        pixels: Pixels::Grey,
        samples: 1,
        seed,
        latent_mode: LatentMode::Sampled,
        corruption: None,
    }
}

fn estimates(vae: &Vae, images: &Split, samples: &[usize], seed: u64) -> Vec<Importance> {
    importance(vae, images, protocol(seed), samples, &mut |_| true).unwrap()
}

#[test]
fn an_exact_posterior_gives_log_px_from_a_single_code() {
    let (vae, images) = (linear(true, &plain_device()), images(130));
    let truth: Vec<f64> = (0..images.len())
        .map(|i| exact_log_px(&images.image(i).unwrap()))
        .collect();
    for estimate in estimates(&vae, &images, &[1, 7, 300], 3) {
        assert!(
            gap(&estimate.log_px, &truth) < 1e-4,
            "K = {}",
            estimate.samples
        );
        // Every sample of z has the same weight.
        let [median, worst] = estimate.effective_range();
        let k = estimate.samples as f64;
        assert!(
            (median / k - 1.0).abs() < 1e-4 && (worst / k - 1.0).abs() < 1e-4,
            "{median} and {worst} of {k}"
        );
    }
}

#[test]
fn bounds_rise_to_the_log_px_of_the_linear_model() {
    let (vae, images) = (linear(false, &plain_device()), images(300));
    let truth: Vec<f64> = (0..images.len())
        .map(|i| exact_log_px(&images.image(i).unwrap()))
        .collect();
    let found = estimates(&vae, &images, &[1, 5, 50, 5000], 4);
    let gaps: Vec<Estimate> = found
        .iter()
        .map(|bound| {
            let gaps: Vec<f64> = bound
                .log_px
                .iter()
                .zip(&truth)
                .map(|(bound, truth)| truth - bound)
                .collect();
            Estimate::of(gaps.iter().copied())
        })
        .collect();
    // Each estimate is below log p(x) and rises with K; with 5000 samples it has converged.
    assert!(
        gaps.windows(2).all(|pair| pair[0].mean > pair[1].mean),
        "{gaps:?}"
    );
    assert!(
        gaps[0].mean > 5.0 * gaps[0].se.unwrap() && gaps[1].mean > 3.0 * gaps[1].se.unwrap(),
        "{gaps:?}"
    );
    assert!(
        gaps[3].mean.abs() < 4.0 * gaps[3].se.unwrap() + 2e-3,
        "{gaps:?}"
    );
    // With one sample it is the ELBO, whose KL is in closed form.
    let elbo = measure(&vae, &images, protocol(4), &mut |_| {})
        .unwrap()
        .elbo()
        .unwrap();
    let one = found[0].bound();
    assert!(
        (elbo.mean - one.mean).abs() < 4.0 * (elbo.se.unwrap() + one.se.unwrap()),
        "{elbo:?} and {one:?}"
    );
    // An encoder wider than the posterior has fewer effective samples.
    for bound in &found[1..] {
        let ([median, worst], k) = (bound.effective_range(), bound.samples as f64);
        assert!(
            1.0 <= worst && worst <= median && median < 0.98 * k,
            "{median} and {worst} of {k}"
        );
    }
}

#[test]
fn an_estimate_depends_on_the_images_and_their_latents_alone() {
    let (vae, images) = (linear(false, &plain_device()), images(230));
    let all = estimates(&vae, &images, &[1, 30, 70], 5);
    // Fewer images, fewer samples and another number of threads change nothing.
    let few = estimates(&vae, &images.slice(0..120), &[30], 5);
    assert!(gap(&few[0].log_px, &all[1].log_px[..120]) < 1e-6);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(
        pool.install(|| estimates(&vae, &images, &[1, 30, 70], 5)),
        all
    );
    assert_ne!(estimates(&vae, &images, &[1, 30, 70], 6), all);
    // An interrupted estimate returns whole images only.
    let mut calls = 0;
    let stopped = importance(&vae, &images, protocol(5), &[1, 30], &mut |_| {
        calls += 1;
        calls < 5
    })
    .unwrap();
    assert!(stopped.iter().all(|bound| bound.log_px.len() < 230
        && bound.log_px[..] == all[usize::from(bound.samples > 1)].log_px[..bound.log_px.len()]));
    assert_eq!(stopped[0].log_px.len(), stopped[1].log_px.len());
}

#[test]
fn a_mean_of_exponentials_does_not_overflow() {
    let device = plain_device();
    let values = vec![-1e4, 3.0, 2e4, 5.0, -1e4, 3.0, 2e4, 2.0];
    let found = numbers(log_mean_exp(tensor(values, [2, 4], &device)));
    assert_eq!(&found[..3], [-1e4, 3.0, 2e4]);
    assert!((found[3] - ((5_f64.exp() + 2_f64.exp()) / 2.0).ln()).abs() < 1e-6);
}

/// Returns the first images as a batch on the model's device.
fn batch(vae: &Vae, count: u32) -> Batch {
    let indices: Vec<u32> = (0..count).collect();
    let batch = load_batch(
        Pixels::Grey,
        &images(10),
        &indices,
        None,
        Rng::new(0),
        &plain_device(),
    );
    if vae.device().is_autodiff() {
        Batch::new(Tensor::from_inner(batch.x))
    } else {
        batch
    }
}

#[test]
fn the_objectives_are_the_bounds_of_their_weights() {
    let vae = linear(false, &autodiff_device());
    let batch = batch(&vae, 6);
    let noise = draw_noise(&vae, 6, 9, 3);
    let weights = numbers(vae.forward(&batch, noise.clone()).log_weights()); // [K, B]
    let of = |image: usize| {
        weights
            .iter()
            .skip(image)
            .step_by(6)
            .copied()
            .collect::<Vec<f64>>()
    };
    let loss = |objective: &dyn ObjectiveKind| -> Vec<f64> {
        let LossTerms { loss, .. } = objective.terms(&vae, &batch, noise.clone(), at(0.0));
        numbers(loss)
    };
    let bound: Vec<f64> = (0..6)
        .map(|image| -(of(image).iter().map(|w| w.exp()).sum::<f64>() / 9.0).ln())
        .collect();
    let mean: Vec<f64> = (0..6)
        .map(|image| -of(image).iter().sum::<f64>() / 9.0)
        .collect();
    assert!(gap(&loss(&Iwae { samples: 9 }), &bound) < 1e-5);
    assert!(gap(&loss(&Dreg { samples: 9 }), &bound) < 1e-5);
    let sampled = VaeK {
        samples: 9,
        estimator: vae::objective::Estimator::Sampled,
    };
    assert!(gap(&loss(&sampled), &mean) < 1e-5);
    let terms = VaeK {
        samples: 9,
        ..VaeK::default()
    }
    .terms(&vae, &batch, noise.clone(), at(0.0));
    let sum: Vec<f64> = numbers(terms.reconstruction)
        .iter()
        .zip(numbers(terms.kl.unwrap()))
        .map(|(d, r)| d + r)
        .collect();
    assert!(gap(&numbers(terms.loss), &sum) < 1e-4);
}

/// Returns the mean of each parameter's gradient over many draws, and its standard error.
fn gradients(vae: &Vae, objective: &dyn ObjectiveKind, draws: u64) -> Vec<(String, Vec<Estimate>)> {
    let batch = batch(vae, 2);
    let mut all: Vec<Vec<NamedTensor>> = Vec::new();
    for seed in 0..draws {
        let noise = draw_noise(vae, 2, objective.samples(), 1000 + seed);
        let terms = objective.terms(vae, &batch, noise, at(0.0));
        all.push(named_gradients(vae, &terms.loss.mean().backward()));
    }
    let estimate = |tensor: usize, place: usize| {
        Estimate::of(
            all.iter()
                .map(move |draw| f64::from(draw[tensor].values[place])),
        )
    };
    let tensors = all[0].iter().enumerate();
    tensors
        .map(|(i, first)| {
            (
                first.name.clone(),
                (0..first.values.len())
                    .map(|place| estimate(i, place))
                    .collect(),
            )
        })
        .collect()
}

/// If the encoder also parameterises the prior, both estimators have the same gradient in
/// expectation.
#[test]
fn the_doubly_reparameterised_gradient_knows_a_prior_made_by_the_encoder() {
    let model = Mlp {
        latent: 2,
        hidden: vec![],
        ..Mlp::default()
    };
    let prior = Prior::Vamp(Vamp { pseudo_inputs: 3 });
    let network = model.network(PICTURE).unwrap().with_prior(&prior).unwrap();
    let vae = Vae::new(
        &network,
        &Likelihood::default(),
        Rng::new(3),
        &autodiff_device(),
    );
    let [iwae, dreg]: [_; 2] = [
        gradients(&vae, &Iwae { samples: 8 }, 1500),
        gradients(&vae, &Dreg { samples: 8 }, 1500),
    ];
    for ((name, a), (_, b)) in iwae.iter().zip(&dreg) {
        for (a, b) in a.iter().zip(b) {
            let error = (a.se.unwrap() * a.se.unwrap() + b.se.unwrap() * b.se.unwrap()).sqrt();
            assert!(
                (a.mean - b.mean).abs() < 5.0 * error + 1e-6,
                "{name}: {a:?} and {b:?}"
            );
        }
    }
}

/// Tucker et al. 2019: the gradient is the same in expectation, with less noise in the encoder.
#[test]
fn the_doubly_reparameterised_gradient_is_that_of_iwae_with_less_noise() {
    let vae = linear(false, &autodiff_device());
    let iwae = gradients(&vae, &Iwae { samples: 16 }, 1500);
    let dreg = gradients(&vae, &Dreg { samples: 16 }, 1500);
    let (mut noise, mut less) = (0.0, 0.0);
    for ((name, a), (_, b)) in iwae.iter().zip(&dreg) {
        for (a, b) in a.iter().zip(b) {
            // By chance one of the thirty or so numbers is five errors off once in 60 000 runs.
            let error = (a.se.unwrap() * a.se.unwrap() + b.se.unwrap() * b.se.unwrap()).sqrt();
            assert!(
                (a.mean - b.mean).abs() < 5.0 * error + 1e-6,
                "{name}: {a:?} and {b:?}"
            );
            if name.starts_with("mean") || name.starts_with("log_var") {
                noise += a.se.unwrap() * a.se.unwrap();
                less += b.se.unwrap() * b.se.unwrap();
            }
        }
    }
    assert!(
        less < 0.5 * noise,
        "a variance of {less:e}, not less than half of {noise:e}"
    );
}

#[test]
fn a_run_is_trained_measured_and_compared() {
    let place = TempDir::new().unwrap();
    for (name, set) in [
        ("one", "objective.iwae.samples=3"),
        ("two", "objective.dreg.samples=3"),
    ] {
        let more = [
            "-q",
            "--epochs",
            "1",
            "--set",
            set,
            "--set",
            "data.digits.pixels=dynamic",
            "--name",
            name,
        ];
        assert_eq!(
            run(place.path(), &[&SMOKE[..], &more].concat()).line(),
            format!("runs/{name}")
        );
    }
    let eval = |run_name: &str, more: &[&str]| {
        let done = run(
            place.path(),
            &[&["eval", run_name, "-q", "--json"], more].concat(),
        );
        serde_json::from_str::<serde_json::Value>(done.line()).unwrap()
    };
    let report = eval(
        "one",
        &["--importance-samples", "20,1,5", "--images", "100"],
    );
    let bounds = report["importance"].as_array().unwrap();
    let nats: Vec<f64> = bounds
        .iter()
        .map(|bound| bound["bound"].as_f64().unwrap())
        .collect();
    assert!(
        nats.len() == 3 && nats[0] < nats[1] && nats[1] < nats[2],
        "{report}"
    );
    assert_eq!(
        (&report["log_px"], &report["importance_samples"]),
        (&bounds[2]["bound"], &20.into())
    );
    assert_eq!(
        (&report["images"], &report["importance"][0]["images"]),
        (&100.into(), &100.into())
    );
    let (median, worst) = (
        report["ess_median"].as_f64().unwrap(),
        report["ess_worst"].as_f64().unwrap(),
    );
    assert!(1.0 <= worst && worst <= median && median <= 20.0);
    // The test loss is the objective that is trained.
    let records = crate::program::metrics(&place.path().join("runs/one"));
    let test = records
        .iter()
        .rfind(|record| record["split"] == "test")
        .unwrap();
    assert!(
        test["loss"].as_f64().unwrap() < -test["elbo"].as_f64().unwrap(),
        "{test}"
    );
    let kept: serde_json::Value =
        serde_json::from_slice(&crate::program::read(place.path(), "runs/one/report.json"))
            .unwrap();
    let mut without = kept.clone();
    let by_image = without.as_object_mut().unwrap().remove("by_image").unwrap();
    // The command says where the model is; a report in a run's folder names the file beside it.
    assert_eq!(without["model"], "model.safetensors");
    without["model"] = report["model"].clone();
    assert_eq!(without, report);
    let of_images: Vec<f64> = by_image["bound"]
        .as_array()
        .unwrap()
        .iter()
        .map(|nats| nats.as_f64().unwrap())
        .collect();
    assert!(
        (of_images.iter().sum::<f64>() / 100.0 - nats[2]).abs() < 1e-3 && of_images.len() == 100
    );
    // With binarised pixels it is a log-likelihood; with grey pixels it is not.
    let grey = run(
        place.path(),
        &[&SMOKE[..], &["-q", "--epochs", "1", "--name", "grey"]].concat(),
    );
    assert_eq!(grey.line(), "runs/grey");
    let text = run(
        place.path(),
        &[
            "eval",
            "grey",
            "-q",
            "--importance-samples",
            "2",
            "--images",
            "50",
        ],
    )
    .out;
    assert!(
        text.contains("IW bound")
            && !text.contains("log p(x) ")
            && text.contains("50 of 200 images at random"),
        "{text}"
    );
    assert!(eval("grey", &["--importance-samples", "2", "--images", "50"])["log_px"].is_null());
    // `compare` prints the runs side by side, and says what cannot be compared.
    run(place.path(), &["compare", "one", "two"]).failed(
        2,
        &[
            "report.json: this run has not been measured",
            "vae eval runs/two",
        ],
    );
    eval("two", &["--importance-samples", "20", "--images", "100"]);
    let same = run(place.path(), &["compare", "one", "two"]).out;
    assert!(
        same.contains("log p(x)") && !same.contains("the protocols differ"),
        "{same}"
    );
    // The paired difference over images is the difference of the means, with a smaller error than
    // either mean has.
    let compared: serde_json::Value =
        serde_json::from_str(run(place.path(), &["compare", "one", "two", "--json"]).line())
            .unwrap();
    let [first, other] = [0, 1].map(|run| compared["runs"][run]["report"].clone());
    let (nats, pair) = (
        |report: &serde_json::Value, key: &str| report[key].as_f64().unwrap(),
        &compared,
    );
    let pair = &pair["paired_differences_to_the_first"][0];
    assert!(
        (nats(&other, "log_px") - nats(&first, "log_px") - nats(pair, "difference")).abs() < 1e-3,
        "{compared}"
    );
    assert!(
        nats(pair, "se") > 0.0 && nats(pair, "se") < nats(&first, "log_px_se"),
        "{compared}"
    );
    assert!(
        same.contains("log p(x) of two minus that of one, image by image: ")
            && !same.contains("another model")
    );
    assert_eq!(
        run(
            place.path(),
            &["train", "-q", "--resume", "two", "--epochs", "2"]
        )
        .code,
        Some(0)
    );
    assert!(
        run(place.path(), &["compare", "one", "two"])
            .out
            .contains("! two has another model than the one that was measured")
    );
    let differ = run(place.path(), &["compare", "one", "grey"]).out;
    assert!(
        differ.contains(
            "the protocols differ in images, pixels, is_log_likelihood, caveat, importance_samples"
        ),
        "{differ}"
    );
    // A recipe that cannot be reproduced is refused before training starts.
    run(place.path(), &["repro", "iwae"])
        .failed(2, &["`iwae`: no such recipe", "did you mean `iwae-"]);
    run(place.path(), &["repro", "cvae-tf", "--stages", "3"]).failed(
        2,
        &[
            "`cvae-tf` is not trained in stages",
            "these are: iwae-1, iwae-2",
        ],
    );
    run(place.path(), &["repro", "iwae-1", "--only", "vae-2"])
        .failed(2, &["no such training", "it has vae-1, iwae-5"]);
    assert!(
        run(place.path(), &["repro", "list"])
            .out
            .contains("pytorch-example")
    );
    run(place.path(), &["eval", "one", "--importance-samples", "0"])
        .failed(2, &["--importance-samples is 0"]);
    run(place.path(), &["eval", "one", "--images", "0"]).failed(2, &["--images is 0"]);
}
