//! Tests what must hold for any weights: closed forms against Monte Carlo estimates, bounds against
//! the exact log p(x), and evaluation against the sum of its parts.

use vae::data::Batch;
use vae::data::Pixels;
use vae::density::{DiagonalGaussian, standard_normal_log_prob};
use vae::eval::{ElboByImage, Estimate, Protocol, measure};
use vae::model::{
    Activation, Conv, ConvolutionConfig, DenseConfig, Init, LayerConfig, Mlp, ModelKind,
    NamedTensor, Vae, export,
};
use vae::objective::{LatentMode, reconstruction};
use vae::ops::noise;
use vae::rng::Rng;

use crate::models::{
    blank, digits, draw_noise, drawn, gap, load_batch, numbers, plain_device, random_batch, tensor,
    with_weights,
};

const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// Returns the log of the mean of exp(values).
fn log_mean_exp(values: &[f64]) -> f64 {
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + (values.iter().map(|value| (value - top).exp()).sum::<f64>() / values.len() as f64).ln()
}

pub fn estimate(values: &[f64]) -> Estimate {
    Estimate::of(values.iter().copied())
}

/// Asserts that `estimate` is within four standard errors of `truth`, which a correct estimate
/// misses once in 16,000.
#[track_caller]
pub fn assert_within_error(what: &str, estimate: Estimate, truth: f64) {
    let (mean, se) = (estimate.mean, estimate.se.unwrap());
    assert!(
        (mean - truth).abs() < 4.0 * se,
        "{what}: {mean} ± {se} is not {truth}"
    );
}

#[test]
fn the_kl_in_closed_form_is_what_samples_say() {
    const K: usize = 100_000;
    let device = plain_device();
    let means = vec![0.0, 0.5, -2.0, 3.0, 0.1, -0.3, 1.0, 0.0];
    let log_vars = vec![0.0, 0.0, -1.0, 0.7, -4.0, 1.2, 0.3, -0.01];
    let posterior = DiagonalGaussian {
        mean: tensor(means, [4, 2], &device),
        log_var: tensor(log_vars, [4, 2], &device),
    };
    let z = posterior.reparameterise(noise::latents(Rng::new(3), &[0, 1, 2, 3], K, 2, &device));
    let log_ratio = numbers(posterior.log_prob(z.clone()) - standard_normal_log_prob(z));
    let closed = numbers(posterior.kl_to_standard_normal().sum_dim(1));
    assert_eq!(closed.len(), 4);
    for (row, kl) in closed.into_iter().enumerate() {
        // Takes the K values of one row from [K, B].
        let sampled: Vec<f64> = log_ratio.iter().skip(row).step_by(4).copied().collect();
        assert_eq!(sampled.len(), K);
        let sampled = estimate(&sampled);
        assert!(
            sampled.se.unwrap() < 0.02,
            "the test sees nothing at an error of {}",
            sampled.se.unwrap()
        );
        assert_within_error(&format!("row {row}"), sampled, kl);
    }
}

/// A dense network in float64, built from exported weights.
struct Plain {
    layers: Vec<(NamedTensor, NamedTensor, Activation)>,
}

impl Plain {
    fn decoder(vae: &Vae) -> Self {
        let weights = export(vae);
        let find = |name: String| {
            weights
                .iter()
                .find(|tensor| tensor.name == name)
                .unwrap()
                .clone()
        };
        let layers = vae.network().decoder.iter().enumerate().map(|(i, layer)| {
            (
                find(format!("decoder.{i}.weight")),
                find(format!("decoder.{i}.bias")),
                layer.kind().activation(),
            )
        });
        Self {
            layers: layers.collect(),
        }
    }

    fn forward(&self, input: &[f64]) -> Vec<f64> {
        let mut values = input.to_vec();
        for (weight, bias, activation) in &self.layers {
            // The layout is PyTorch's, [out, in].
            let rows = weight.values.chunks_exact(values.len()).zip(&bias.values);
            let unit = |(row, bias): (&[f32], &f32)| {
                let sum = row
                    .iter()
                    .zip(&values)
                    .map(|(w, x)| f64::from(*w) * x)
                    .sum::<f64>()
                    + f64::from(*bias);
                match activation {
                    Activation::Relu => sum.max(0.0),
                    Activation::Tanh => sum.tanh(),
                    _ => sum,
                }
            };
            values = rows.map(unit).collect();
        }
        values
    }
}

/// Computes log p(x) of a model with one latent, by the trapezoidal rule over z in float64.
fn exact_log_px(decoder: &Plain, x: &[f64]) -> f64 {
    const POINTS: usize = 4001;
    let (from, width) = (-10.0, 20.0 / (POINTS - 1) as f64);
    let integrand = |i: usize| {
        let z = from + i as f64 * width;
        let softplus = |l: f64| l.max(0.0) + (-l.abs()).exp().ln_1p();
        let log_px_z: f64 = decoder
            .forward(&[z])
            .iter()
            .zip(x)
            .map(|(l, x)| x * l - softplus(*l))
            .sum();
        log_px_z - 0.5 * (LOG_TWO_PI + z * z)
    };
    // The trapezoidal rule halves the weight of both ends, but the prior is exp(-50) there.
    let values: Vec<f64> = (0..POINTS).map(integrand).collect();
    log_mean_exp(&values) + (POINTS as f64 * width).ln()
}

/// Returns a model with one latent and twelve pixels, whose decoder depends strongly on the latent
/// and whose posterior is not the true one.
fn one_latent() -> Vae {
    let model = Mlp {
        latent: 1,
        hidden: vec![8],
        activation: Activation::Tanh,
        ..Mlp::default()
    };
    let device = plain_device();
    let mut weights = export(&drawn(&model, [1, 3, 4], 5, &device));
    for tensor in weights
        .iter_mut()
        .filter(|tensor| tensor.name.starts_with("decoder"))
    {
        tensor.values.iter_mut().for_each(|value| *value *= 3.0);
    }
    with_weights(&model.network([1, 3, 4]).unwrap(), &weights, &device)
}

const PICTURES: usize = 3;

fn binary_batch(vae: &Vae) -> Batch {
    let (grey, _) = random_batch(vae, PICTURES, 1, 8);
    Batch::new(grey.x.round())
}

/// Returns the log importance weights of each image, `[B][count]`.
fn log_weights(vae: &Vae, batch: &Batch, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let pass = vae.forward(batch, draw_noise(vae, PICTURES, count, seed));
    let all = numbers(pass.log_weights());
    (0..PICTURES)
        .map(|row| all.iter().skip(row).step_by(PICTURES).copied().collect())
        .collect()
}

/// Returns the bound of Burda et al. (2016) with `k` samples for each image, estimated from
/// `groups` draws.
fn iwae(vae: &Vae, batch: &Batch, k: usize, groups: usize, seed: u64) -> Vec<Estimate> {
    let of =
        |values: Vec<f64>| estimate(&values.chunks_exact(k).map(log_mean_exp).collect::<Vec<_>>());
    log_weights(vae, batch, k * groups, seed)
        .into_iter()
        .map(of)
        .collect()
}

#[test]
fn bounds_rise_to_the_log_px_that_quadrature_finds() {
    let vae = one_latent();
    let batch = binary_batch(&vae);
    let decoder = Plain::decoder(&vae);
    // Each bound has its own noise: with shared noise arithmetic alone would order them.
    let bounds = [(1, 40_000), (5, 20_000), (50, 4_000), (5_000, 40)]
        .map(|(k, groups)| iwae(&vae, &batch, k, groups, k as u64));
    let x = numbers(batch.x);
    for (row, x) in x.chunks_exact(12).enumerate() {
        let exact = exact_log_px(&decoder, x);
        let [elbo, iwae5, iwae50, iwae5000] = bounds.each_ref().map(|bound| bound[row]);
        // The bounds differ by more than their errors, because this posterior is far enough from
        // the true one.
        for (low, high) in [(elbo, iwae5), (iwae5, iwae50)] {
            assert!(
                low.mean + 4.0 * low.se.unwrap() < high.mean - 4.0 * high.se.unwrap(),
                "image {row}: {low:?} {high:?}"
            );
        }
        assert!(
            iwae50.mean < exact + 4.0 * iwae50.se.unwrap(),
            "image {row}: {iwae50:?} {exact}"
        );
        assert!(
            iwae5000.se.unwrap() < 0.01,
            "the test sees nothing at an error of {}",
            iwae5000.se.unwrap()
        );
        assert_within_error(&format!("IWAE-5000 of image {row}"), iwae5000, exact);
    }
}

#[test]
fn the_elbo_with_a_closed_kl_is_the_mean_of_the_log_weights() {
    let vae = one_latent();
    let batch = binary_batch(&vae);
    let pass = vae.forward(&batch, draw_noise(&vae, PICTURES, 40_000, 21));
    let (reconstruction, kl) = (reconstruction(&pass), pass.kl());
    // The second estimate has other noise, so that the two are independent.
    let sampled = log_weights(&vae, &batch, 40_000, 22);
    let log_px_z = numbers(pass.log_px_z);
    for (row, (reconstruction, kl)) in numbers(reconstruction)
        .into_iter()
        .zip(numbers(kl))
        .enumerate()
    {
        let of_row: Vec<f64> = log_px_z
            .iter()
            .skip(row)
            .step_by(PICTURES)
            .copied()
            .collect();
        let (sampled, se) = (estimate(&sampled[row]), estimate(&of_row).se.unwrap());
        let both = Estimate {
            mean: sampled.mean,
            se: Some(sampled.se.unwrap().hypot(se)),
        };
        assert!(
            both.se.unwrap() < 0.03,
            "the test sees nothing at an error of {}",
            both.se.unwrap()
        );
        assert_within_error(&format!("image {row}"), both, -(reconstruction + kl));
    }
}

#[test]
fn log_weights_are_those_of_the_plain_decoder() {
    let vae = one_latent();
    let batch = binary_batch(&vae);
    let pass = vae.forward(&batch, draw_noise(&vae, PICTURES, 50, 2));
    let ours = numbers(pass.log_weights());
    let decoder = Plain::decoder(&vae);
    let (mean, log_var, z) = (
        numbers(pass.posterior.mean),
        numbers(pass.posterior.log_var),
        numbers(pass.z),
    );
    let x = numbers(batch.x);
    for (i, (ours, z)) in ours.iter().zip(z).enumerate() {
        let row = i % PICTURES;
        let px_z = decoder
            .forward(&[z])
            .iter()
            .zip(&x[row * 12..])
            .map(|(l, x)| {
                if *x > 0.5 {
                    -(1.0 + (-l).exp()).ln()
                } else {
                    -(1.0 + l.exp()).ln()
                }
            })
            .sum::<f64>();
        let normal = |z: f64, m: f64, v: f64| -0.5 * (LOG_TWO_PI + v + (z - m) * (z - m) / v.exp());
        let truth = px_z + normal(z, 0.0, 0.0) - normal(z, mean[row], log_var[row]);
        assert!(
            (ours - truth).abs() < 1e-5,
            "latent {i}: {ours} is not {truth}"
        );
    }
}

/// A convolution by its definition, with zeros around the image.
fn slow_conv(
    x: &[f64],
    [c, h, w]: [usize; 3],
    weight: &NamedTensor,
    bias: &[f32],
    stride: usize,
    before: usize,
) -> Vec<f64> {
    let [_, _, k, _] = weight.shape[..] else {
        panic!("four axes")
    };
    let (rows, columns) = (h.div_ceil(stride), w.div_ceil(stride));
    let mut y = Vec::new();
    for (o, &bias) in bias.iter().enumerate() {
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = f64::from(bias);
                for i in 0..c {
                    for (a, b) in (0..k).flat_map(|a| (0..k).map(move |b| (a, b))) {
                        let (Some(r), Some(s)) = (
                            (row * stride + a).checked_sub(before),
                            (column * stride + b).checked_sub(before),
                        ) else {
                            continue;
                        };
                        if r < h && s < w {
                            sum += x[(i * h + r) * w + s]
                                * f64::from(weight.values[((o * c + i) * k + a) * k + b]);
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

#[test]
fn padding_same_puts_the_odd_zero_last() {
    // Stride 2 over 6 pixels with a kernel of 3 needs one zero; stride 1 with a kernel of 4 needs
    // three, and over 7 pixels two.
    for (size, kernel, stride, before) in [(6, 3, 2, 0), (6, 4, 1, 1), (7, 3, 2, 1), (6, 2, 1, 0)] {
        let layer = LayerConfig::from(ConvolutionConfig {
            conv: 3,
            kernel: Some(kernel),
            stride: Some(stride),
            ..ConvolutionConfig::default()
        });
        let last = LayerConfig::from(DenseConfig {
            dense: 2 * size * size,
            ..DenseConfig::default()
        });
        let model = Conv {
            encoder: vec![layer],
            decoder: vec![last],
            ..Conv::default()
        };
        let device = plain_device();
        let network = model.network([2, size, size]).unwrap();
        let vae = blank(&network, 3, &device);
        let [weight, bias, ..] = &export(&vae)[..] else {
            panic!("a layer has a weight and a bias")
        };
        let (batch, _) = random_batch(&vae, 1, 1, 9);
        let truth = slow_conv(
            &numbers(batch.x.clone()),
            [2, size, size],
            weight,
            &bias.values,
            stride,
            before,
        );
        let rng = Rng::new(3).stream("weights");
        let init = Init::new(network.initialisation, rng, &device);
        let layer = network.encoder[0].kind().layer(&init.at("encoder").at(0));
        let truth: Vec<f64> = truth.into_iter().map(|value| value.max(0.0)).collect();
        assert!(
            gap(&numbers(layer.forward(batch.x)), &truth) < 1e-6,
            "{size} {kernel} {stride}"
        );
    }
}

#[test]
fn evaluation_depends_neither_on_chunks_nor_on_order() {
    let images = digits(600);
    let device = plain_device();
    let model = Mlp {
        latent: 4,
        hidden: vec![32],
        ..Mlp::default()
    };
    let vae = drawn(&model, images.shape, 2, &device);
    for pixels in [Pixels::Grey, Pixels::Dynamic] {
        let protocol = Protocol {
            pixels,
            samples: 2,
            seed: 9,
            latent_mode: LatentMode::Sampled,
            corruption: None,
        };
        let mut seen = Vec::new();
        let all = measure(&vae, &images, protocol, &mut |done| seen.push(done)).unwrap();
        assert!(
            seen.len() > 2 && seen.is_sorted() && seen.last() == Some(&600),
            "{seen:?}"
        );
        let rates = all.kl.clone().unwrap();
        let [by_latent, together] = [all.kl_by_latent.iter().sum::<f64>(), all.kl().unwrap().mean];
        assert!((by_latent - together).abs() < 1e-5 && all.kl_by_latent.len() == 4);
        for first in [1, 100, 251, 599] {
            let some = measure(&vae, &images.slice(0..first), protocol, &mut |_| {}).unwrap();
            assert!(
                gap(&some.reconstruction, &all.reconstruction[..first]) < 1e-4,
                "{pixels:?}, {first}"
            );
            assert!(
                gap(&some.kl.unwrap(), &rates[..first]) < 1e-4,
                "{pixels:?}, {first}"
            );
        }
        // Other noise gives another result, so the comparison above is not trivial.
        let other = measure(
            &vae,
            &images,
            Protocol {
                seed: 10,
                ..protocol
            },
            &mut |_| {},
        )
        .unwrap();
        assert!(gap(&other.reconstruction, &all.reconstruction) > 1e-2);
    }

    // In reverse order the same images get the same pixels and the same noise.
    let (forwards, backwards): (Vec<u32>, Vec<u32>) = ((0..9).collect(), (0..9).rev().collect());
    let rng = Rng::new(1);
    let x = |indices: &[u32]| {
        numbers(load_batch(Pixels::Dynamic, &images, indices, None, rng, &device).x)
    };
    let reversed: Vec<f64> = x(&backwards)
        .chunks_exact(784)
        .rev()
        .flatten()
        .copied()
        .collect();
    assert_eq!(x(&forwards), reversed);
    let eps = |indices: &[u32]| numbers(noise::latents(rng, indices, 1, 5, &device));
    let reversed: Vec<f64> = eps(&backwards)
        .chunks_exact(5)
        .rev()
        .flatten()
        .copied()
        .collect();
    assert_eq!(eps(&forwards), reversed);
}

#[test]
fn evaluation_is_the_mean_over_its_samples() {
    let images = digits(3);
    let device = plain_device();
    let vae = drawn(
        &Mlp {
            latent: 4,
            hidden: vec![32],
            ..Mlp::default()
        },
        images.shape,
        2,
        &device,
    );
    let protocol = Protocol {
        pixels: Pixels::Grey,
        samples: 7,
        seed: 1,
        latent_mode: LatentMode::Sampled,
        corruption: None,
    };
    let measured = measure(&vae, &images, protocol, &mut |_| {}).unwrap();
    let x = load_batch(
        Pixels::Grey,
        &images,
        &[0, 1, 2],
        None,
        Rng::new(0),
        &device,
    );
    let mut reconstruction = vec![0.0; 3];
    for k in 0..7 {
        let eps = noise::latents(
            Rng::new(1).stream("evaluation").stream("noise").at(k),
            &[0, 1, 2],
            1,
            4,
            &device,
        );
        let log_px_z = numbers(vae.forward(&x, eps).log_px_z);
        reconstruction
            .iter_mut()
            .zip(log_px_z)
            .for_each(|(sum, value)| *sum -= value / 7.0);
    }
    assert!(gap(&measured.reconstruction, &reconstruction) < 2e-4);
    let bound = measured.elbo().unwrap().mean;
    assert!((bound + measured.reconstruction().mean + measured.kl().unwrap().mean).abs() < 1e-9);
}

#[test]
fn the_standard_error_is_the_textbooks() {
    // The variance of the four values is 5/3.
    let estimate = estimate(&[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(estimate.mean, 2.5);
    assert!((estimate.se.unwrap() - (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    assert_eq!(
        Estimate::of([7.0].into_iter()),
        Estimate {
            mean: 7.0,
            se: None
        }
    );
    // If reconstruction and KL cancel image by image, their sum has no error.
    let elbo = ElboByImage {
        reconstruction: vec![1.0, 2.0, 5.0],
        kl: Some(vec![5.0, 4.0, 1.0]),
        kl_by_latent: vec![10.0 / 3.0],
    };
    assert_eq!(
        elbo.elbo(),
        Some(Estimate {
            mean: -6.0,
            se: Some(0.0)
        })
    );
    assert!(elbo.reconstruction().se.unwrap() > 1.0);
}

#[test]
fn sharing_noise_between_images_would_be_seen() {
    let device = plain_device();
    // The shape is [K, B, D]: the order of K and B is fixed, and each image has latents of its own.
    let values = numbers(noise::latents(Rng::new(1), &[5, 8], 3, 2, &device));
    let alone = numbers(noise::latents(Rng::new(1), &[8], 3, 2, &device));
    for k in 0..3 {
        assert_eq!(values[(k * 2 + 1) * 2..][..2], alone[k * 2..][..2]);
    }
    let mut distinct: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 12);
}
