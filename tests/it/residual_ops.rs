//! Tests that the kernels of residual networks equal their plain definitions, values and gradients, in every layout and
//! at awkward sizes.

use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use vae::ops::{
    self, Activation, Convolution, MapLayout, Normalisation, Resampling, Window, plain,
};

use crate::ops::{assert_close, flat, normal};

/// Asserts that a value and its gradients are equal up to rounding.
#[track_caller]
fn assert_all_close(fast: &[Vec<f32>], plain: &[Vec<f32>], tolerance: f32) {
    assert_eq!(fast.len(), plain.len());
    for (part, (fast, plain)) in fast.iter().zip(plain).enumerate() {
        assert_close(fast, plain, tolerance, &format!("part {part}"));
    }
}

fn layout(last: bool) -> MapLayout {
    if last {
        MapLayout::ChannelsLast
    } else {
        MapLayout::ChannelsFirst
    }
}

/// Returns the value of an operation and its gradients in its inputs, for an upstream gradient that differs everywhere.
fn with_gradients(
    inputs: &[Tensor<2>],
    operation: impl Fn(&[Tensor<2>]) -> Tensor<2>,
) -> Vec<Vec<f32>> {
    let inputs: Vec<Tensor<2>> = inputs
        .iter()
        .map(|input| Tensor::from_inner(input.clone()).require_grad())
        .collect();
    let y = operation(&inputs);
    let upstream = normal("upstream", y.dims(), &y.device());
    let gradients = (y.clone() * upstream).sum().backward();
    let gradient = |input: &Tensor<2>| flat(input.grad(&gradients).unwrap());
    std::iter::once(flat(y))
        .chain(inputs.iter().map(gradient))
        .collect()
}

fn vector(tensor: &Tensor<2>) -> Tensor<1> {
    tensor.clone().flatten(0, 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_normalisation_equals_its_definition(
        n in 1_usize..6,
        (groups, each, h, w) in (1_usize..5, 1_usize..9, 1_usize..9, 1_usize..9),
        (kind, layouts, mean) in (0..Activation::ALL.len(), any::<[bool; 2]>(), prop_oneof![Just(0.0), Just(30.0)]),
    ) {
        let c = groups * each;
        // The variance of one or two values may be next to nothing, and any rounding large beside it.
        prop_assume!(each * h * w > 3);
        let normalisation = Normalisation {
            map: [c, h, w],
            groups,
            activation: Activation::ALL[kind],
            layouts: layouts.map(layout),
        };
        let device = Device::flex();
        let inputs = [
            normal("x", [n, c * h * w], &device) * 2.0 + mean,
            normal("scale", [1, c], &device),
            normal("shift", [1, c], &device),
        ];
        let run = |normalise: fn(Tensor<2>, Tensor<1>, Tensor<1>, Normalisation) -> Tensor<2>| {
            with_gradients(&inputs, |inputs| {
                normalise(inputs[0].clone(), vector(&inputs[1]), vector(&inputs[2]), normalisation)
            })
        };
        let fast = run(ops::normalise);
        assert_all_close(&fast, &run(plain::normalise), 2e-4);
        // Without a graph the values are the same to the bit.
        let [x, scale, shift] = &inputs;
        let alone = ops::normalise(x.clone(), vector(scale), vector(shift), normalisation);
        prop_assert_eq!(flat(alone), fast[0].clone());
    }

    #[test]
    fn half_a_residual_block_equals_its_definition(
        n in prop_oneof![4 => 1_usize..7, 1 => Just(35)],
        (groups, each, h, w, channels) in (1_usize..4, 1_usize..9, 1_usize..9, 1_usize..9, prop_oneof![1_usize..7, 15_usize..40]),
        (kernel, stride) in (prop_oneof![Just(1_usize), Just(3)], 1_usize..3),
        (kind, layouts, with_residual) in (0..Activation::ALL.len(), any::<[bool; 2]>(), any::<bool>()),
    ) {
        let c = groups * each;
        prop_assume!(each * h * w > 3);
        let [input, output] = layouts.map(layout);
        let normalisation = Normalisation {
            map: [c, h, w],
            groups,
            activation: Activation::ALL[kind],
            layouts: [input, MapLayout::ChannelsLast],
        };
        let sides = [h, w].map(|side| side.div_ceil(stride));
        let padding = [h, w].map(|side| {
            let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
            (total / 2, total - total / 2)
        });
        let convolution = Convolution {
            input: [c, h, w],
            output: [channels, sides[0], sides[1]],
            window: Window { kernel, stride, padding, output_padding: [0, 0] },
            activation: Activation::None,
            layouts: [MapLayout::ChannelsLast, output],
        };
        let outputs = channels * sides[0] * sides[1];
        let device = Device::flex();
        let mut inputs = vec![
            normal("x", [n, c * h * w], &device),
            normal("scale", [1, c], &device),
            normal("shift", [1, c], &device),
            normal("weight", [channels, c * kernel * kernel], &device),
            normal("bias", [1, channels], &device),
        ];
        if with_residual {
            inputs.push(normal("residual", [n, outputs], &device));
        }
        type Half = fn(Tensor<2>, [Tensor<1>; 2], Normalisation, Tensor<4>, Tensor<1>, Convolution, Option<Tensor<2>>) -> Tensor<2>;
        let run = |half: Half| {
            with_gradients(&inputs, |inputs| half(
                inputs[0].clone(),
                [vector(&inputs[1]), vector(&inputs[2])],
                normalisation,
                inputs[3].clone().reshape([channels, c, kernel, kernel]),
                vector(&inputs[4]),
                convolution,
                inputs.get(5).cloned(),
            ))
        };
        assert_all_close(&run(ops::normalised_convolve), &run(plain::normalised_convolve), 3e-4);
    }

    #[test]
    fn resampling_equals_its_definition(
        (n, c, h, w) in (1_usize..5, 1_usize..7, 1_usize..12, 1_usize..12),
        (factor, up, layouts) in (1_usize..4, any::<bool>(), any::<[bool; 2]>()),
    ) {
        let resampling = Resampling {
            big: [c, h, w],
            small: [c, h.div_ceil(factor), w.div_ceil(factor)],
            factor,
            layouts: layouts.map(layout),
        };
        let input = if up { resampling.small } else { resampling.big };
        let x = [normal("x", [n, input.iter().product()], &Device::flex())];
        let run = |resample: fn(Tensor<2>, Resampling) -> Tensor<2>| {
            with_gradients(&x, |x| resample(x[0].clone(), resampling))
        };
        let (fast, slow) = if up {
            (run(ops::upsample), run(plain::upsample))
        } else {
            (run(ops::average_pool), run(plain::average_pool))
        };
        assert_all_close(&fast, &slow, 1e-5);
    }

    #[test]
    fn an_activation_equals_its_definition(n in 1_usize..40, f in 1_usize..1000, kind in 0..Activation::ALL.len()) {
        let activation = Activation::ALL[kind];
        let x = [normal("x", [n, f], &Device::flex()) * 4.0];
        let fast = with_gradients(&x, |x| ops::activate(x[0].clone(), activation));
        let slow = with_gradients(&x, |x| plain::activate(x[0].clone(), activation));
        assert_all_close(&fast, &slow, 2e-6);
    }
}

#[test]
fn a_residual_block_does_not_depend_on_the_number_of_threads() {
    let device = Device::flex();
    let map = [16, 12, 12];
    let normalisation = Normalisation {
        map,
        groups: 4,
        activation: Activation::Silu,
        layouts: [MapLayout::ChannelsLast; 2],
    };
    let convolution = Convolution {
        input: map,
        output: map,
        window: Window {
            kernel: 3,
            stride: 1,
            padding: [(1, 1); 2],
            output_padding: [0, 0],
        },
        activation: Activation::None,
        layouts: [MapLayout::ChannelsLast; 2],
    };
    let length = map.iter().product();
    let inputs = [
        normal("x", [67, length], &device),
        normal("scale", [1, 16], &device),
        normal("shift", [1, 16], &device),
        normal("weight", [16, 16 * 9], &device),
        normal("bias", [1, 16], &device),
        normal("residual", [67, length], &device),
    ];
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            with_gradients(&inputs, |inputs| {
                ops::normalised_convolve(
                    inputs[0].clone(),
                    [vector(&inputs[1]), vector(&inputs[2])],
                    normalisation,
                    inputs[3].clone().reshape([16, 16, 3, 3]),
                    vector(&inputs[4]),
                    convolution,
                    Some(inputs[5].clone()),
                )
            })
        })
    };
    assert_eq!(on(1), on(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Convolutions with small kernels between maps of many channels are computed in tiles of 2 x 2 pixels, or of 4 x 4 if the
    /// smaller map has whole ones.
    #[test]
    fn a_convolution_in_tiles_equals_its_definition(
        (kernel, stride) in prop_oneof![Just((3, 1)), Just((4, 2)), Just((5, 2)), Just((6, 2))],
        n in prop_oneof![4 => 1_usize..7, 1 => Just(35)],
        (inputs, h, w, outputs) in (1_usize..4, 1_usize..7, 1_usize..7, 1_usize..4),
        (transposed, is_tanh, layouts, before) in (any::<bool>(), any::<bool>(), any::<[bool; 2]>(), 0_usize..7),
        (odd, large) in any::<(bool, bool)>(),
    ) {
        let [h, w] = [h, w].map(|length| if large { 4 * length.div_ceil(2) } else { 2 * length });
        let (small, big) = ([h, w], [h * stride, w * stride]);
        let [input_map, output_map] = if transposed { [small, big] } else { [big, small] };
        let (input, output) = ([16 * inputs, input_map[0], input_map[1]], [16 * outputs, output_map[0], output_map[1]]);
        // One more row and column of padding than the windows need, or none.
        let extra = usize::from(stride == 2 && odd);
        let padding = kernel - stride + extra;
        let before = before.min(padding);
        let convolution = Convolution {
            input,
            output,
            window: Window {
                kernel,
                stride,
                padding: [(before, padding - before), (padding / 2, padding - padding / 2)],
                output_padding: if transposed { [extra; 2] } else { [0; 2] },
            },
            activation: if is_tanh { Activation::Tanh } else { Activation::None },
            layouts: layouts.map(layout),
        };
        let [first, second] = if transposed { [input[0], output[0]] } else { [output[0], input[0]] };
        let device = Device::flex();
        let inputs = [
            normal("x", [n, input.iter().product()], &device),
            // Sums of about the size of 1, as in a network, whose rounding tanh leaves as it is.
            normal("weight", [first, second * kernel * kernel], &device) / ((input[0] * kernel * kernel) as f32).sqrt(),
            normal("bias", [1, output[0]], &device),
        ];
        type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;
        let run = |convolve: Convolve| {
            with_gradients(&inputs, |inputs| convolve(
                inputs[0].clone(),
                inputs[1].clone().reshape([first, second, kernel, kernel]),
                vector(&inputs[2]),
                convolution,
            ))
        };
        let (fast, slow): (Convolve, Convolve) = if transposed {
            (ops::convolve_transposed, plain::convolve_transposed)
        } else {
            (ops::convolve, plain::convolve)
        };
        assert_all_close(&run(fast), &run(slow), 2e-5);
        // The slope of a ReLU may differ where rounding moves a sum across 0, so its values alone are compared.
        let rectified = |convolve: Convolve| vec![flat(convolve(
            inputs[0].clone(),
            inputs[1].clone().reshape([first, second, kernel, kernel]),
            vector(&inputs[2]),
            Convolution { activation: Activation::Relu, ..convolution },
        ))];
        assert_all_close(&rectified(fast), &rectified(slow), 2e-5);
    }
}

/// Tiles of many channels are processed in several groups, one after the other, even within a part of the batch.
#[test]
fn many_tiles_equal_the_definition() {
    let (n, channels, side) = (24, 128, 16);
    let convolution = Convolution {
        input: [channels, side, side],
        output: [channels, side, side],
        window: Window {
            kernel: 3,
            stride: 1,
            padding: [(1, 1); 2],
            output_padding: [0, 0],
        },
        activation: Activation::None,
        layouts: [MapLayout::ChannelsLast; 2],
    };
    let device = Device::flex();
    let inputs = [
        normal("x", [n, channels * side * side], &device),
        // Sums of about the size of 1, as in a network.
        normal("weight", [channels, channels * 9], &device) * 0.03,
        normal("bias", [1, channels], &device),
    ];
    type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;
    let run = |convolve: Convolve| {
        with_gradients(&inputs, |inputs| {
            convolve(
                inputs[0].clone(),
                inputs[1].clone().reshape([channels, channels, 3, 3]),
                vector(&inputs[2]),
                convolution,
            )
        })
    };
    assert_all_close(&run(ops::convolve), &run(plain::convolve), 5e-5);
}

/// Returns a convolution's output and its gradients in the input and the weight, all computed in 64 bits. Channels come
/// first; the padding is 1 on all sides.
fn exact(convolution: Convolution, [x, weight, upstream]: [&[f32]; 3], n: usize) -> [Vec<f64>; 3] {
    let ([c, h, w], [s, down, across]) = (convolution.input, convolution.output);
    let Window { kernel, stride, .. } = convolution.window;
    let mut y = vec![0.0; n * s * down * across];
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    for i in 0..y.len() {
        let (column, row) = (i % across, i / across % down);
        let (small, image) = (i / (across * down) % s, i / (across * down * s));
        for tap in 0..c * kernel * kernel {
            let (b, a) = (tap % kernel, tap / kernel % kernel);
            let (v, u) = (column * stride + b, row * stride + a);
            if (1..=h).contains(&u) && (1..=w).contains(&v) {
                let place = ((image * c + tap / (kernel * kernel)) * h + u - 1) * w + v - 1;
                let tap = small * c * kernel * kernel + tap;
                y[i] += f64::from(x[place]) * f64::from(weight[tap]);
                dx[place] += f64::from(upstream[i]) * f64::from(weight[tap]);
                dw[tap] += f64::from(upstream[i]) * f64::from(x[place]);
            }
        }
    }
    [y, dx, dw]
}

/// Compares the rounding of tiles and of the definition. `benches/README.md` states the numbers.
#[test]
fn tiles_round_little_more_than_the_definition() {
    let (n, channels) = (2, 32);
    // Tiles of 2 x 2 and of 4 x 4 pixels, and what they may round at most: in all, and beside the definition.
    let cases = [(6, 4e-7, 2.5), (8, 1.2e-6, 8.0)];
    let kernels = [(3, 1), (4, 2), (5, 2)];
    let each = |case| kernels.map(|kernel| (case, kernel));
    for ((small, most, most_of_definition), (kernel, stride)) in cases.into_iter().flat_map(each) {
        let side = small * stride;
        let convolution = Convolution {
            input: [channels, side, side],
            output: [channels, small, small],
            window: Window {
                kernel,
                stride,
                padding: [(1, kernel - 3 + usize::from(stride == 1)); 2],
                output_padding: [0, 0],
            },
            activation: Activation::None,
            layouts: [MapLayout::ChannelsFirst; 2],
        };
        let device = Device::flex();
        let weight = normal("weight", [channels, channels * kernel * kernel], &device);
        let inputs = [normal("x", [n, channels * side * side], &device), weight];
        type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;
        let run = |convolve: Convolve| {
            with_gradients(&inputs, |inputs| {
                convolve(
                    inputs[0].clone(),
                    inputs[1]
                        .clone()
                        .reshape([channels, channels, kernel, kernel]),
                    Tensor::zeros([channels], &inputs[0].device()),
                    convolution,
                )
            })
        };
        let upstream = flat(normal::<2>(
            "upstream",
            [n, channels * small * small],
            &device,
        ));
        let [x, weight] = inputs.clone().map(flat);
        let exact = exact(convolution, [&x, &weight, &upstream], n);
        let error = |found: &[f32], exact: &[f64]| {
            let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
            let wrong = square(&mut found.iter().zip(exact).map(|(&a, b)| f64::from(a) - b));
            (wrong / square(&mut exact.iter().copied())).sqrt()
        };
        for ((tiles, definition), exact) in run(ops::convolve)
            .iter()
            .zip(&run(plain::convolve))
            .zip(&exact)
        {
            let (tiles, definition) = (error(tiles, exact), error(definition, exact));
            println!(
                "{kernel} x {kernel}, stride {stride}, {small} pixels: {tiles:.1e}, {definition:.1e}"
            );
            assert!(
                tiles < most_of_definition * definition && tiles < most,
                "{tiles}, {definition}"
            );
        }
    }
}
