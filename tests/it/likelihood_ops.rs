//! Tests that the fast sums over the values of images equal their plain definitions, values and gradients, also at
//! awkward sizes.

use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use vae::ops::{self, outputs_per_value, plain};

use crate::ops::{assert_close, flat, normal};

type Term = fn(Tensor<2>, Tensor<3>) -> Tensor<2>;

/// A sum over the values of an image, with its plain definition.
#[derive(Clone, Copy, Debug)]
struct Sum {
    name: &'static str,
    fast: Term,
    plain: Term,
    /// The number of outputs of the decoder for each value.
    outputs: usize,
}

fn sums() -> Vec<Sum> {
    let sum = |name, fast, plain, outputs| Sum {
        name,
        fast,
        plain,
        outputs,
    };
    vec![
        sum(
            "bernoulli",
            ops::bernoulli_log_prob,
            plain::bernoulli_log_prob,
            1,
        ),
        sum(
            "continuous bernoulli",
            ops::continuous_bernoulli_log_prob,
            plain::continuous_bernoulli_log_prob,
            1,
        ),
        sum(
            "squared error",
            |x, outputs| ops::squared_error(x, outputs, false),
            |x, outputs| plain::squared_error(x, outputs, false),
            1,
        ),
        sum(
            "squared error, logistic",
            |x, outputs| ops::squared_error(x, outputs, true),
            |x, outputs| plain::squared_error(x, outputs, true),
            1,
        ),
        sum(
            "absolute error",
            |x, outputs| ops::absolute_error(x, outputs, false),
            |x, outputs| plain::absolute_error(x, outputs, false),
            1,
        ),
        sum(
            "absolute error, logistic",
            |x, outputs| ops::absolute_error(x, outputs, true),
            |x, outputs| plain::absolute_error(x, outputs, true),
            1,
        ),
        sum(
            "discretised logistic",
            |x, outputs| ops::discretised_logistic_log_prob(x, outputs, 1),
            |x, outputs| plain::discretised_logistic_log_prob(x, outputs, 1),
            outputs_per_value(1),
        ),
        sum(
            "mixture of three discretised logistics",
            |x, outputs| ops::discretised_logistic_log_prob(x, outputs, 3),
            |x, outputs| plain::discretised_logistic_log_prob(x, outputs, 3),
            outputs_per_value(3),
        ),
    ]
}

/// Returns bytes as numbers from 0 to 1, with many at both ends.
fn pixels(b: usize, p: usize) -> Tensor<2> {
    let bytes = (normal("pixels", [b, p], &Device::flex()) * 120.0 + 128.0).round();
    bytes.clamp(0.0, 255.0) / 255.0
}

/// Returns the values, `[K, B]`, and the gradient in the outputs for an upstream gradient that differs everywhere.
fn value_and_gradient(term: Term, x: Tensor<2>, outputs: Tensor<3>) -> [Vec<f32>; 2] {
    let outputs = Tensor::from_inner(outputs).require_grad();
    let value = term(Tensor::from_inner(x), outputs.clone());
    let upstream = normal("upstream", value.dims(), &value.device());
    let gradients = (value.clone() * upstream).sum().backward();
    [flat(value), flat(outputs.grad(&gradients).unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_sum_over_an_image_equals_its_definition(
        (k, b, p) in (1_usize..4, 1_usize..20, 1_usize..60),
        scale in 0.1_f64..20.0,
    ) {
        let x = pixels(b, p);
        for Sum { name, fast, plain, outputs } in sums() {
            let outputs = normal("outputs", [k, b, outputs * p], &Device::flex()) * scale;
            let [value, gradient] = value_and_gradient(fast, x.clone(), outputs.clone());
            let [slow_value, slow_gradient] = value_and_gradient(plain, x.clone(), outputs.clone());
            assert_close(&value, &slow_value, 1e-5, &format!("{name}: value"));
            // The components of a mixture have shares of e^-10000 and less, whose exponents round by 1e-3.
            let tolerance = if name.starts_with("mixture") { 1e-3 } else { 1e-5 };
            assert_close(&gradient, &slow_gradient, tolerance, &format!("{name}: gradient"));
            // Without a graph the value is the same to the bit, unless an image has a single value.
            let alone = flat(fast(x.clone(), outputs));
            if p == 1 {
                assert_close(&alone, &value, 1e-6, name);
            } else {
                prop_assert_eq!(alone, value);
            }
        }
    }
}

/// A map takes each value of an image as an image of its own, more of them than one core takes at a time.
#[test]
fn sums_over_images_of_a_single_value_equal_their_definition() {
    let x = pixels(9_000, 1);
    for sum in sums() {
        let outputs = normal("outputs", [2, 9_000, sum.outputs], &Device::flex()) * 5.0;
        let fast = flat((sum.fast)(x.clone(), outputs.clone()));
        assert_close(
            &fast,
            &flat((sum.plain)(x.clone(), outputs)),
            1e-5,
            sum.name,
        );
    }
}

#[test]
fn sums_over_images_do_not_depend_on_the_number_of_threads() {
    let x = pixels(70, 300);
    for sum in sums() {
        let outputs = normal("outputs", [2, 70, sum.outputs * 300], &Device::flex());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| value_and_gradient(sum.fast, x.clone(), outputs.clone()))
        };
        let one = on(1);
        assert_eq!(on(2), one, "{}", sum.name);
        assert_eq!(on(5), one, "{}", sum.name);
    }
}

#[test]
fn a_number_that_is_none_reaches_the_sum_of_its_image_and_its_gradient() {
    let device = Device::flex();
    let with_nan = |at: usize, values: Tensor<2>| {
        let shape = values.dims();
        let mut values = flat(values);
        values[at] = f32::NAN;
        Tensor::<2>::from_data(burn::tensor::TensorData::new(values, shape), &device)
    };
    for Sum {
        name,
        fast,
        outputs,
        ..
    } in sums()
    {
        let x = pixels(3, 40);
        let clean = normal("outputs", [3, 40 * outputs], &device);
        let is_nan = |values: &[f32]| -> Vec<bool> {
            let rows = values.chunks(values.len() / 3);
            rows.map(|row| row.iter().any(|value| value.is_nan()))
                .collect()
        };
        // In each output of a value, or in the value.
        let spoilt = (0..outputs).map(|o| {
            // The second image, number o of its last value.
            let at = 40 * outputs + 40 * o + 39;
            (x.clone(), with_nan(at, clean.clone()))
        });
        let spoilt = spoilt.chain([(with_nan(40 + 39, x.clone()), clean.clone())]);
        for (x, outputs) in spoilt {
            let [value, gradient] = value_and_gradient(fast, x, outputs.unsqueeze::<3>());
            assert_eq!(is_nan(&value), [false, true, false], "{name}");
            assert!(!is_nan(&gradient)[0] && !is_nan(&gradient)[2], "{name}");
        }
    }
}

#[test]
fn a_batch_without_images_has_no_sums() {
    for sum in sums() {
        let outputs = Tensor::zeros([1, 0, 40 * sum.outputs], &Device::flex());
        let [value, gradient] = value_and_gradient(sum.fast, pixels(0, 40), outputs);
        assert!(value.is_empty() && gradient.is_empty(), "{}", sum.name);
    }
}
