//! Operations that compute little for each value: optimizers, likelihoods, normalisation, latents and batches.

use burn::tensor::{Device, Tensor};
use vae::data::{Noise, Pixels};
use vae::loader::Loader;
use vae::ops::{
    self, Activation, AdamParameter, AdamStep, MapLayout, Normalisation, RmsPropMoments,
    RmsPropStep, SgdStep, noise, outputs_per_value,
};
use vae::rng::Rng;

use super::measured::{Measured, floats, seconds};
use crate::{BATCH, cpu, normal};

/// The number of weights of the first layer of `mnist`.
const WEIGHTS: usize = 784 * 400;

/// Multiplications, additions, comparisons and divisions in the kernels, each as one; only roughly, because memory bounds
/// nearly all of these operations.
const EXP: f64 = 20.0;
const BERNOULLI: f64 = 2.0 * EXP + 5.0;
const CONTINUOUS_BERNOULLI: f64 = 4.0 * EXP;
const LOGISTIC: f64 = 11.0 * EXP;
const MIXED_LOGISTIC: f64 = 15.0 * EXP;

pub fn measure() -> Vec<Measured> {
    let device = cpu();
    let mut rows = optimizers(&device);
    for (name, term, outputs, flop) in likelihoods() {
        rows.extend(likelihood(name, term, outputs, flop));
    }
    rows.extend(normalisation());
    rows.extend(latents());
    rows.extend(batches(&device));
    rows
}

/// Returns an operation on `read + written` values.
fn row(name: &str, flop: f64, values: usize, seconds: f64) -> Measured {
    Measured {
        name: name.to_owned(),
        flop,
        bytes: floats(values),
        seconds,
    }
}

fn optimizers(device: &Device) -> Vec<Measured> {
    let zeros = || Tensor::<1>::zeros([WEIGHTS], device);
    let gradient: Tensor<1> = normal("gradient", [WEIGHTS], device);
    // No other reference to the weight exists, so that it is changed in place, as in training.
    let timed = |step: &mut dyn FnMut(Tensor<1>, Tensor<1>, u64) -> Tensor<1>| {
        let (mut weight, mut number) = (Some(normal("weight", [WEIGHTS], device)), 0);
        seconds(|| {
            number += 1;
            let held = weight.take().expect("put back");
            weight = Some(step(held, gradient.clone(), number));
        })
    };
    let (mut mean, mut square, mut velocity) = (zeros(), zeros(), zeros());
    let adam = timed(&mut |weight, gradient, number| {
        let step = AdamStep::new([0.9, 0.999, 1e-8], number, 1e-3);
        let parameter = AdamParameter {
            weight,
            gradient,
            mean: &mut mean,
            square: &mut square,
        };
        ops::adam(vec![parameter], step).swap_remove(0)
    });
    let mut rmsprop = |with_momentum: bool| {
        timed(&mut |weight, gradient, number| {
            let moments = RmsPropMoments {
                square: &mut square,
                mean: None,
                velocity: with_momentum.then_some(&mut velocity),
            };
            let momentum = if with_momentum { 0.9 } else { 0.0 };
            let step = RmsPropStep::new([0.99, 1e-8, momentum], number, 1e-4);
            ops::rmsprop(weight, gradient, moments, step)
        })
    };
    let (rmsprop, with_momentum) = (rmsprop(false), rmsprop(true));
    let mut sgd = |with_momentum: bool| {
        timed(&mut |weight, gradient, number| {
            let momentum = if with_momentum { 0.9 } else { 0.0 };
            let step = SgdStep::new(momentum, false, number, 1e-4);
            let velocity = with_momentum.then_some(&mut velocity);
            ops::sgd(weight, gradient, velocity, step)
        })
    };
    let (sgd, sgd_with_momentum) = (sgd(false), sgd(true));
    let average = {
        let (mut average, weight) = (zeros(), normal("weight", [WEIGHTS], device));
        seconds(|| ops::move_towards(&mut average, &weight, 0.001))
    };
    let squares = seconds(|| ops::sum_of_squares(gradient.clone()));
    let row = |name, flop: usize, arrays: usize, seconds| {
        row(name, (flop * WEIGHTS) as f64, arrays * WEIGHTS, seconds)
    };
    vec![
        row("Adam, 784-400", 14, 7, adam),
        row("RMSprop, 784-400", 9, 5, rmsprop),
        row("RMSprop with momentum, 784-400", 11, 7, with_momentum),
        row("SGD, 784-400", 5, 3, sgd),
        row("SGD with momentum, 784-400", 7, 5, sgd_with_momentum),
        row("moving average, 784-400", 3, 3, average),
        row("sum of squares, 784-400", 2, 1, squares),
    ]
}

type Term = fn(Tensor<2>, Tensor<3>) -> Tensor<2>;

/// Returns each sum over the values of an image with its number of outputs and its work for each value.
fn likelihoods() -> [(&'static str, Term, usize, f64); 6] {
    [
        ("Bernoulli", ops::bernoulli_log_prob, 1, BERNOULLI),
        (
            "continuous Bernoulli",
            ops::continuous_bernoulli_log_prob,
            1,
            CONTINUOUS_BERNOULLI,
        ),
        (
            "Gaussian",
            |x, outputs| ops::squared_error(x, outputs, true),
            1,
            BERNOULLI,
        ),
        (
            "Laplace",
            |x, outputs| ops::absolute_error(x, outputs, true),
            1,
            EXP + 10.0,
        ),
        (
            "discretised logistic",
            |x, outputs| ops::discretised_logistic_log_prob(x, outputs, 1),
            outputs_per_value(1),
            LOGISTIC,
        ),
        (
            "mixture of 5 discretised logistics",
            |x, outputs| ops::discretised_logistic_log_prob(x, outputs, 5),
            outputs_per_value(5),
            5.0 * MIXED_LOGISTIC,
        ),
    ]
}

/// Measures a likelihood of images of MNIST's shape, without its gradient and with it.
fn likelihood(name: &str, term: Term, outputs: usize, flop: f64) -> [Measured; 2] {
    let device = cpu();
    let x = normal("x", [BATCH, 784], &device).abs().clamp_max(1.0);
    let decoded = normal("outputs", [1, BATCH, outputs * 784], &device);
    let forward = seconds(|| term(x.clone(), decoded.clone()));
    let tracked = Tensor::from_inner(decoded).require_grad();
    let x = Tensor::from_inner(x);
    let both = seconds(|| term(x.clone(), tracked.clone()).backward());
    let (values, flop) = (BATCH * 784, flop * (BATCH * 784) as f64);
    [
        row(
            &format!("{name}, forward"),
            flop,
            (1 + outputs) * values,
            forward,
        ),
        // The derivatives are written, and scaled in place by the gradient of the sum.
        row(
            &format!("{name}, forward and backward"),
            flop + (outputs * values) as f64,
            (1 + 4 * outputs) * values,
            both,
        ),
    ]
}

/// Measures the normalisation of a map of a residual network.
fn normalisation() -> [Measured; 2] {
    let map = [64, 16, 16];
    let normalisation = Normalisation {
        map,
        groups: 8,
        activation: Activation::Silu,
        layouts: [MapLayout::ChannelsLast; 2],
    };
    let device = cpu();
    let values = BATCH * map.iter().product::<usize>();
    let x = normal("x", [BATCH, values / BATCH], &device);
    let [scale, shift] = ["scale", "shift"].map(|name| normal::<1>(name, [map[0]], &device));
    let forward =
        seconds(|| ops::normalise(x.clone(), scale.clone(), shift.clone(), normalisation));
    let tracked = Tensor::from_inner(x).require_grad();
    let [scale, shift] = [scale, shift].map(|tensor| Tensor::from_inner(tensor).require_grad());
    let both = seconds(|| {
        ops::normalise(tracked.clone(), scale.clone(), shift.clone(), normalisation).backward()
    });
    let work = (EXP + 10.0) * values as f64;
    [
        // The map is read once for its statistics and once to be normalised, and written.
        row(
            "normalisation and SiLU 64x16x16, forward",
            work,
            3 * values,
            forward,
        ),
        row(
            "normalisation and SiLU 64x16x16, backward",
            2.0 * work,
            3 * values,
            both - forward,
        ),
    ]
}

/// Measures the formulas of 20 latents, with their gradients.
fn latents() -> [Measured; 2] {
    const LATENTS: usize = 20;
    let device = cpu().autodiff();
    let [mean, log_var] =
        ["mean", "log_var"].map(|name| normal::<2>(name, [BATCH, LATENTS], &device).require_grad());
    let noise = normal("noise", [1, BATCH, LATENTS], &device);
    let z =
        seconds(|| ops::reparameterise(mean.clone(), log_var.clone(), noise.clone()).backward());
    let kl = seconds(|| ops::kl_to_standard_normal(mean.clone(), log_var.clone()).backward());
    let (values, exps) = (BATCH * LATENTS, 2.0 * EXP * (BATCH * LATENTS) as f64);
    [
        row(
            "reparameterisation, forward and backward",
            exps,
            7 * values,
            z,
        ),
        row("KL, forward and backward", exps, 6 * values, kl),
    ]
}

/// Measures the making of a batch from bytes, and of the noise of its latents.
fn batches(device: &Device) -> Vec<Measured> {
    let noise_data = Noise {
        count: 2_000,
        test: 1,
        ..Noise::default()
    };
    let images = noise_data.draw().train;
    let ids: Vec<u32> = Rng::new(1)
        .permutation(images.len())
        .into_iter()
        .take(BATCH)
        .collect();
    let values = BATCH * 784;
    let mut rows: Vec<Measured> = [Pixels::Grey, Pixels::Dynamic]
        .into_iter()
        .map(|pixels| {
            let loader = Loader {
                pixels,
                pixel_rng: Rng::new(2),
                ..Loader::plain(device)
            };
            Measured {
                name: format!("batch of {BATCH}, {pixels:?}"),
                flop: values as f64,
                // Each value is read as one byte and written as four.
                bytes: 5.0 * values as f64,
                seconds: seconds(|| loader.batch(&images, &ids)),
            }
        })
        .collect();
    for latents in [2, 20] {
        let time = seconds(|| noise::latents(Rng::new(3), &ids, 1, latents, device));
        let count = BATCH * latents;
        // Two numbers take 20 rounds of three operations, a logarithm, a root and an angle.
        let work = 60.0 * count as f64;
        rows.push(row(
            &format!("noise of {latents} latents"),
            work,
            count,
            time,
        ));
    }
    rows
}
