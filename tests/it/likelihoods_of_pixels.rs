//! Tests the continuous Bernoulli, the discretised logistic and the Laplace distribution against
//! their textbook definitions in float64: mass, values, slopes and means, also where a careless
//! formula would lose them.

use burn::tensor::{Tensor, TensorData};
use vae::model::{
    ContinuousBernoulli, DiscretisedLogistic, ImageDistribution, Laplace, LikelihoodKind,
    OutputMap, Scale,
};

use crate::models::{autodiff_device, gap, module, numbers, plain_device, tensor, with_log_sigma};

/// Returns log p of each value of `x` for the same `outputs`.
fn log_probs(likelihood: &dyn LikelihoodKind, x: &[f64], outputs: &[f64]) -> Vec<f64> {
    let (n, o, device) = (x.len(), outputs.len(), plain_device());
    let x = tensor(narrow(x), [n, 1], &device);
    let outputs = tensor(narrow(&outputs.repeat(n)), [1, n, o], &device);
    numbers(module(likelihood).kind().log_prob(x, outputs))
}

/// Returns d log p / d output for each output.
fn slopes(likelihood: &dyn LikelihoodKind, x: f64, outputs: &[f64]) -> Vec<f64> {
    let device = autodiff_device();
    let data = TensorData::new(narrow(outputs), [1, 1, outputs.len()]);
    let outputs = Tensor::<3>::from_data(data, &device).require_grad();
    let x = tensor(vec![x as f32], [1, 1], &device);
    let log_prob = module(likelihood).kind().log_prob(x, outputs.clone());
    let gradients = log_prob.sum().backward();
    numbers(outputs.grad(&gradients).unwrap())
}

fn mean(likelihood: &dyn LikelihoodKind, outputs: &[f64]) -> f64 {
    let outputs = tensor(narrow(outputs), [1, outputs.len()], &plain_device());
    numbers(module(likelihood).kind().mean(outputs))[0]
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Returns the number rounded to float32.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Computes df/dx by the five-point formula.
fn difference(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h)
}

/// Computes the integral of `f` from `low` to `high` by Simpson's rule.
fn integral(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    const HALVES: usize = 100_000;
    let h = (high - low) / (2 * HALVES) as f64;
    let weight = |i: usize| {
        if i == 0 || i == 2 * HALVES {
            1.0
        } else {
            2.0 + 2.0 * (i % 2) as f64
        }
    };
    (0..=2 * HALVES)
        .map(|i| weight(i) * f(low + i as f64 * h))
        .sum::<f64>()
        * h
        / 3.0
}

#[track_caller]
fn assert_close(ours: f64, truth: f64, tolerance: f64, what: &str) {
    // The comparison fails for NaN.
    assert!(
        (ours - truth).abs() <= tolerance * truth.abs().max(1.0),
        "{what}: {ours} and {truth}"
    );
}

/// Returns logits on both sides of each limit: lambda = 1/2, the end of the series (1), and the
/// ends of lambda in float32.
fn logits() -> Vec<f64> {
    let positive = [
        1e-30, 1e-7, 1e-4, 1e-2, 0.1, 0.7, 0.999_999, 1.0, 1.000_001, 1.5, 3.0, 7.0, 17.0,
    ];
    let both = positive.into_iter().flat_map(|l| [rounded(l), rounded(-l)]);
    both.chain([0.0]).collect()
}

/// Returns the log density in the form of Loaiza-Ganem and Cunningham.
fn paper(x: f64, l: f64) -> f64 {
    let (lambda, other) = (1.0 / (1.0 + (-l).exp()), 1.0 / (1.0 + l.exp()));
    let c = if l.abs() < 1e-6 {
        2.0
    } else {
        2.0 * (1.0 - 2.0 * lambda).atanh() / (1.0 - 2.0 * lambda)
    };
    c.ln() + x * lambda.ln() + (1.0 - x) * other.ln()
}

#[test]
fn a_continuous_bernoulli_is_the_papers_at_one_half_and_away_from_it() {
    let likelihood = ContinuousBernoulli {};
    let x = [0.0, 0.001, 0.25, 0.5, 0.9, 1.0].map(rounded);
    for l in logits() {
        let truth = x.map(|x| paper(x, l));
        let ours = log_probs(&likelihood, &x, &[l]);
        assert!(
            gap(&ours, &truth) < 1e-6 * l.abs().max(1.0),
            "{l}: {ours:?} and {truth:?}"
        );
        for x in x {
            let truth = difference(|l| paper(x, l), l, 1e-2);
            assert_close(
                slopes(&likelihood, x, &[l])[0],
                truth,
                1e-6,
                &format!("the slope at {l} of {x}"),
            );
        }
    }
}

#[test]
fn a_continuous_bernoulli_has_the_mass_one_and_its_own_mean() {
    const POINTS: usize = 20_001;
    let likelihood = ContinuousBernoulli {};
    let x: Vec<f64> = (0..POINTS)
        .map(|i| i as f64 / (POINTS - 1) as f64)
        .collect();
    for l in logits().into_iter().chain([60.0, -60.0, 200.0, -200.0]) {
        let density = log_probs(&likelihood, &x, &[l]);
        let weight = |i: usize| {
            if i == 0 || i == POINTS - 1 {
                1.0
            } else {
                2.0 + 2.0 * (i % 2) as f64
            }
        };
        let mass: f64 = (0..POINTS)
            .map(|i| weight(i) * density[i].exp())
            .sum::<f64>()
            / (3 * (POINTS - 1)) as f64;
        assert_close(mass, 1.0, 3e-5, &format!("the mass at {l}"));
        let density = |x: f64| (l * x - l.max(0.0)).exp();
        let truth = integral(|x| x * density(x), 0.0, 1.0) / integral(density, 0.0, 1.0);
        assert_close(
            mean(&likelihood, &[l]),
            truth,
            3e-7,
            &format!("the mean at {l}"),
        );
    }
    // The mean is far from lambda, which is 0.982 here.
    assert_close(
        mean(&likelihood, &[4.0]),
        0.768_657,
        1e-6,
        "the mean is not lambda",
    );
}

#[test]
fn a_continuous_bernoulli_stays_finite_and_right_at_any_logit() {
    let likelihood = ContinuousBernoulli {};
    for size in [30.0, 100.0, 1e4, 1e10, 1e30].map(rounded) {
        for l in [size, -size] {
            // p = |l| e^(-|l| distance), up to e^-30.
            for x in [0.0, 1.0, 0.5, rounded(1e-3), rounded(0.999)] {
                let distance = if l > 0.0 { 1.0 - x } else { x };
                let truth = size.ln() - size * distance;
                assert_close(
                    log_probs(&likelihood, &[x], &[l])[0],
                    truth,
                    1e-6,
                    &format!("{l} at {x}"),
                );
                let slope = l.signum() * (1.0 / size - distance);
                let ours = slopes(&likelihood, x, &[l])[0];
                assert!(
                    (ours - slope).abs() <= 1e-6 * slope.abs(),
                    "the slope at {l} of {x}: {ours} and {slope}"
                );
            }
            let truth = if l > 0.0 {
                1.0 - 1.0 / size
            } else {
                1.0 / size
            };
            assert_close(
                mean(&likelihood, &[l]),
                truth,
                1e-7,
                &format!("the mean at {l}"),
            );
        }
    }
    assert!(
        log_probs(&likelihood, &[0.5], &[f64::NAN])[0].is_nan(),
        "what is not a number is not hidden"
    );
}

fn logistic(y: f64) -> f64 {
    if y > 0.0 {
        1.0 / (1.0 + (-y).exp())
    } else {
        y.exp() / (1.0 + y.exp())
    }
}

/// Returns the scale that an output stands for.
fn scale(output: f64) -> f64 {
    (-7.0 + (output + 7.0).max(0.0) + (-(output + 7.0).abs()).exp().ln_1p()).exp()
}

/// Returns the probability of `byte`, subtracting on the side where both terms are small.
fn share(byte: f64, mean: f64, scale: f64) -> f64 {
    let (a, b) = (
        ((2.0 * byte - 256.0) / 255.0 - mean) / scale,
        ((2.0 * byte - 254.0) / 255.0 - mean) / scale,
    );
    match byte {
        0.0 => logistic(b),
        255.0 => logistic(-a),
        // The interval is too narrow for a difference.
        _ if b - a < 1e-6 => 2.0 / 255.0 / scale * logistic(a) * logistic(-b),
        _ if a > 0.0 => logistic(-a) - logistic(-b),
        _ => logistic(b) - logistic(a),
    }
}

/// Returns log P(byte) of a mixture whose `outputs` are its means, log scales and weights.
fn mixture(byte: f64, outputs: &[f64]) -> f64 {
    let m = outputs.len().div_ceil(3);
    let weight = |i: usize| {
        if outputs.len() == 2 {
            1.0
        } else {
            outputs[2 * m + i].exp()
        }
    };
    let total: f64 = (0..m).map(weight).sum();
    (0..m)
        .map(|i| weight(i) / total * share(byte, outputs[i], scale(outputs[m + i])))
        .sum::<f64>()
        .ln()
}

fn of(outputs: &[f64]) -> DiscretisedLogistic {
    DiscretisedLogistic {
        components: outputs.len().div_ceil(3),
    }
}

fn levels() -> Vec<f64> {
    (0..256).map(|byte| f64::from(byte) / 255.0).collect()
}

/// Returns outputs with means far outside, at the ends, on levels and between them, and scales from
/// the smallest to one with nothing but tails.
fn singles() -> Vec<Vec<f64>> {
    let means = [
        -1e6,
        -30.0,
        -1.5,
        -1.0,
        -0.999,
        -0.1,
        0.0,
        1.0 / 255.0,
        0.37,
        0.998,
        1.0,
        4.0,
        1e6,
    ]
    .map(rounded);
    let scales = [-1e6, -100.0, -8.0, -7.0, -4.0, -1.0, 0.0, 3.0, 10.0, 80.0].map(rounded);
    means
        .into_iter()
        .flat_map(|mean| scales.map(|scale| vec![mean, scale]))
        .collect()
}

fn mixtures() -> Vec<Vec<f64>> {
    vec![
        vec![-0.5, 0.25, 1.5, -5.0, -2.0, 0.5, 0.5, -1.0, 2.0],
        vec![-30.0, 0.0, 30.0, -50.0, -50.0, -50.0, 100.0, 0.0, -100.0],
        vec![0.1, 0.1, -7.0, -7.0, 300.0, -300.0],
        vec![-1.0, 1.0, 90.0, -90.0, 0.0, 0.0],
    ]
}

#[test]
fn the_256_bytes_have_the_mass_one() {
    for outputs in singles().into_iter().chain(mixtures()) {
        let log_shares = log_probs(&of(&outputs), &levels(), &outputs);
        assert!(
            log_shares
                .iter()
                .all(|log_share| log_share.is_finite() && *log_share < 1e-6),
            "{outputs:?}"
        );
        let mass: f64 = log_shares.into_iter().map(f64::exp).sum();
        assert_close(mass, 1.0, 1e-4, &format!("the mass of {outputs:?}"));
    }
}

#[test]
fn the_share_of_a_byte_is_right_in_both_tails() {
    let singles = singles()
        .into_iter()
        .filter(|outputs| outputs[0].abs() < 100.0 && outputs[1] < 20.0);
    for outputs in singles.chain(mixtures()) {
        let ours = log_probs(&of(&outputs), &levels(), &outputs);
        let mut seen = 0;
        for (byte, ours) in (0..256).map(f64::from).zip(ours) {
            let truth = mixture(byte, &outputs);
            // Below that, the float64 reference underflows.
            if truth > -600.0 {
                assert_close(ours, truth, 1e-4, &format!("byte {byte} of {outputs:?}"));
                seen += 1;
            }
        }
        assert!(seen > 0, "{outputs:?}");
    }
    // 1000 scales away, float64 underflows as well; there the logistic function equals its
    // exponential tail.
    let (mean, s) = (rounded(2.4), scale(-6.0));
    let end = (-252.0 / 255.0 - mean) / s;
    assert!(end < -900.0);
    let truth = end + (1.0 - (-2.0 / 255.0 / s).exp()).ln();
    for (mean, byte, last) in [(mean, 1.0, 0.0), (-mean, 254.0, 255.0)] {
        let outputs = [mean, -6.0];
        let ours = log_probs(&of(&outputs), &[byte / 255.0, last / 255.0], &outputs);
        assert_close(ours[0], truth, 1e-5, "far from a byte");
        assert_close(
            ours[1],
            end - 2.0 / 255.0 / s,
            1e-5,
            "far from the last byte",
        );
    }
}

#[test]
fn the_slopes_of_a_bytes_share_are_those_of_differences() {
    let outputs = [
        vec![0.2, -1.0],
        vec![-0.9, -3.0],
        vec![0.99, -5.5],
        vec![-1.1, -7.0],
        vec![0.0, -9.0],
        vec![3.0, 0.5],
        vec![0.3, 6.0],
        vec![-0.5, 0.25, 1.5, -5.0, -2.0, 0.5, 0.5, -1.0, 2.0],
        vec![-0.9, 0.9, -2.0, -3.0, -1.0, 1.0],
    ];
    for outputs in outputs.map(|outputs| outputs.into_iter().map(rounded).collect::<Vec<_>>()) {
        for byte in [0.0, 1.0, 13.0, 127.0, 128.0, 200.0, 254.0, 255.0] {
            if mixture(byte, &outputs) < -600.0 {
                continue;
            }
            let ours = slopes(&of(&outputs), byte / 255.0, &outputs);
            for (i, ours) in ours.into_iter().enumerate() {
                let at = |value: f64| {
                    let mut outputs = outputs.clone();
                    outputs[i] = value;
                    mixture(byte, &outputs)
                };
                let truth = difference(at, outputs[i], 1e-5);
                assert_close(
                    ours,
                    truth,
                    2e-4,
                    &format!("output {i} of {outputs:?}, byte {byte}"),
                );
            }
        }
    }
}

#[test]
fn no_byte_and_no_output_makes_a_slope_that_is_not_finite() {
    for outputs in singles().into_iter().chain(mixtures()) {
        for byte in [0.0, 1.0, 128.0, 254.0, 255.0] {
            let slopes = slopes(&of(&outputs), byte / 255.0, &outputs);
            assert!(
                slopes.iter().all(|slope| slope.is_finite()),
                "{outputs:?}, byte {byte}: {slopes:?}"
            );
        }
    }
}

#[test]
fn the_mean_of_a_discretised_logistic_is_that_of_its_bytes() {
    for outputs in singles()
        .into_iter()
        .filter(|outputs| outputs[1] < 20.0)
        .chain(mixtures())
    {
        let truth: f64 = (0..256)
            .map(f64::from)
            .map(|byte| byte / 255.0 * mixture(byte, &outputs).exp())
            .sum();
        let m = outputs.len().div_ceil(3);
        // If a scale is less than half a level, the mean is the one before rounding.
        let coarse = outputs[m..2 * m]
            .iter()
            .any(|&output| scale(output) < 1.0 / 255.0);
        assert_close(
            mean(&of(&outputs), &outputs),
            truth,
            if coarse { 6.5e-4 } else { 2e-5 },
            &format!("{outputs:?}"),
        );
    }
}

#[test]
fn the_outputs_come_number_by_number() {
    let device = plain_device();
    let (first, second) = (
        [-0.3, 0.4, -1.0, -2.0, 0.5, 0.1],
        [0.8, -0.6, -3.0, 0.0, -1.0, 1.0],
    );
    // The layout is [O, P], for P = 2.
    let outputs: Vec<f64> = first
        .iter()
        .zip(&second)
        .flat_map(|(first, second)| [*first, *second])
        .collect();
    let x = [40.0 / 255.0, 1.0];
    let likelihood = DiscretisedLogistic { components: 2 };
    let together = likelihood.log_prob(
        tensor(narrow(&x), [1, 2], &device),
        tensor(narrow(&outputs), [1, 1, 12], &device),
    );
    assert_eq!(together.dims(), [1, 1]);
    assert_close(
        numbers(together)[0],
        mixture(40.0, &first) + mixture(255.0, &second),
        1e-5,
        "both",
    );
    let means = numbers(likelihood.mean(tensor(narrow(&outputs), [1, 12], &device)));
    assert_eq!(means.len(), 2);
    assert_close(means[0], mean(&likelihood, &first), 1e-6, "the first");
    assert_close(means[1], mean(&likelihood, &second), 1e-6, "the second");
    // K samples for each of B images, each with its own outputs.
    let x: Vec<f64> = (0..6).map(|i| f64::from(i * 50) / 255.0).collect();
    let outputs: Vec<f64> = (0..2 * 3 * 4).map(|i| f64::from(i) / 12.0 - 1.0).collect();
    let single = DiscretisedLogistic::default();
    let all = single.log_prob(
        tensor(narrow(&x), [3, 2], &device),
        tensor(narrow(&outputs), [2, 3, 4], &device),
    );
    let truth = |row: usize| {
        let (x, outputs) = (&x[row % 3 * 2..][..2], &outputs[row * 4..][..4]);
        (0..2)
            .map(|p| mixture((x[p] * 255.0).round(), &[outputs[p], outputs[2 + p]]))
            .sum::<f64>()
    };
    assert!(gap(&numbers(all), &(0..6).map(truth).collect::<Vec<f64>>()) < 1e-4);
}

#[test]
fn a_mixture_of_one_kind_is_that_kind() {
    let single = [0.3, -2.0];
    let truth = log_probs(&of(&single), &levels(), &single);
    for mixed in [
        [0.3, 0.3, -2.0, -2.0, 5.0, -1.0],
        [0.3, -0.9, -2.0, 0.0, 60.0, -60.0],
    ] {
        assert!(
            gap(&log_probs(&of(&mixed), &levels(), &mixed), &truth) < 2e-5,
            "{mixed:?}"
        );
        assert_close(
            mean(&of(&mixed), &mixed),
            mean(&of(&single), &single),
            1e-6,
            "the mean",
        );
    }
}

#[test]
fn a_laplace_distribution_is_the_textbooks() {
    let (x, device) = (
        [-3.0, 0.0, 0.2, 0.75, 1.0, 40.0].map(rounded),
        plain_device(),
    );
    for (kind, of) in [
        (OutputMap::Linear, (|l| l) as fn(f64) -> f64),
        (OutputMap::Sigmoid, logistic as fn(f64) -> f64),
    ] {
        for b in [0.01, 0.3, 2.0] {
            for output in [-2.0, 0.0, 0.7].map(rounded) {
                let truth = x.map(|x| -(x - of(output)).abs() / b - (2.0 * b).ln());
                let fixed = Laplace {
                    scale: Scale::Fixed(b),
                    mean: kind,
                };
                let ours = log_probs(&fixed, &x, &[output]);
                assert!(
                    gap(&ours, &truth) < 1e-6 * 40.0 / b,
                    "{b} {output}: {ours:?} and {truth:?}"
                );
                // The density is the same if the model holds the log of the standard deviation.
                let sigma = 2_f64.sqrt() * b;
                assert_eq!(module(&fixed).kind().sigma(), Some(sigma));
                let learned = Laplace {
                    scale: Scale::Learned,
                    mean: kind,
                };
                let (x, outputs) = (tensor(narrow(&x), [6, 1], &device), vec![output as f32; 6]);
                let learned = with_log_sigma(module(&learned), sigma);
                let outputs = tensor(outputs, [1, 6, 1], &device);
                let ours = numbers(learned.kind().log_prob(x, outputs));
                assert!(
                    gap(&ours, &truth) < 4e-6 * 40.0 / b,
                    "{b} {output}: {ours:?} and {truth:?}"
                );
                assert_close(mean(&fixed, &[output]), of(output), 1e-6, "the mean");
                let slope = slopes(&fixed, 0.2, &[output])[0];
                let truth = difference(|l| -(rounded(0.2) - of(l)).abs() / b, output, 1e-3);
                assert_close(slope, truth, 1e-5, "the slope");
            }
        }
    }
    assert_eq!(Laplace::default().scale, Scale::Learned);
}

#[test]
fn a_laplace_distribution_has_the_mass_one_and_the_deviation_it_says() {
    const POINTS: usize = 40_001;
    let width = 16.0 / (POINTS - 1) as f64;
    let x: Vec<f64> = (0..POINTS).map(|i| i as f64 * width - 8.0).collect();
    for b in [0.05, 0.5] {
        let likelihood = Laplace {
            scale: Scale::Fixed(b),
            mean: OutputMap::Linear,
        };
        let density: Vec<f64> = log_probs(&likelihood, &x, &[0.25])
            .into_iter()
            .map(f64::exp)
            .collect();
        assert_close(density.iter().sum::<f64>() * width, 1.0, 2e-5, "the mass");
        let variance: f64 = x
            .iter()
            .zip(&density)
            .map(|(x, density)| (x - 0.25).powi(2) * density * width)
            .sum();
        let sigma = module(&likelihood).kind().sigma().unwrap();
        assert_close(variance.sqrt(), sigma, 1e-4, "the deviation");
    }
}

#[test]
fn what_is_a_log_likelihood_is_called_one_and_nothing_else() {
    for binary in [false, true] {
        assert_eq!(DiscretisedLogistic::default().caveat(binary), None);
        let densities: [&dyn LikelihoodKind; 2] = [&ContinuousBernoulli {}, &Laplace::default()];
        for density in densities {
            let caveat = density.caveat(binary).unwrap();
            assert!(
                caveat.contains("density") && caveat.contains("probability"),
                "{caveat}"
            );
            assert_eq!(caveat.contains("bytes"), !binary, "{caveat}");
        }
    }
}
