//! Tests the diagnostics of the latents on hand-made models with known answers.

use vae::data::{Choice, Part, Pixels, Split};
use vae::eval::{
    AggregatePosterior, Diagnostics, Finding, KlDecomposition, Protocol, decompose, findings,
    measure, saturated_units,
};
use vae::model::{
    Activation, Conv, ConvolutionConfig, DenseConfig, LayerConfig, Mlp, ModelKind, NamedTensor,
    Network, TransposedConfig, Vae, export,
};
use vae::objective::LatentMode;
use vae::rng::Rng;

use crate::models::{blank, gap, plain_device, trained, with_weights};
use crate::theory::assert_within_error;

const PICTURE: [usize; 3] = [1, 3, 4];
const PIXELS: usize = 12;
const IMAGES: usize = 1200;
const PROTOCOL: Protocol = Protocol {
    pixels: Pixels::Grey,
    samples: 1,
    seed: 3,
    latent_mode: LatentMode::Sampled,
    corruption: None,
};
/// The variance of a uniform random byte, scaled to [0, 1].
const BYTE: f64 = (256.0 * 256.0 - 1.0) / (12.0 * 255.0 * 255.0);

/// Returns images of uniform noise, each with twelve independent values.
fn noise_images() -> Split {
    let rng = Rng::new(5);
    let pixels = (0..(IMAGES * PIXELS) as u64)
        .map(|place| rng.below(place, 256) as u8)
        .collect();
    Split::in_memory(pixels, PICTURE)
}

/// How a linear model treats latent `d`, which depends on pixel `d` alone.
#[derive(Clone, Copy)]
struct Line {
    /// The latent's mean is `scale` * (pixel - 1/2) + `shift`.
    scale: f64,
    shift: f64,
    /// The variance of the posterior.
    variance: f64,
    /// The logit of pixel `d` is `logit` times the latent.
    logit: f64,
}

/// A latent that carries no information: its posterior is the prior.
const UNUSED: Line = Line {
    scale: 0.0,
    shift: 0.0,
    variance: 1.0,
    logit: 0.0,
};

/// Returns a latent whose aggregate posterior has the given variance, and whose own posterior has
/// the variance `noise`.
fn used(variance: f64, noise: f64) -> Line {
    Line {
        scale: ((variance - noise) / BYTE).sqrt(),
        shift: 0.0,
        variance: noise,
        logit: 3.0,
    }
}

fn set(tensors: &mut [NamedTensor], name: &str, change: impl FnOnce(&mut [f32])) {
    change(
        &mut tensors
            .iter_mut()
            .find(|tensor| tensor.name == name)
            .unwrap()
            .values,
    );
}

fn linear(lines: &[Line]) -> Vae {
    let model = Mlp {
        latent: lines.len(),
        hidden: Vec::new(),
        ..Mlp::default()
    };
    let network = model.network(PICTURE).unwrap();
    let mut tensors = export(&blank(&network, 1, &plain_device()));
    tensors
        .iter_mut()
        .for_each(|tensor| tensor.values.fill(0.0));
    for (d, line) in lines.iter().enumerate() {
        // The layout is PyTorch's, [out, in].
        set(&mut tensors, "mean.weight", |values| {
            values[d * PIXELS + d] = line.scale as f32
        });
        set(&mut tensors, "mean.bias", |values| {
            values[d] = (line.shift - 0.5 * line.scale) as f32
        });
        set(&mut tensors, "log_var.bias", |values| {
            values[d] = line.variance.ln() as f32
        });
        set(&mut tensors, "decoder.0.weight", |values| {
            values[d * lines.len() + d] = line.logit as f32
        });
    }
    with_weights(&network, &tensors, &plain_device())
}

fn examine(vae: &Vae, images: &Split) -> (Diagnostics, AggregatePosterior) {
    Diagnostics::of(vae, images, PROTOCOL, &mut |_| {}).unwrap()
}

/// Returns the mean and the population variance of pixel `d` over the images, scaled to [0, 1].
fn pixel_moments(images: &Split, d: usize) -> [f64; 2] {
    let values: Vec<f64> = (0..images.len())
        .map(|n| f64::from(images.image(n).unwrap()[d]) / 255.0)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    [
        mean,
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / values.len() as f64,
    ]
}

#[test]
fn three_of_ten_latents_are_seen_to_be_used() {
    let images = noise_images();
    let line = used(1.0, 0.1);
    let vae = linear(&[
        UNUSED, UNUSED, line, UNUSED, UNUSED, line, UNUSED, UNUSED, UNUSED, line,
    ]);
    let (health, _) = examine(&vae, &images);
    assert_eq!((health.images, health.active()), (IMAGES, 3));
    assert_eq!(findings(&health), [Finding::PartlyCollapsed]);
    for (d, latent) in health.latents.iter().enumerate() {
        let is_used = [2, 5, 9].contains(&d);
        assert_eq!(
            latent.is_active(health.largest_variance()),
            is_used,
            "latent {d}"
        );
        let [mean, variance] = pixel_moments(&images, d);
        let (mean, variance) = if is_used {
            (line.scale * (mean - 0.5), line.scale.powi(2) * variance)
        } else {
            (0.0, 0.0)
        };
        let noise = if is_used { 0.1 } else { 1.0 };
        assert!(
            (latent.mean - mean).abs() < 1e-5 && (latent.variance_of_mean - variance).abs() < 1e-5,
            "latent {d}"
        );
        assert!(
            (latent.mean_variance - noise).abs() < 1e-6
                && (latent.variance() - variance - noise).abs() < 1e-5
        );
        // The KL over these images is 1/2 (E[m^2] + s^2 - 1 - ln s^2).
        let kl = 0.5 * (mean.powi(2) + variance + noise - 1.0 - noise.ln());
        assert!(
            (latent.kl.unwrap() - kl).abs() < 1e-5,
            "latent {d}: {:?} {kl}",
            latent.kl
        );
    }
    assert!(
        health.order()[..3].iter().all(|d| [2, 5, 9].contains(d)),
        "{:?}",
        health.order()
    );
    let total: f64 = health.latents.iter().map(|latent| latent.kl.unwrap()).sum();
    assert!((health.kl.unwrap().mean - total).abs() < 1e-9);
}

#[test]
fn a_code_that_does_all_it_should_is_healthy() {
    let images = noise_images();
    // One unused latent among four is not a fault.
    let (health, aggregate) = examine(
        &linear(&[used(1.0, 0.2), used(1.1, 0.05), UNUSED, used(0.9, 0.3)]),
        &images,
    );
    assert_eq!((health.active(), findings(&health)), (3, vec![]));
    // Independent pixels make independent latents.
    let terms = decompose(&aggregate);
    assert!(terms.total_correlation.mean.abs() < 0.1, "{terms:?}");
}

#[test]
fn a_collapsed_code_is_called_so() {
    let (health, aggregate) = examine(&linear(&[UNUSED; 5]), &noise_images());
    assert_eq!(
        (health.active(), findings(&health)),
        (0, vec![Finding::Collapsed])
    );
    assert!(
        health.kl.unwrap().mean.abs() < 1e-9
            && decompose(&aggregate).mutual_information.mean.abs() < 1e-9
    );
    // These latents vary a little, and carry almost no information.
    let faint = Line {
        scale: (0.02_f64 / BYTE).sqrt(),
        variance: 0.98,
        ..UNUSED
    };
    let (health, _) = examine(&linear(&[faint; 5]), &noise_images());
    assert_eq!(
        (health.active(), findings(&health)),
        (5, vec![Finding::Collapsed])
    );
}

#[test]
fn an_aggregate_posterior_far_from_the_prior_is_under_regularised() {
    let images = noise_images();
    let (health, aggregate) = examine(
        &linear(&[used(1.0, 0.1), used(25.0, 0.1), used(1.0, 0.1)]),
        &images,
    );
    assert_eq!(findings(&health), [Finding::UnderRegularised { latent: 1 }]);
    let latent = health.latents[1];
    assert!((latent.variance() - 25.0).abs() < 1.5, "{latent:?}");
    // The distance is KL(N(m, v) || N(0, 1)).
    let truth = 0.5 * (latent.mean.powi(2) + latent.variance() - 1.0 - latent.variance().ln());
    assert!((latent.distance() - truth).abs() < 1e-12 && truth > 10.0);
    // Because of its shape, a uniform density is further from N(0, 1) than a normal density with
    // the same moments is.
    let dimension_wise = decompose(&aggregate).by_latent[1];
    assert!(
        dimension_wise > truth && dimension_wise < truth + 0.5,
        "{dimension_wise} {truth}"
    );
    // A shifted mean and a variance that is too small are found as well.
    let shifted = Line {
        shift: 1.3,
        ..used(1.0, 0.1)
    };
    let narrow = used(0.05, 0.02);
    for line in [shifted, narrow] {
        let (health, _) = examine(&linear(&[used(1.0, 0.1), line]), &images);
        assert_eq!(findings(&health), [Finding::UnderRegularised { latent: 1 }]);
    }
}

#[test]
fn a_decoder_that_ignores_its_code_is_caught() {
    let images = noise_images();
    let deaf = Line {
        logit: 0.0,
        ..used(1.0, 0.1)
    };
    let (health, _) = examine(&linear(&[deaf; 3]), &images);
    assert_eq!(findings(&health), [Finding::IgnoresLatent]);
    assert_eq!(
        (
            health.active(),
            health.shuffled.difference.mean,
            health.shuffled.difference.se.unwrap()
        ),
        (3, 0.0, 0.0)
    );
    assert!(health.kl.unwrap().mean > 1.0);
    // Another image's latent even improves the reconstruction if the decoder reads the latent with
    // the wrong sign.
    let wrong = Line {
        logit: -3.0,
        ..used(1.0, 0.1)
    };
    let (health, _) = examine(&linear(&[wrong; 3]), &images);
    assert!(health.shuffled.difference.mean < 0.0 && findings(&health) == [Finding::IgnoresLatent]);
}

/// With a linear decoder of logits a z, the reconstruction term is softplus(a z) - x a z per pixel.
/// Another image's latent therefore costs E[x a z] - E[x a z'] = a Cov(x, z) nats in expectation
/// over the permutations.
#[test]
fn another_image_s_code_costs_what_it_should() {
    let images = noise_images();
    let line = used(1.0, 0.1);
    let (health, _) = examine(&linear(&[line; 4]), &images);
    let covariance = |d: usize| line.scale * pixel_moments(&images, d)[1];
    let truth: f64 = (0..4).map(|d| line.logit * covariance(d)).sum();
    assert!(health.shuffled.difference.se.unwrap() < 0.1);
    assert_within_error("another image's latent", health.shuffled.difference, truth);
}

#[test]
fn what_is_seen_is_what_is_evaluated() {
    let (vae, images) = trained();
    let elbo = measure(&vae, &images, PROTOCOL, &mut |_| {}).unwrap();
    let (health, _) = examine(&vae, &images);
    assert!((health.kl.unwrap().mean - elbo.kl().unwrap().mean).abs() < 1e-4);
    assert!((health.shuffled.reconstruction.mean - elbo.reconstruction().mean).abs() < 1e-3);
    let by_latent: Vec<f64> = health
        .latents
        .iter()
        .map(|latent| latent.kl.unwrap())
        .collect();
    assert!(gap(&by_latent, &elbo.kl_by_latent) < 1e-5);
    assert!(
        health.shuffled.difference.mean > 10.0,
        "{:?}",
        health.shuffled
    );
    // The same seed gives the same numbers, and another seed gives others.
    assert_eq!(examine(&vae, &images).0, health);
    let other = Diagnostics::of(
        &vae,
        &images,
        Protocol {
            seed: 4,
            ..PROTOCOL
        },
        &mut |_| {},
    )
    .unwrap()
    .0;
    assert!(other.shuffled != health.shuffled && other.latents == health.latents);
    // The first 50 images alone give the same numbers as a split that holds only those.
    let first = Part::new(&images, Choice::First(50));
    let part = Diagnostics::of(&vae, &first, PROTOCOL, &mut |_| {})
        .unwrap()
        .0;
    assert_eq!(part.latents, examine(&vae, &images.slice(0..50)).0.latents);
}

/// Returns the aggregate posterior of `copies` copies of each posterior, each copy with its own
/// noise.
fn repeated(means: &[[f64; 2]], log_vars: &[[f64; 2]], copies: usize) -> AggregatePosterior {
    let repeat = |values: &[[f64; 2]]| values.as_flattened().repeat(copies);
    let rng = Rng::new(8).stream("noise");
    let noise: Vec<f64> = (0..(2 * copies * means.len()) as u64)
        .map(|i| f64::from(rng.normal(i)))
        .collect();
    AggregatePosterior::new(2, repeat(means), repeat(log_vars), &noise)
}

/// Computes the three terms of a mixture with these `means` and `log_vars` by the trapezoidal rule
/// over the plane.
fn by_quadrature(means: &[[f64; 2]], log_vars: &[[f64; 2]]) -> [f64; 3] {
    const STEPS: i32 = 500;
    let width = 8.0 / f64::from(STEPS);
    let density = |mean: f64, log_var: f64, z: f64| {
        (-0.5 * ((z - mean).powi(2) / log_var.exp() + log_var)).exp()
            / (2.0 * std::f64::consts::PI).sqrt()
    };
    let components = || means.iter().zip(log_vars);
    let count = means.len() as f64;
    let marginal = |d: usize, z: f64| {
        components()
            .map(|(m, l)| density(m[d], l[d], z))
            .sum::<f64>()
            / count
    };
    let [mut information, mut correlation, mut dimension_wise] = [0.0; 3];
    let axis: Vec<f64> = (-STEPS..=STEPS)
        .map(|step| f64::from(step) * width)
        .collect();
    let [along, up] = [0, 1].map(|d| axis.iter().map(|&z| marginal(d, z)).collect::<Vec<_>>());
    for (&x, q_x) in axis.iter().zip(&along) {
        for (&y, q_y) in axis.iter().zip(&up) {
            let each: Vec<f64> = components()
                .map(|(m, l)| density(m[0], l[0], x) * density(m[1], l[1], y))
                .collect();
            let q = each.iter().sum::<f64>() / count;
            let prior = density(0.0, 0.0, x) * density(0.0, 0.0, y);
            let term = |p: f64, from: f64, to: f64| {
                if p > 0.0 {
                    p * (from / to).ln() * width * width
                } else {
                    0.0
                }
            };
            information += each
                .iter()
                .map(|given| term(given / count, *given, q))
                .sum::<f64>();
            correlation += term(q, q, q_x * q_y);
            dimension_wise += term(q, q_x * q_y, prior);
        }
    }
    [information, correlation, dimension_wise]
}

#[test]
fn the_three_terms_are_what_quadrature_says_and_add_up_to_the_kl() {
    let means = [[-1.0, -0.8], [1.2, 0.9], [0.3, -0.1]];
    let log_vars = [[-0.5, -1.0], [-1.5, -0.7], [-0.2, -2.0]];
    let aggregate = repeated(&means, &log_vars, 700);
    let KlDecomposition {
        kl,
        mutual_information,
        total_correlation,
        dimension_wise,
        by_latent,
    } = decompose(&aggregate);
    let [information, correlation, by_dimension] = by_quadrature(&means, &log_vars);
    // The terms are far enough from 0 for the comparison to mean something.
    assert!(
        information > 0.5 && correlation > 0.1 && by_dimension > 0.02,
        "{information} {correlation} {by_dimension}"
    );
    for (name, estimate, truth) in [
        ("mutual information", mutual_information, information),
        ("total correlation", total_correlation, correlation),
        ("dimension-wise KL", dimension_wise, by_dimension),
        ("KL", kl, aggregate.kl().unwrap().mean),
    ] {
        assert!(
            estimate.se.unwrap() < 0.05,
            "{name}: the test sees nothing at an error of {}",
            estimate.se.unwrap()
        );
        assert_within_error(name, estimate, truth);
    }
    let sum = mutual_information.mean + total_correlation.mean + dimension_wise.mean;
    assert!((sum - kl.mean).abs() < 1e-9, "{sum} {}", kl.mean);
    assert!((by_latent.iter().sum::<f64>() - dimension_wise.mean).abs() < 1e-9);
    assert!((information + correlation + by_dimension - aggregate.kl().unwrap().mean).abs() < 1e-6);
}

#[test]
fn the_terms_have_their_known_ends() {
    // If the posteriors do not overlap, the latent identifies which of the N images it is; the
    // mutual information reaches its maximum, log N.
    let apart: Vec<[f64; 2]> = (0..64).map(|n| [50.0 * f64::from(n), 0.0]).collect();
    let far = decompose(&repeated(&apart, &[[-2.0, 0.0]; 64], 1));
    assert!(
        (far.mutual_information.mean - 64_f64.ln()).abs() < 1e-12
            && far.mutual_information.se.unwrap() < 1e-12
    );
    assert!(far.total_correlation.mean.abs() < 1e-9, "{far:?}");
    // If all images share one posterior, the only term is its distance from the prior.
    let same = repeated(&[[1.0, -0.5]], &[[-1.0, 0.4]], 500);
    let terms = decompose(&same);
    assert!(
        terms.mutual_information.mean.abs() < 1e-12 && terms.total_correlation.mean.abs() < 1e-12
    );
    assert_within_error("KL", terms.dimension_wise, same.kl().unwrap().mean);
}

/// For a Gaussian channel with a normal signal, `mutual_information` is 1/2 log(1 + S / N).
#[test]
fn a_gaussian_channel_carries_what_shannon_says() {
    const N: usize = 2000;
    let rng = Rng::new(2).stream("signal");
    let signal = |n: usize| f64::from(rng.normal(n as u64));
    // The second latent has the signal of the first, and noise of its own.
    let means: Vec<f64> = (0..N)
        .flat_map(|n| [0.6 * signal(n), 0.6 * signal(n)])
        .collect();
    let noise: Vec<f64> = (0..2 * N)
        .map(|i| f64::from(rng.normal((N + i) as u64)))
        .collect();
    let log_var = (1.0_f64 - 0.36).ln();
    let terms = decompose(&AggregatePosterior::new(
        2,
        means,
        vec![log_var; 2 * N],
        &noise,
    ));
    // z ~ N(0, [[1, 0.36], [0.36, 1]]), and z given x has the covariance 0.64 I.
    let determinant: f64 = 1.0 - 0.36 * 0.36;
    let information = 0.5 * (determinant / (0.64 * 0.64)).ln();
    let correlation = -0.5 * determinant.ln();
    assert!(
        (terms.mutual_information.mean - information).abs() < 0.05,
        "{information} {terms:?}"
    );
    assert!(
        (terms.total_correlation.mean - correlation).abs() < 0.03,
        "{correlation} {terms:?}"
    );
    assert!(terms.dimension_wise.mean.abs() < 0.02, "{terms:?}");
}

fn changed(network: &Network, change: impl FnOnce(&mut [NamedTensor])) -> Vae {
    let mut tensors = export(&blank(network, 1, &plain_device()));
    change(&mut tensors);
    with_weights(network, &tensors, &plain_device())
}

/// Returns each hidden layer with the number of its saturated units.
fn saturated(vae: &Vae, images: &Split) -> Vec<(String, usize, usize)> {
    let aggregate = AggregatePosterior::read(vae, images, PROTOCOL, &mut |_| {}).unwrap();
    let units = saturated_units(vae, &images.into(), &aggregate, PROTOCOL).unwrap();
    units
        .into_iter()
        .map(|layer| (layer.layer, layer.saturated, layer.units))
        .collect()
}

#[test]
fn units_that_no_longer_answer_are_counted() {
    let layer = |name: &str, saturated, units| (name.to_owned(), saturated, units);
    let images = noise_images();
    for (activation, usual, end) in [
        (Activation::Relu, 3.0, -100.0),
        (Activation::Tanh, 0.0, 100.0),
    ] {
        let model = Mlp {
            latent: 2,
            hidden: vec![6, 4],
            activation,
            ..Mlp::default()
        };
        let network = model.network(PICTURE).unwrap();
        let push = |tensors: &mut [NamedTensor]| {
            // All units respond, except those whose bias pushes them out of range.
            for name in ["encoder.0", "encoder.1", "decoder.0", "decoder.1"] {
                set(tensors, &format!("{name}.bias"), |values| {
                    values.fill(usual)
                });
            }
            set(tensors, "encoder.0.bias", |values| values[1] = end);
            set(tensors, "encoder.1.bias", |values| values[..2].fill(end));
            set(tensors, "decoder.1.bias", |values| values[2..5].fill(end));
        };
        let truth = [
            layer("encoder.0", 1, 6),
            layer("encoder.1", 2, 4),
            layer("decoder.0", 0, 4),
            layer("decoder.1", 3, 6),
        ];
        assert_eq!(
            saturated(&changed(&network, push), &images),
            truth,
            "{activation:?}"
        );
    }
}

#[test]
fn a_dead_channel_is_one_unit_wherever_its_values_lie() {
    let conv = |channels| {
        LayerConfig::from(ConvolutionConfig {
            conv: channels,
            ..ConvolutionConfig::default()
        })
    };
    let transposed = |channels| {
        LayerConfig::from(TransposedConfig {
            transposed: channels,
            ..TransposedConfig::default()
        })
    };
    let dense = LayerConfig::from(DenseConfig {
        dense: 2 * 12,
        shape: Some([2, 3, 4]),
        ..DenseConfig::default()
    });
    let model = Conv {
        latent: 2,
        encoder: vec![conv(5), conv(3)],
        decoder: vec![dense, transposed(4), transposed(1)],
        ..Conv::default()
    };
    let vae = changed(&model.network(PICTURE).unwrap(), |tensors| {
        for name in [
            "encoder.0.bias",
            "encoder.1.bias",
            "decoder.0.bias",
            "decoder.1.bias",
        ] {
            set(tensors, name, |values| values.fill(1.0));
        }
        // Between two convolutions, channels come last in memory; before the heads they come first.
        set(tensors, "encoder.0.bias", |values| values[3] = -100.0);
        set(tensors, "encoder.1.bias", |values| values[1] = -100.0);
        set(tensors, "decoder.1.bias", |values| values[..2].fill(-100.0));
    });
    let layer = |name: &str, saturated, units| (name.to_owned(), saturated, units);
    let truth = [
        layer("encoder.0", 1, 5),
        layer("encoder.1", 1, 3),
        layer("decoder.0", 0, 2),
        layer("decoder.1", 2, 4),
    ];
    assert_eq!(saturated(&vae, &noise_images()), truth);
}

#[test]
fn an_autoencoder_s_latents_are_told_apart_by_their_spread() {
    let images = noise_images();
    let protocol = Protocol {
        latent_mode: LatentMode::Deterministic,
        ..PROTOCOL
    };
    let examine = |lines: &[Line]| {
        Diagnostics::of(&linear(lines), &images, protocol, &mut |_| {})
            .unwrap()
            .0
    };
    let health = examine(&[used(25.0, 0.1), UNUSED, used(1.0, 0.1)]);
    assert!(health.kl.is_none() && health.latents.iter().all(|latent| latent.kl.is_none()));
    // An autoencoder has no prior, so a large variance is not a fault.
    assert_eq!(
        (health.active(), health.order()[0], findings(&health)),
        (2, 0, vec![])
    );
    assert_eq!(findings(&examine(&[UNUSED; 3])), [Finding::Collapsed]);
    let deaf = Line {
        logit: 0.0,
        ..used(1.0, 0.1)
    };
    assert_eq!(findings(&examine(&[deaf; 3])), [Finding::IgnoresLatent]);
}
