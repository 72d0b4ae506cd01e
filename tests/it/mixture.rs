//! Tests the fit of a Gaussian mixture to latents, and `vae sample --from mixture:K`.

use std::fs;

use tempfile::TempDir;
use vae::density::{Covariance, GaussianMixture, MixtureComponent};
use vae::eval::{MOST_FULL, MixtureFit, Posteriors, TOLERANCE, fit_mixture, latent_densities};
use vae::rng::Rng;

use crate::program::{Done, edited, files, read, run, train, with_smoke_run};
use crate::tiny::with_tiny_runs;

/// Fits to the end.
fn fit(posteriors: &Posteriors, count: usize) -> MixtureFit {
    let rng = Rng::new(1);
    fit_mixture(posteriors, count, rng, &mut |_| true)
        .unwrap()
        .unwrap()
}

/// Draws points from a known mixture, and splits each into a mean and a posterior around it: with the variance of
/// the noise taken from the components, the aggregate posterior is the mixture itself.
fn drawn(mixture: &GaussianMixture, count: u64, noise: Option<f32>) -> Posteriors {
    let rng = Rng::new(3);
    let width = mixture.components[0].mean.len();
    let means: Vec<Vec<f32>> = (0..count)
        .map(|id| {
            let mut normals = vec![0.0; width];
            rng.at(id).fill_normal(&mut normals);
            mixture.draw(rng.stream("component").uniform(id), &normals, 1.0)
        })
        .collect();
    let log_vars = noise.map_or(Vec::new(), |variance| {
        vec![vec![variance.ln(); width]; means.len()]
    });
    Posteriors { means, log_vars }
}

fn mixture(components: &[(f64, &[f64], &[f64])]) -> GaussianMixture {
    let components = components
        .iter()
        .map(|(weight, mean, values)| MixtureComponent {
            weight: *weight,
            mean: mean.to_vec(),
            covariance: Covariance::new(values.to_vec(), mean.len()).unwrap(),
        });
    GaussianMixture {
        components: components.collect(),
    }
}

fn three() -> GaussianMixture {
    mixture(&[
        (0.5, &[0.0, 0.0], &[1.0, 0.6, 0.6, 0.8]),
        (0.3, &[5.0, -3.0], &[0.5, -0.2, -0.2, 0.6]),
        (0.2, &[-4.0, 5.0], &[0.3, 0.0, 0.0, 2.0]),
    ])
}

#[test]
fn a_known_mixture_is_recovered() {
    let known = three();
    let fit = fit(&drawn(&known, 20_000, None), 3);
    assert!(fit.converged);
    for expected in &known.components {
        let found = fit
            .mixture
            .components
            .iter()
            .find(|found| (found.weight - expected.weight).abs() < 0.02)
            .unwrap();
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.08);
        assert!(near(&found.mean, &expected.mean), "{found:?}");
        let [found, expected] = [found, expected].map(|c| c.covariance.values());
        assert!(near(found, expected), "{found:?}");
    }
}

#[test]
fn the_variances_of_the_posteriors_belong_to_the_mixture() {
    let (points, spread) = (
        drawn(&three(), 5_000, None),
        drawn(&three(), 5_000, Some(0.25)),
    );
    let [without, with] = [fit(&points, 1), fit(&spread, 1)];
    let [without, with] =
        [&without, &with].map(|fit| fit.mixture.components[0].covariance.values());
    for (place, difference) in [0.25, 0.0, 0.0, 0.25].into_iter().enumerate() {
        assert!((with[place] - without[place] - difference).abs() < 1e-5);
    }
}

#[test]
fn one_component_is_the_mean_and_the_covariance_of_the_latents() {
    let values: Vec<f64> = (0..1000)
        .map(|i| (f64::from(i) * 0.7).sin() * 3.0 + 1.0)
        .collect();
    let posteriors = Posteriors {
        means: values.iter().map(|&value| vec![value as f32]).collect(),
        log_vars: Vec::new(),
    };
    let found = fit(&posteriors, 1);
    let mean = values.iter().sum::<f64>() / 1000.0;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / 1000.0;
    let component = &found.mixture.components[0];
    assert_eq!(component.weight, 1.0);
    assert!((component.mean[0] - mean).abs() < 1e-6);
    assert!((component.covariance.values()[0] / variance - 1.0).abs() < 2e-6);
    // The log-likelihood of the maximum: -1/2 (log 2 pi variance + 1).
    let expected = -0.5 * ((std::f64::consts::TAU * variance).ln() + 1.0);
    assert!((found.bounds.last().unwrap() - expected).abs() < 1e-5);
}

#[test]
fn the_log_likelihood_never_falls() {
    let wide = MOST_FULL + 1;
    let many: Vec<f64> = vec![1.0; wide];
    let shifted: Vec<f64> = (0..wide).map(|d| f64::from(d as u32 % 3)).collect();
    let independent = mixture(&[(0.5, &many, &many), (0.5, &shifted, &many)]);
    // Points on a line, equal points and fewer different points than components: what makes a likelihood without bounds.
    let line = (0..300).map(|i| vec![i as f32, 2.0 * i as f32]).collect();
    let equal = vec![vec![1.0, 2.0]; 50];
    let few = (0..60).map(|i| vec![(i % 3) as f32, 0.0]).collect();
    let points = |means: Vec<Vec<f32>>| Posteriors {
        means,
        log_vars: Vec::new(),
    };
    for (posteriors, count) in [
        (drawn(&three(), 3_000, None), 8),
        (drawn(&three(), 3_000, Some(0.1)), 5),
        (drawn(&three(), 40, None), 40),
        (drawn(&independent, 500, Some(0.1)), 3),
        (points(line), 7),
        (points(equal), 3),
        (points(few), 5),
    ] {
        let fit = fit(&posteriors, count);
        assert!(fit.bounds.len() > 1);
        for pair in fit.bounds.windows(2) {
            assert!(
                pair[1] >= pair[0] - 1e-9 * pair[0].abs().max(1.0),
                "{:?}",
                fit.bounds
            );
        }
        let last = fit.bounds.last_chunk::<2>().unwrap();
        assert!(!fit.converged || last[1] - last[0] < TOLERANCE);
        let weights = fit
            .mixture
            .components
            .iter()
            .map(|component| component.weight);
        assert!((weights.sum::<f64>() - 1.0).abs() < 1e-9);
        let densities = latent_densities(&fit.mixture, &posteriors, Rng::new(1));
        assert!(densities.mixture.mean.is_finite());
    }
}

#[test]
fn a_fit_is_the_same_with_any_number_of_threads() {
    let posteriors = drawn(&three(), 3_000, Some(0.2));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| fit(&posteriors, 6))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(5));
}

#[test]
fn more_components_than_images_and_latents_that_are_no_numbers_are_errors() {
    let fails = |posteriors: &Posteriors, count: usize, part: &str| {
        let error = fit_mixture(posteriors, count, Rng::new(1), &mut |_| true).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    let mut posteriors = drawn(&three(), 10, Some(0.1));
    fails(&posteriors, 11, "expected from 1 to 10");
    fails(&posteriors, 0, "expected from 1 to 10");
    posteriors.log_vars[3][1] = f32::NAN;
    fails(&posteriors, 2, "NaN or infinite");
    posteriors.log_vars[3][1] = 1000.0;
    fails(&posteriors, 2, "NaN or infinite");
    posteriors.log_vars.clear();
    posteriors.means[9][0] = f32::INFINITY;
    fails(&posteriors, 2, "NaN or infinite");
}

#[test]
fn an_interrupt_ends_the_fit() {
    let posteriors = drawn(&three(), 1_000, None);
    let mut seen = Vec::new();
    let fit = fit_mixture(&posteriors, 4, Rng::new(1), &mut |done| {
        seen.push(done);
        done < 2
    });
    assert_eq!((fit.unwrap(), seen), (None, vec![0, 1, 2]));
}

#[test]
fn the_density_of_a_standard_normal_is_that_of_the_prior() {
    let latents = drawn(&mixture(&[(1.0, &[0.0, 0.0], &[1.0, 1.0])]), 2_000, None);
    let prior = mixture(&[(1.0, &[0.0, 0.0], &[1.0, 1.0])]);
    let found = latent_densities(&prior, &latents, Rng::new(1));
    assert!((found.mixture.mean - found.standard_normal.mean).abs() < 1e-12);
    let entropy = (std::f64::consts::TAU).ln() + 1.0;
    let error = (found.standard_normal.mean + entropy).abs();
    assert!(error < 4.0 * found.standard_normal.se.unwrap(), "{error}");
}

const KEPT: &str = "runs/smoke-1/mixture-3.safetensors";

fn sample(place: &TempDir, out: &str, more: &[&str]) -> Done {
    let always = ["sample", "--from", "mixture:3", "--n", "8", "--out", out];
    run(place.path(), &[&always[..], more].concat())
}

#[test]
fn a_mixture_is_fitted_once_and_again_when_the_model_changes() {
    let place = with_smoke_run();
    let first = sample(&place, "a.png", &[]);
    assert_eq!(first.line(), "a.png");
    for part in [
        "not from the model's prior; the ELBO is unchanged",
        "nats per image: -",
        " under the mixture, -",
        " under N(0, I), the prior",
    ] {
        assert!(first.err.contains(part), "{part}: {}", first.err);
    }
    let kept = read(place.path(), KEPT);
    let touched = fs::metadata(place.path().join(KEPT))
        .unwrap()
        .modified()
        .unwrap();
    // Kept, and read back without the data: the same samples, and the same report.
    let again = sample(&place, "b.png", &["--threads", "1"]);
    assert_eq!(again.err.replace("b.png", "a.png"), first.err);
    assert!(read(place.path(), "a.png") == read(place.path(), "b.png"));
    let now = fs::metadata(place.path().join(KEPT))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(now, touched);
    // Fitted again, by one thread: the same bytes.
    fs::write(place.path().join(KEPT), &kept[..100]).unwrap();
    sample(&place, "c.png", &["--threads", "1"]).line();
    assert!(read(place.path(), KEPT) == kept);
    assert!(read(place.path(), "c.png") == read(place.path(), "a.png"));
    // The prior and another temperature draw other images.
    for more in [&["--temperature", "0.5"][..], &["--seed", "9"]] {
        sample(&place, "d.png", more).line();
        assert!(read(place.path(), "d.png") != read(place.path(), "a.png"));
    }
    edited(place.path(), |_, tensors| {
        let weight = tensors
            .iter_mut()
            .find(|tensor| tensor.name == "mean.weight");
        weight
            .unwrap()
            .values
            .iter_mut()
            .for_each(|value| *value *= 1.5);
    });
    sample(&place, "e.png", &[]).line();
    assert!(
        read(place.path(), KEPT) != kept,
        "fitted to the changed model"
    );
}

#[test]
fn a_request_for_a_mixture_that_cannot_be_is_refused() {
    let place = with_smoke_run();
    let before = files(place.path());
    for (arguments, parts) in [
        (&["--from", "mixture"][..], &["`mixture:10`"][..]),
        (&["--from", "mixture:0"], &["from 1 to 1000"]),
        (&["--from", "prior", "--box"], &["cannot be used with"]),
        (
            &["--from", "box", "--temperature", "2"],
            &["--temperature has no effect"],
        ),
    ] {
        let done = run(place.path(), &[&["sample"], arguments].concat());
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        for part in parts {
            assert!(done.err.contains(part), "{part}: {}", done.err);
        }
    }
    assert_eq!(files(place.path()), before);
    let tiny = with_tiny_runs();
    let before = files(tiny.path());
    run(
        tiny.path(),
        &["sample", "-q", "mine", "--from", "mixture:61"],
    )
    .failed(2, &["--from mixture:61: there are only 60 training images"]);
    assert_eq!(files(tiny.path()), before);
}

#[test]
fn a_box_has_two_names() {
    let place = with_smoke_run();
    run(place.path(), &["sample", "-q", "--box", "--out", "a.png"]).line();
    run(
        place.path(),
        &["sample", "-q", "--from", "box", "--out", "b.png"],
    )
    .line();
    assert!(read(place.path(), "a.png") == read(place.path(), "b.png"));
}

#[test]
fn autoencoders_conditional_models_and_figures_at_the_end_have_mixtures() {
    let place = TempDir::new().unwrap();
    let figures = r#"figures=[{ kind = "sample", from = "mixture:4", n = 6, out = "mixed.png" }, { kind = "sample", from = "mixture:2", n = 3, out = "all" }]"#;
    for (name, set) in [
        ("ae", "objective.autoencoder="),
        ("conditional", "condition.decoder=add"),
    ] {
        let sets = [
            "-q", "--epochs", "1", "--name", name, "--set", set, "--set", figures,
        ];
        train(place.path(), &sets).line();
        let folder = format!("runs/{name}");
        for file in ["mixed.png", "mixture-4.safetensors", "all/000002.png"] {
            assert!(
                place.path().join(&folder).join(file).is_file(),
                "{name}: {file}"
            );
        }
        let arguments = [
            "sample",
            name,
            "--from",
            "mixture:4",
            "--n",
            "6",
            "--out",
            "again.png",
        ];
        let done = run(place.path(), &arguments);
        done.line();
        assert_eq!(
            done.err.contains("which is not this model's prior"),
            name == "ae"
        );
        assert!(
            read(place.path(), "again.png") == read(place.path(), &format!("{folder}/mixed.png"))
        );
    }
    let wrong = r#"figures=[{ kind = "sample", from = "mixture" }]"#;
    train(place.path(), &["--name", "wrong", "--set", wrong]).failed(
        2,
        &[
            "[[figures]], sample: ",
            "from = \"mixture\": expected `prior`, `box` or `mixture:K`",
        ],
    );
}

#[test]
fn a_mixture_that_cannot_be_kept_still_gives_samples() {
    let place = with_smoke_run();
    fs::create_dir(place.path().join(KEPT)).unwrap();
    let done = sample(&place, "a.png", &[]);
    assert_eq!(done.line(), "a.png");
    assert!(
        done.err.contains("will be fitted again next time"),
        "{}",
        done.err
    );
}
