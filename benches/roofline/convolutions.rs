//! Convolutions, and the products of Winograd's tiles.

use burn::tensor::Tensor;
use vae::ops::{self, Activation, Convolution, MapLayout, Window};

use super::measured::{Measured, floats, seconds};
use crate::{BATCH, cpu, normal};

/// A convolution of a network.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// `[C, H, W]`.
    input: [usize; 3],
    output: [usize; 3],
    kernel: usize,
    stride: usize,
    padding: (usize, usize),
    is_transposed: bool,
    /// The share of the multiplications that is left: fewer than all in Winograd's tiles.
    left: f64,
}

/// A layer that needs all multiplications.
const PLAIN: Shape = Shape {
    name: "",
    input: [0; 3],
    output: [0; 3],
    kernel: 3,
    stride: 2,
    padding: (0, 0),
    is_transposed: false,
    left: 1.0,
};

/// The layers of the preset `mnist-conv`.
const GREY: [Shape; 5] = [
    Shape {
        input: [1, 28, 28],
        output: [32, 13, 13],
        ..PLAIN
    },
    Shape {
        input: [32, 13, 13],
        output: [64, 6, 6],
        ..PLAIN
    },
    Shape {
        input: [32, 7, 7],
        output: [64, 14, 14],
        padding: (1, 1),
        is_transposed: true,
        ..PLAIN
    },
    Shape {
        input: [64, 14, 14],
        output: [32, 28, 28],
        padding: (1, 1),
        is_transposed: true,
        ..PLAIN
    },
    Shape {
        input: [32, 28, 28],
        output: [1, 28, 28],
        stride: 1,
        padding: (1, 1),
        is_transposed: true,
        ..PLAIN
    },
];

/// The layers of `benches/peers/configs/conv-colour.toml`. Those between two maps are done in tiles of 4 x 4 pixels: 100 of 256
/// multiplications are left (Lavin, Gray 2016).
const COLOUR: [Shape; 6] = [
    halving([3, 64, 64], [32, 32, 32]),
    halving([32, 32, 32], [64, 16, 16]),
    halving([64, 16, 16], [128, 8, 8]),
    doubling([128, 8, 8], [64, 16, 16]),
    doubling([64, 16, 16], [32, 32, 32]),
    doubling([32, 32, 32], [3, 64, 64]),
];

/// A convolution as in residual networks, which is done in tiles of 4 x 4 pixels: 36 of 144 multiplications are left
/// (Lavin, Gray 2016).
const TILED: Shape = Shape {
    input: [64, 16, 16],
    output: [64, 16, 16],
    stride: 1,
    padding: (1, 1),
    left: 36.0 / 144.0,
    ..PLAIN
};

const fn halving(input: [usize; 3], output: [usize; 3]) -> Shape {
    Shape {
        input,
        output,
        kernel: 4,
        padding: (1, 1),
        // Between images of three channels and a map there are no tiles.
        left: if input[0] < 16 || output[0] < 16 {
            1.0
        } else {
            100.0 / 256.0
        },
        ..PLAIN
    }
}

const fn doubling(input: [usize; 3], output: [usize; 3]) -> Shape {
    Shape {
        is_transposed: true,
        ..halving(input, output)
    }
}

pub fn measure() -> Vec<Measured> {
    let named = |name| move |shape: Shape| Shape { name, ..shape };
    let grey = GREY.map(named("mnist-conv"));
    let colour = COLOUR.map(named("conv-colour"));
    let tiled = named("Winograd")(TILED);
    let all = grey.into_iter().chain(colour).chain([tiled]);
    all.flat_map(layer).collect()
}

/// Measures the three products of a layer with a ReLU, the one for the gradient of its input only if that is no image.
fn layer(shape: Shape) -> Vec<Measured> {
    let Shape {
        input,
        output,
        kernel,
        stride,
        is_transposed,
        ..
    } = shape;
    let device = cpu();
    // The rows that no window reaches: those that PyTorch calls `output_padding`.
    let reached = (input[1] - 1) * stride + kernel - shape.padding.0 - shape.padding.1;
    let extra = if is_transposed {
        output[1] - reached
    } else {
        0
    };
    let image = |map: [usize; 3]| map[0] <= 3;
    // Images, and maps of one channel, have their channels first, as the data have.
    let layout = |map| {
        if image(map) {
            MapLayout::ChannelsFirst
        } else {
            MapLayout::ChannelsLast
        }
    };
    let convolution = Convolution {
        input,
        output,
        window: Window {
            kernel,
            stride,
            padding: [shape.padding; 2],
            output_padding: [extra; 2],
        },
        activation: Activation::Relu,
        layouts: [layout(input), layout(output)],
    };
    let (convolve, channels): (fn(_, _, _, _) -> Tensor<2>, _) = if is_transposed {
        (ops::convolve_transposed, [input[0], output[0]])
    } else {
        (ops::convolve, [output[0], input[0]])
    };
    let values = |map: [usize; 3]| BATCH * map.iter().product::<usize>();
    let weights = channels[0] * channels[1] * kernel * kernel;
    let x = normal("x", [BATCH, values(input) / BATCH], &device);
    let weight = normal(
        "weight",
        [channels[0], channels[1], kernel, kernel],
        &device,
    );
    let bias = normal("bias", [output[0]], &device);
    let forward = seconds(|| convolve(x.clone(), weight.clone(), bias.clone(), convolution));
    // The backward pass is what it adds to the forward pass.
    let (plain_x, plain_weight) = (Tensor::from_inner(x), Tensor::from_inner(weight));
    let tracked = Tensor::from_inner(bias);
    let backward = |x: Tensor<2>, weight: Tensor<4>| {
        let both = seconds(|| {
            convolve(x.clone(), weight.clone(), tracked.clone(), convolution).backward()
        });
        both - forward
    };
    // Each window is one pixel of the smaller map.
    let windows = if is_transposed { input } else { output };
    let flop = 2.0 * (BATCH * windows[1] * windows[2] * weights) as f64 * shape.left;
    let name = |what: &str| {
        let side = |map: [usize; 3]| format!("{}x{}x{}", map[0], map[1], map[2]);
        let Shape { name, .. } = shape;
        format!("{name} {} to {}, {what}", side(input), side(output))
    };
    let row = |what, seconds| Measured {
        name: name(what),
        flop,
        bytes: floats(values(input) + values(output) + weights),
        seconds,
    };
    let to_weight = backward(plain_x.clone(), plain_weight.clone().require_grad());
    let mut rows = vec![row("forward", forward), row("weight gradient", to_weight)];
    if !image(input) {
        rows.push(row(
            "input gradient",
            backward(plain_x.require_grad(), plain_weight),
        ));
    }
    rows
}
