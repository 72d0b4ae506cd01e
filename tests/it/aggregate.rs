//! Tests the objectives that depend on all latents of a batch at once against plain sums.

use vae::density::DiagonalGaussian;
use vae::model::ForwardPass;
use vae::objective::{Sampling, decomposition, discrepancy};
use vae::ops::noise;
use vae::rng::Rng;

use crate::models::{gap, numbers, plain_device, tensor};

const D: usize = 3;

fn values(name: &str, count: usize, scale: f32) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Rng::new(7).stream(name).fill_normal(&mut values);
    values.iter().map(|value| scale * value).collect()
}

/// Returns posteriors of `b` images and one latent sample of each.
fn passes(b: usize) -> ForwardPass {
    let device = plain_device();
    let mean = tensor(values("mean", b * D, 1.5), [b, D], &device);
    let log_var = tensor(values("log_var", b * D, 0.7), [b, D], &device);
    let posterior = DiagonalGaussian { mean, log_var };
    let image_ids: Vec<u32> = (0..b as u32).collect();
    let z = posterior.reparameterise(noise::latents(Rng::new(3), &image_ids, 1, D, &device));
    let log_px_z = tensor(vec![0.0; b], [1, b], &device);
    ForwardPass {
        posterior,
        z,
        log_px_z,
        log_pz: None,
    }
}

fn terms(pass: &ForwardPass, count: usize, sampling: Sampling) -> [Vec<f64>; 3] {
    let found = decomposition(pass, count, sampling);
    [found.information, found.correlation, found.by_latent].map(numbers)
}

#[test]
fn the_three_terms_add_up_to_the_kl_at_the_code() {
    for b in [1, 2, 17] {
        let pass = passes(b);
        let due: Vec<f64> = numbers(pass.log_qz() - pass.log_pz());
        for sampling in [Sampling::Weighted, Sampling::Stratified] {
            let [information, correlation, by_latent] = terms(&pass, 500, sampling);
            let sum: Vec<f64> = (0..b)
                .map(|i| information[i] + correlation[i] + by_latent[i])
                .collect();
            assert!(gap(&sum, &due) < 1e-4, "{b}, {sampling:?}");
        }
    }
}

/// If the batch is the whole data set, q(z) is exactly the mean of its posteriors.
#[test]
fn the_terms_of_a_whole_data_set_are_those_of_the_definition() {
    const N: usize = 11;
    let pass = passes(N);
    let (mean, log_var, z) = (
        numbers(pass.posterior.mean.clone()),
        numbers(pass.posterior.log_var.clone()),
        numbers(pass.z.clone()),
    );
    let log_normal = |z: f64, mean: f64, log_var: f64| {
        -0.5 * ((z - mean).powi(2) / log_var.exp() + log_var + (2.0 * std::f64::consts::PI).ln())
    };
    let at = |i: usize, j: usize, d: usize| {
        log_normal(z[i * D + d], mean[j * D + d], log_var[j * D + d])
    };
    let mean_of =
        |log: &dyn Fn(usize) -> f64| ((0..N).map(|j| log(j).exp()).sum::<f64>() / N as f64).ln();
    let found = terms(&pass, N, Sampling::Stratified);
    for i in 0..N {
        let log_qz_x: f64 = (0..D).map(|d| at(i, i, d)).sum();
        let log_qz = mean_of(&|j| (0..D).map(|d| at(i, j, d)).sum());
        let log_each: f64 = (0..D).map(|d| mean_of(&|j| at(i, j, d))).sum();
        let log_pz: f64 = (0..D).map(|d| log_normal(z[i * D + d], 0.0, 0.0)).sum();
        for (found, due) in
            found
                .iter()
                .zip([log_qz_x - log_qz, log_qz - log_each, log_each - log_pz])
        {
            assert!((found[i] - due).abs() < 1e-4, "{i}: {} and {due}", found[i]);
        }
    }
    // The weighted estimate counts each image of the batch N / B times; here it differs by log N
    // only.
    let weighted = terms(&pass, N, Sampling::Weighted);
    let shift = (N as f64).ln();
    for i in 0..N {
        assert!((weighted[0][i] - found[0][i] - shift).abs() < 1e-4);
        assert!((weighted[1][i] - found[1][i] - (D as f64 - 1.0) * shift).abs() < 1e-4);
    }
}

#[test]
fn the_discrepancy_tells_distributions_apart_and_is_the_plain_sum() {
    const N: usize = 400;
    let device = plain_device();
    let draw = |name: &str, scale: f32, shift: f32| -> Vec<f32> {
        values(name, N * D, scale)
            .iter()
            .map(|value| value + shift)
            .collect()
    };
    let found = |a: &[f32], b: &[f32]| {
        numbers(discrepancy(
            tensor(a.to_vec(), [N, D], &device),
            tensor(b.to_vec(), [N, D], &device),
        ))[0]
    };
    let (a, b) = (draw("a", 1.0, 0.0), draw("b", 1.0, 0.0));
    let (wide, moved) = (draw("b", 2.0, 0.0), draw("b", 1.0, 1.0));
    assert!(found(&a, &a) < 1e-6 && found(&a, &b) < 0.01);
    assert!(
        found(&a, &wide) > 0.02 && found(&a, &moved) > 0.05,
        "{} {}",
        found(&a, &wide),
        found(&a, &moved)
    );
    let kernel = |x: &[f32], y: &[f32]| -> f64 {
        let of = |x: &[f32], y: &[f32]| {
            let square: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
            (-square / (2.0 * D as f64)).exp()
        };
        let sum: f64 = x
            .chunks(D)
            .map(|x| y.chunks(D).map(|y| of(x, y)).sum::<f64>())
            .sum();
        sum / (N * N) as f64
    };
    let due = kernel(&a, &a) + kernel(&moved, &moved) - 2.0 * kernel(&a, &moved);
    assert!((found(&a, &moved) - due).abs() < 1e-5);
}
