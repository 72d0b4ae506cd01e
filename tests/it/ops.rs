//! Tests that each fast kernel equals its plain definition, values and gradients, also at awkward
//! sizes.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use vae::ops::{self, Activation, Convolution, MapLayout, Window, plain};
use vae::rng::Rng;

pub fn normal<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut values = vec![0.0; shape.iter().product()];
    Rng::new(3).stream(name).fill_normal(&mut values);
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn flat<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// Asserts equality up to rounding, relative to the largest value, or to 1 if that is smaller: the
/// values are sums of products of standard normal numbers, which may cancel.
#[track_caller]
pub fn assert_close(fast: &[f32], plain: &[f32], tolerance: f32, what: &str) {
    assert_eq!(fast.len(), plain.len(), "{what}");
    let scale = plain
        .iter()
        .fold(1.0_f32, |most, value| most.max(value.abs()));
    for (i, (fast, plain)) in fast.iter().zip(plain).enumerate() {
        assert!(
            (fast - plain).abs() <= tolerance * scale,
            "{what}[{i}]: {fast} and {plain}"
        );
    }
}

/// The distance from 0 within which rounding may change the sign of a sum of a thousand products.
const NEAR_THE_KINK: f32 = 3e-5;

/// Returns the value of a dense layer and its gradients in x, weight and bias, for an upstream
/// gradient that differs everywhere.
fn dense_and_gradients(
    dense: fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>,
    sizes: [usize; 3],
    activation: Activation,
) -> [Vec<f32>; 4] {
    dense_of(
        dense,
        normal("x", [sizes[0], sizes[1]], &Device::flex()),
        sizes[2],
        activation,
    )
}

fn dense_of(
    dense: fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>,
    x: Tensor<2>,
    o: usize,
    activation: Activation,
) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let [n, i] = x.dims();
    let x = Tensor::from_inner(x).require_grad();
    let weight = normal("weight", [i, o], &device).require_grad();
    let bias = normal("bias", [o], &device).require_grad();
    let y = dense(x.clone(), weight.clone(), bias.clone(), activation);
    let gradients = (y.clone() * normal("upstream", [n, o], &device))
        .sum()
        .backward();
    let [dx, dw] = [&x, &weight].map(|tensor| flat(tensor.grad(&gradients).unwrap()));
    [flat(y), dx, dw, flat(bias.grad(&gradients).unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_dense_layer_equals_its_definition(n in 1_usize..150, i in 1_usize..90, o in 1_usize..90, kind in 0..3) {
        let activation = [Activation::Relu, Activation::Tanh, Activation::None][kind as usize];
        if activation == Activation::Relu {
            let [sums, ..] = dense_and_gradients(plain::dense, [n, i, o], Activation::None);
            prop_assume!(sums.iter().all(|sum| sum.abs() > NEAR_THE_KINK));
        }
        let fast = dense_and_gradients(ops::dense, [n, i, o], activation);
        let slow = dense_and_gradients(plain::dense, [n, i, o], activation);
        for (what, (fast, slow)) in ["y", "dx", "dw", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, 2e-5, what);
        }
    }
}

#[test]
fn the_latents_formulas_equal_their_definitions() {
    type Formulas = (
        fn(Tensor<2>, Tensor<2>, Tensor<3>) -> Tensor<3>,
        fn(Tensor<2>, Tensor<2>) -> Tensor<2>,
    );
    let device = Device::flex().autodiff();
    for ([k, b, d], scale) in [([1, 128, 20], 1.0), ([3, 5, 7], 4.0), ([2, 1, 1], 30.0)] {
        let noise = || normal("noise", [k, b, d], &device.clone().inner());
        let both = |(reparameterise, divergence): Formulas| {
            let mean = normal("mean", [b, d], &device).require_grad();
            let log_var = (normal("log_var", [b, d], &device) * scale).require_grad();
            let z = reparameterise(mean.clone(), log_var.clone(), Tensor::from_inner(noise()));
            let kl = divergence(mean.clone(), log_var.clone());
            let loss = (z.clone() * normal("upstream", [k, b, d], &device)).sum()
                + (kl.clone() * normal("more", [b, d], &device)).sum();
            let gradients = loss.backward();
            let [of_mean, of_log_var] =
                [mean, log_var].map(|tensor| flat(tensor.grad(&gradients).unwrap()));
            [flat(z), flat(kl), of_mean, of_log_var]
        };
        let fast = both((ops::reparameterise, ops::kl_to_standard_normal));
        let slow = both((plain::reparameterise, plain::kl_to_standard_normal));
        for (what, (fast, slow)) in ["z", "kl", "d mean", "d log_var"]
            .iter()
            .zip(fast.iter().zip(&slow))
        {
            assert_close(fast, slow, 1e-6, what);
        }
    }
}

#[test]
fn large_products_are_cut_and_equal_their_definition() {
    for sizes in [
        [128, 784, 400],
        [400, 20, 784],
        [1000, 300, 500],
        [17, 2000, 1100],
    ] {
        let fast = dense_and_gradients(ops::dense, sizes, Activation::Relu);
        let slow = dense_and_gradients(plain::dense, sizes, Activation::Relu);
        for (what, (fast, slow)) in ["y", "dx", "dw", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, 3e-5, what);
        }
    }
}

/// The inputs have black columns, as images do: these products skip zeros, with bias, activation
/// and gradients.
#[test]
fn products_of_images_equal_their_definition() {
    for ([n, i, o], activation) in [
        ([128, 784, 400], Activation::Relu),
        ([30, 1500, 131], Activation::Tanh),
        ([5, 60, 96], Activation::None),
    ] {
        let device = Device::flex();
        let lit = normal("lit", [n, i], &device).greater_elem(0.84).float()
            * normal("border", [1, i], &device).greater_elem(0.0).float();
        let x = normal("x", [n, i], &device) * lit;
        let fast = dense_of(ops::dense, x.clone(), o, activation);
        let slow = dense_of(plain::dense, x, o, activation);
        for (what, (fast, slow)) in ["y", "dx", "dw", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, 3e-5, what);
        }
    }
}

#[test]
fn a_number_that_is_none_reaches_the_value_and_the_gradients() {
    let device = Device::flex();
    let spoilt = |place: [usize; 2], shape: [usize; 2]| {
        let mut values = flat(normal("x", shape, &device));
        values[place[0] * shape[1] + place[1]] = f32::NAN;
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let of_row = |values: &[f32], width: usize| -> Vec<bool> {
        values
            .chunks(width)
            .map(|row| row.iter().any(|value| value.is_nan()))
            .collect()
    };
    for (o, activation) in [(40, Activation::Relu), (130, Activation::Tanh)] {
        let [y, dx, dw, db] = dense_of(ops::dense, spoilt([2, 7], [9, 50]), o, activation);
        assert_eq!(
            of_row(&y, o),
            (0..9).map(|row| row == 2).collect::<Vec<_>>()
        );
        assert!(dw[7 * o..8 * o].iter().all(|value| value.is_nan()));
        // ReLU passes the gradient through at a NaN; tanh turns it into a NaN.
        let beyond = activation == Activation::Tanh;
        assert_eq!(
            (
                dx.iter().any(|value| value.is_nan()),
                db.iter().any(|value| value.is_nan())
            ),
            (beyond, beyond)
        );
    }
}

#[test]
fn a_batch_of_nothing_is_no_failure() {
    for o in [3, 130] {
        let [y, dx, dw, db] = dense_and_gradients(ops::dense, [0, 60, o], Activation::Relu);
        assert_eq!(
            (y.len(), dx.len(), dw, db),
            (0, 0, vec![0.0; 60 * o], vec![0.0; o])
        );
    }
    let convolution = convolution([2, 7, 7], 3, [3, 2, 1, 1], false, Activation::Relu).unwrap();
    let [y, dx, dw, db] = convolution_and_gradients(ops::convolve, 0, convolution, false);
    assert_eq!(
        (y.len(), dx.len(), dw, db),
        (0, 0, vec![0.0; 2 * 3 * 9], vec![0.0; 3])
    );
}

#[test]
fn the_kernels_do_not_depend_on_the_number_of_threads() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| dense_and_gradients(ops::dense, [300, 500, 400], Activation::Relu))
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(5));
}

/// Returns a convolution with these sizes, or `None` if its output would be empty.
fn convolution(
    image_shape: [usize; 3],
    channels: usize,
    window: [usize; 4],
    transposed: bool,
    activation: Activation,
) -> Option<Convolution> {
    let [kernel, stride, before, after] = window;
    let [_, height, width] = image_shape;
    // A transposed convolution cuts off equally many rows on both sides, or one more on one side,
    // or adds some at the end.
    let (padding, extra) = match (transposed, after) {
        (false, _) => ((before, after), 0),
        (true, 0) => ((before, before + 1), 0),
        (true, 1) => ((before + 1, before), 0),
        (true, _) => ((before, before), after.min(stride - 1)),
    };
    let along = |length: usize| {
        let length = if transposed {
            ((length - 1) * stride + kernel + extra).checked_sub(padding.0 + padding.1)?
        } else {
            (length + before + after).checked_sub(kernel)? / stride + 1
        };
        (length > 0).then_some(length)
    };
    let output = [channels, along(height)?, along(width)?];
    let window = Window {
        kernel,
        stride,
        padding: [padding; 2],
        output_padding: [extra; 2],
    };
    Some(Convolution {
        input: image_shape,
        output,
        window,
        activation,
        layouts: Default::default(),
    })
}

type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;

fn convolution_and_gradients(
    convolve: Convolve,
    n: usize,
    convolution: Convolution,
    transposed: bool,
) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let Convolution {
        input,
        output,
        window,
        ..
    } = convolution;
    let [first, second] = if transposed {
        [input[0], output[0]]
    } else {
        [output[0], input[0]]
    };
    let x = normal("x", [n, input.iter().product()], &device).require_grad();
    let weight = normal(
        "weight",
        [first, second, window.kernel, window.kernel],
        &device,
    )
    .require_grad();
    let bias = normal("bias", [output[0]], &device).require_grad();
    let y = convolve(x.clone(), weight.clone(), bias.clone(), convolution);
    let upstream = normal("upstream", [n, output.iter().product()], &device);
    let gradients = (y.clone() * upstream).sum().backward();
    let dw = flat(weight.grad(&gradients).unwrap());
    [
        flat(y),
        flat(x.grad(&gradients).unwrap()),
        dw,
        flat(bias.grad(&gradients).unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn convolutions_equal_their_definition(
        n in prop_oneof![4 => 1_usize..11, 1 => Just(33), 1 => Just(70)],
        (c, h, w, channels) in (prop_oneof![1_usize..7, 15_usize..40], 1_usize..12, 1_usize..12, prop_oneof![1_usize..7, 15_usize..70]),
        (kernel, stride, before, after) in (1_usize..6, 1_usize..4, 0_usize..3, 0_usize..4),
        (transposed, kind, layouts) in (any::<bool>(), 0..3, any::<[bool; 2]>()),
    ) {
        let activation = [Activation::Relu, Activation::Tanh, Activation::None][kind as usize];
        let window = [kernel, stride, before, after];
        let Some(mut convolution) = convolution([c, h, w], channels, window, transposed, activation) else { return Ok(()) };
        convolution.layouts = layouts.map(|last| if last { MapLayout::ChannelsLast } else { MapLayout::ChannelsFirst });
        // Where rounding moves a sum across the kink of a ReLU, its slope differs.
        if activation == Activation::Relu {
            let way: Convolve = if transposed { plain::convolve_transposed } else { plain::convolve };
            let before = Convolution { activation: Activation::None, ..convolution };
            let [sums, ..] = convolution_and_gradients(way, n, before, transposed);
            prop_assume!(sums.iter().all(|sum| sum.abs() > NEAR_THE_KINK));
        }
        let (fast, slow): (Convolve, Convolve) =
            if transposed { (ops::convolve_transposed, plain::convolve_transposed) } else { (ops::convolve, plain::convolve) };
        let fast = convolution_and_gradients(fast, n, convolution, transposed);
        let slow = convolution_and_gradients(slow, n, convolution, transposed);
        // The tolerance covers the rounding of a sum of up to a thousand terms; tanh hides how
        // large they were.
        let tolerance = if activation == Activation::Tanh { 2e-4 } else { 3e-5 };
        for (what, (fast, slow)) in ["y", "dx", "dw", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, tolerance, what);
        }
    }
}

/// As in training, batches are split into parts of several images and groups of several images, and
/// the last ones are incomplete.
#[test]
fn convolutions_of_large_batches_equal_their_definition() {
    for (n, image, channels, transposed) in [
        (257, [1, 8, 8], 5, false),
        (257, [6, 4, 4], 20, true),
        (70, [24, 40, 40], 17, false),
        (130, [17, 9, 7], 33, false),
    ] {
        let convolution =
            convolution(image, channels, [3, 2, 1, 1], transposed, Activation::Relu).unwrap();
        let (fast, slow): (Convolve, Convolve) = if transposed {
            (ops::convolve_transposed, plain::convolve_transposed)
        } else {
            (ops::convolve, plain::convolve)
        };
        let fast = convolution_and_gradients(fast, n, convolution, transposed);
        let slow = convolution_and_gradients(slow, n, convolution, transposed);
        for (what, (fast, slow)) in ["y", "dx", "dw", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, 3e-5, what);
        }
    }
}

#[test]
fn one_value_that_is_not_finite_is_found_anywhere() {
    let device = Device::flex();
    for length in [1, 17, 40_000] {
        let values = |place: usize, value: f32| {
            let mut values = vec![f32::MAX; length];
            values[place] = value;
            Tensor::<1>::from_data(TensorData::new(values, [length]), &device)
        };
        for place in [0, length / 2, length - 1] {
            for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                let bad = values(place, value);
                assert!(flat(ops::zero_if_finite(bad.clone()))[0].is_nan());
                assert!(flat(plain::zero_if_finite(bad))[0].is_nan());
            }
            for value in [0.0, f32::MIN, 1e-40] {
                let good = values(place, value);
                assert_eq!(flat(ops::zero_if_finite(good.clone())), [0.0]);
                assert_eq!(flat(plain::zero_if_finite(good)), [0.0]);
            }
        }
    }
}

#[test]
fn a_sum_of_squares_does_not_depend_on_the_number_of_threads() {
    let values = normal("values", [5_000_001], &Device::flex());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            (0..5)
                .map(|_| flat(ops::sum_of_squares(values.clone()))[0])
                .collect::<Vec<_>>()
        })
    };
    let one = on(1);
    assert!(one.iter().all(|sum| *sum == one[0]));
    assert_eq!(on(2), one);
    assert_eq!(on(7), one);
    assert_close(&one[..1], &flat(plain::sum_of_squares(values)), 1e-4, "sum");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_sum_over_the_last_axis_equals_its_definition(k in 1_usize..4, b in 1_usize..40, d in 1_usize..70) {
        let device = Device::flex().autodiff();
        let value_and_gradient = |sum: fn(Tensor<3>) -> Tensor<3>| {
            let values = normal("values", [k, b, d], &device).require_grad();
            // One sum is of values that are in another order in memory.
            let sums = sum(values.clone()) + sum(values.clone().swap_dims(0, 1)).swap_dims(0, 1);
            let gradients = (sums.clone() * normal("upstream", [k, b, 1], &device)).sum().backward();
            [flat(sums), flat(values.grad(&gradients).unwrap())]
        };
        let [fast, slow] = [ops::sum_last_axis, plain::sum_last_axis].map(value_and_gradient);
        assert_close(&fast[0], &slow[0], 1e-5, "sum");
        assert_close(&fast[1], &slow[1], 1e-6, "gradient");
        let values = normal("values", [k, b, d], &device.inner());
        prop_assert_eq!(flat(ops::sum_last_axis(values) * 2.0), fast[0].clone());
    }

    #[test]
    fn a_repeated_value_equals_its_definition(n in 1_usize..40, count in 1_usize..70) {
        let device = Device::flex().autodiff();
        let value_and_gradient = |repeat: fn(Tensor<2>, usize) -> Tensor<2>| {
            let values = normal("values", [n, 1], &device).require_grad();
            let repeated = repeat(values.clone(), count);
            let gradients = (repeated.clone() * normal("upstream", [n, count], &device)).sum().backward();
            [flat(repeated), flat(values.grad(&gradients).unwrap())]
        };
        let [fast, slow] = [ops::repeat_last_axis, plain::repeat_last_axis].map(value_and_gradient);
        prop_assert_eq!(&fast[0], &slow[0]);
        assert_close(&fast[1], &slow[1], 1e-5, "gradient");
    }

    #[test]
    fn a_product_equals_its_definition(n in 1_usize..40, i in 1_usize..60, o in 1_usize..40) {
        let device = Device::flex().autodiff();
        let value_and_gradients = |product: fn(Tensor<2>, Tensor<2>) -> Tensor<2>| {
            let a = normal("a", [n, i], &device).require_grad();
            let b = normal("b", [o, i], &device).require_grad();
            let y = product(a.clone(), b.clone().transpose());
            let gradients = (y.clone() * normal("upstream", [n, o], &device)).sum().backward();
            let [da, db] = [&a, &b].map(|tensor| flat(tensor.grad(&gradients).unwrap()));
            [flat(y), da, db]
        };
        let fast = value_and_gradients(ops::product);
        let slow = value_and_gradients(|a, b| a.matmul(b));
        for (what, (fast, slow)) in ["y", "da", "db"].iter().zip(fast.iter().zip(&slow)) {
            assert_close(fast, slow, 2e-5, what);
        }
    }
}

/// Covers frozen weights with a tracked input, and a frozen input with tracked weights.
#[test]
fn plain_and_tracked_operands_mix() {
    let (device, tracked) = (Device::flex(), Device::flex().autodiff());
    let x = || normal("x", [5, 7], &tracked).require_grad();
    let (weight, bias) = (
        normal("weight", [7, 3], &device),
        normal("bias", [3], &device),
    );
    let gradient = |dense: fn(_, _, _, _) -> Tensor<2>| {
        let x = x();
        let constants = (
            Tensor::from_inner(weight.clone()),
            Tensor::from_inner(bias.clone()),
        );
        let y: Tensor<2> = dense(x.clone(), constants.0, constants.1, Activation::Tanh);
        flat(x.grad(&y.sum().backward()).unwrap())
    };
    assert_close(
        &gradient(ops::dense),
        &gradient(plain::dense),
        1e-5,
        "dx below frozen weights",
    );
    let frozen = ops::dense(x(), weight.clone(), bias.clone(), Activation::Tanh);
    assert!(
        frozen.is_autodiff(),
        "a plain weight does not cut the graph"
    );
    let weight = Tensor::from_inner(weight).require_grad();
    let y = ops::dense(
        normal("x", [5, 7], &device),
        weight.clone(),
        Tensor::from_inner(bias),
        Activation::None,
    );
    assert!(weight.grad(&y.sum().backward()).is_some());
}
