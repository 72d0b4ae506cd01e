//! Tests the conventions in which TensorFlow and Keras differ from PyTorch against the numbers of
//! those libraries.

use burn::tensor::Tensor;
use tempfile::TempDir;
use vae::data::{Data, Mnist, TrainOn, load};
use vae::data::{DataPaths, NamedFolder};
use vae::model::{
    Activation, Conv, ConvolutionConfig, DenseSpec, Features, Initialisation, LayerConfig,
    LayerSpec, Mlp, ModelKind, Padding, TransposedConfig, export,
};
use vae::ops::{self, Convolution};
use vae::optimizer::{Optimizer, RmsProp, UpdatedParameter};
use vae::rng::Rng;

use crate::models::{drawn, gap, numbers, plain_device, random_batch, tensor, wide};
use crate::program::{run, write_idx};

/// Returns the layer of `config` after one whose output is a map of shape `input`.
fn spec(config: impl Into<LayerConfig>, input: [usize; 3]) -> LayerSpec {
    let config = config.into();
    let spec = config.kind().spec(Features::Map(input), Activation::Relu);
    spec.unwrap()
}

/// Returns the shape of a layer's weight.
fn weight_shape(spec: &LayerSpec) -> Vec<usize> {
    spec.kind().parameters().swap_remove(0).shape
}

/// Applies the layer's convolution with `weight` and without bias or activation, by the fast kernel
/// and by its definition.
fn applied(spec: &LayerSpec, x: Vec<f32>, weight: Vec<f32>) -> [Vec<f64>; 2] {
    type Convolve = fn(Tensor<2>, Tensor<4>, Tensor<1>, Convolution) -> Tensor<2>;
    let (convolution, ways): (_, [Convolve; 2]) = match spec {
        LayerSpec::Convolution(spec) => (spec.0, [ops::convolve, ops::plain::convolve]),
        LayerSpec::Transposed(spec) => (
            spec.0,
            [ops::convolve_transposed, ops::plain::convolve_transposed],
        ),
        _ => panic!("a convolution"),
    };
    let convolution = Convolution {
        activation: Activation::None,
        ..convolution
    };
    let [first, second, kernel, _] = weight_shape(spec)[..] else {
        panic!("four axes")
    };
    let device = plain_device();
    let channels = convolution.output[0];
    ways.map(|convolve| {
        let x = tensor(x.clone(), [1, spec.kind().input().count()], &device);
        let weight = tensor(weight.clone(), [first, second, kernel, kernel], &device);
        let bias = tensor(vec![0.0; channels], [channels], &device);
        numbers(convolve(x, weight, bias, convolution))
    })
}

fn conv(channels: usize, kernel: usize, stride: usize) -> ConvolutionConfig {
    ConvolutionConfig {
        conv: channels,
        kernel: Some(kernel),
        stride: Some(stride),
        ..ConvolutionConfig::default()
    }
}

fn transposed(channels: usize, kernel: usize, stride: usize) -> TransposedConfig {
    TransposedConfig {
        transposed: channels,
        kernel: Some(kernel),
        stride: Some(stride),
        ..TransposedConfig::default()
    }
}

/// The expected values are those of `tf.nn.conv2d_transpose(padding="SAME")` for an image with the
/// rows 1 2 and 3 4, and a kernel with 1, 2, 3, ... in row order. The result is the sum of each pixel
/// times the kernel; it keeps `stride` rows per pixel, starting at row (kernel - stride) / 2.
#[test]
fn a_transposed_convolution_with_padding_same_is_tensorflows() {
    let cases: [(usize, usize, &[f64]); 5] = [
        (
            3,
            2,
            &[
                1., 2., 5., 4., 4., 5., 14., 10., 10., 14., 36., 24., 12., 15., 34., 20.,
            ],
        ),
        (
            4,
            2,
            &[
                6., 17., 20., 14., 16., 42., 52., 34., 32., 82., 92., 58., 30., 69., 76., 44.,
            ],
        ),
        (2, 1, &[1., 4., 6., 20.]),
        (4, 1, &[26., 36., 66., 76.]),
        (
            1,
            2,
            &[
                1., 0., 2., 0., 0., 0., 0., 0., 3., 0., 4., 0., 0., 0., 0., 0.,
            ],
        ),
    ];
    for (kernel, stride, expected) in cases {
        let spec = spec(transposed(1, kernel, stride), [1, 2, 2]);
        assert_eq!(
            spec.kind().output(),
            Features::Map([1, 2 * stride, 2 * stride])
        );
        let weight: Vec<f32> = (1..=kernel * kernel).map(|value| value as f32).collect();
        for result in applied(&spec, vec![1.0, 2.0, 3.0, 4.0], weight) {
            assert_eq!(result, expected, "kernel {kernel}, stride {stride}");
        }
    }
    // PyTorch cuts off the row at the start.
    let torch = TransposedConfig {
        padding: Some(Padding::Zeros(1)),
        output_padding: Some(1),
        ..transposed(1, 3, 2)
    };
    let spec = spec(torch, [1, 2, 2]);
    for result in applied(
        &spec,
        vec![1.0, 2.0, 3.0, 4.0],
        (1..=9).map(|value| value as f32).collect(),
    ) {
        assert_eq!(
            result,
            [
                5., 14., 10., 12., 14., 36., 24., 30., 15., 34., 20., 24., 24., 55., 32., 36.
            ][..]
        );
    }
}

/// TensorFlow defines the transposed convolution as the gradient of the convolution: <conv(u), v> =
/// <u, transposed(v)>.
#[test]
fn the_two_convolutions_with_padding_same_are_each_others_gradients() {
    let dot = |a: &[f32], b: &[f64]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * b).sum::<f64>();
    for (kernel, stride) in (1..6).flat_map(|kernel| (1..4).map(move |stride| (kernel, stride))) {
        let transposed = spec(transposed(3, kernel, stride), [2, 4, 4]);
        let conv = spec(conv(2, kernel, stride), [3, 4 * stride, 4 * stride]);
        assert_eq!(
            (conv.kind().input(), conv.kind().output()),
            (transposed.kind().output(), transposed.kind().input())
        );
        assert_eq!(weight_shape(&conv), weight_shape(&transposed));
        let values = |name: &str, count: usize| {
            let mut values = vec![0.0; count];
            Rng::new(5).stream(name).fill_normal(&mut values);
            values
        };
        let weight = values("weight", weight_shape(&conv).iter().product());
        let (u, v) = (
            values("u", conv.kind().input().count()),
            values("v", conv.kind().output().count()),
        );
        for (down, up) in applied(&conv, u.clone(), weight.clone())
            .iter()
            .zip(applied(&transposed, v.clone(), weight))
        {
            let (left, right) = (dot(&v, down), dot(&u, &up));
            assert!(
                (left - right).abs() < 1e-4 * down.len() as f64,
                "{kernel} {stride}: {left} and {right}"
            );
        }
    }
}

/// Keras 2, which the presets follow, updates by `p - lr * g / (sqrt(a) + epsilon)`, with the
/// epsilon outside the root. (Keras 3 has it inside, `sqrt(a + epsilon)`: the second weight here
/// would end at 0.999372.) Computed in float64.
#[test]
fn rmsprop_is_that_of_keras_2() {
    let rule = Optimizer::RmsProp(RmsProp {
        alpha: 0.9,
        epsilon: 1e-7,
        ..RmsProp::default()
    });
    let device = plain_device();
    let mut weight = tensor(vec![1.0, 1.0, -2.0], [3], &device);
    let mut slots = vec![tensor(vec![0.0; 3], [3], &device)];
    let steps = [
        (
            [0.5, 1e-4, -3.0],
            [0.9968377243398303, 0.9968476908167397, -1.9968377226731648],
        ),
        (
            [-0.25, 1e-4, 2.0],
            [0.9983121430318146, 0.994558784589054, -1.9986559043260574],
        ),
        (
            [0.1, -1e-7, 0.0],
            [0.9977021491225769, 0.9945611970086718, -1.9986559043260574],
        ),
    ];
    for (step, (gradient, expected)) in (1..).zip(steps) {
        let parameter = UpdatedParameter {
            weight,
            gradient: tensor(gradient.to_vec(), [3], &device),
            slots: &mut slots,
        };
        weight = rule.kind().update(vec![parameter], step, 1e-3).remove(0);
        let gap = gap(&numbers(weight.clone()), &expected);
        assert!(gap < 3e-7, "step {step}: off by {gap:e}");
    }
}

/// `glorot_uniform` is uniform in +-sqrt(6 / (fan in + fan out)), where a fan is the number of
/// pixels of the window times the channels.
#[test]
fn weights_begin_as_keras_draws_them() {
    let dense = DenseSpec::new(Features::Flat(300), Features::Flat(100), Activation::Relu);
    let conv = spec(conv(30, 3, 2), [20, 4, 4]);
    let transposed = spec(transposed(30, 3, 2), [20, 4, 4]);
    for (spec, fans) in [
        (dense.into(), 400.0),
        (conv, 9.0 * 50.0),
        (transposed, 9.0 * 50.0),
    ] {
        let limit = f64::sqrt(6.0 / fans);
        let (weight, bias) = Initialisation::Glorot.draw(&weight_shape(&spec), 30, Rng::new(1));
        assert!(bias.iter().all(|&bias| bias == 0.0) && bias.len() == 30);
        let weight = wide(&weight);
        let most = weight
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        assert!(
            most <= limit && most > 0.99 * limit,
            "{spec:?}: {most} of {limit}"
        );
        let variance = weight.iter().map(|value| value * value).sum::<f64>() / weight.len() as f64;
        assert!(
            (variance * 3.0 / limit.powi(2) - 1.0).abs() < 0.05,
            "{spec:?}: {variance}"
        );
    }
}

/// A ReLU on the latent applies to the posterior mean alone, in both kinds of network.
#[test]
fn a_code_has_the_activation_that_is_asked_for() {
    let latent_activation = Activation::Relu;
    let models: [(Box<dyn ModelKind>, Box<dyn ModelKind>); 2] = [
        (
            Box::new(Mlp::default()),
            Box::new(Mlp {
                latent_activation,
                ..Mlp::default()
            }),
        ),
        (
            Box::new(Conv {
                latent: 20,
                ..Conv::default()
            }),
            Box::new(Conv {
                latent: 20,
                latent_activation,
                ..Conv::default()
            }),
        ),
    ];
    for (linear, rectified) in models {
        let [linear, rectified] =
            [linear, rectified].map(|model| drawn(&*model, [1, 28, 28], 1, &plain_device()));
        assert_eq!(export(&linear), export(&rectified));
        let (batch, _) = random_batch(&linear, 8, 1, 1);
        let [linear, rectified] = [linear, rectified].map(|vae| vae.encode(batch.x.clone(), None));
        let mean = numbers(linear.mean);
        assert!(mean.iter().any(|&mean| mean < 0.0) && mean.iter().any(|&mean| mean > 0.0));
        let expected: Vec<f64> = mean.into_iter().map(|mean| mean.max(0.0)).collect();
        assert_eq!(numbers(rectified.mean), expected);
        assert_eq!(numbers(rectified.log_var), numbers(linear.log_var));
    }
}

/// keras.io's example trains on the test images as well; the option does so, and every report says
/// it.
#[test]
fn the_test_images_are_trained_on_where_that_is_asked_for() {
    let place = TempDir::new().unwrap();
    write_idx(&place.path().join("data/mnist"), 1);
    let all = [
        "--config",
        "mnist",
        "--set",
        "data.mnist.train_on=all",
        "--set",
        "model.mlp.hidden=[8]",
    ];
    let done = run(
        place.path(),
        &[&["train", "--epochs", "1"], &all[..]].concat(),
    );
    assert_eq!(done.line(), "runs/mnist-1");
    assert!(
        done.err.starts_with("mnist: 90 train and 30 test images"),
        "{}",
        done.err
    );
    assert!(
        done.err
            .contains("not a test: the test images are among those trained on"),
        "{}",
        done.err
    );
    let text = run(place.path(), &["eval", "-q"]);
    assert!(
        text.out
            .contains("not a test: the model was trained on these images"),
        "{}",
        text.out
    );
    let json: serde_json::Value =
        serde_json::from_str(run(place.path(), &["eval", "-q", "--json"]).line()).unwrap();
    assert_eq!(json["test_was_trained_on"], true);
    // Validation images stay set aside, and labels stay with their images.
    let place_of_data = DataPaths {
        named: Some(NamedFolder::by_flag(place.path().join("data"))),
        ..DataPaths::from_environment(None).unwrap()
    };
    let load = |train_on| {
        let mnist = Mnist {
            validation: 10,
            train_on,
            ..Mnist::default()
        };
        load(&Data::Mnist(mnist), &place_of_data).unwrap()
    };
    let (with, without) = (load(TrainOn::All), load(TrainOn::Train));
    assert_eq!([with.train.len(), without.train.len()], [80, 50]);
    assert!(with.train.slice(0..50) == without.train && with.train.slice(50..80) == without.test);
    assert!(with.validation == without.validation && with.test == without.test);
    let refused = run(
        place.path(),
        &[
            "train",
            "--config",
            "smoke",
            "--set",
            "data.digits.train_on=all",
        ],
    );
    refused.failed(2, &["train_on"]);
}
