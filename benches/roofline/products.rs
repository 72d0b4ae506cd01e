//! The matrix products of dense layers.

use burn::tensor::{Device, Tensor, TensorData};
use vae::data::digits::{Half, digit};
use vae::ops::{self, Activation};

use super::measured::{Measured, floats, seconds};
use crate::{cpu, normal};

/// Measures the two large layers of the preset `mnist`, and the first one on images, whose zeros are left out.
pub fn measure() -> Vec<Measured> {
    let device = cpu();
    let mut rows = Vec::new();
    for batch in [16, 128, 1024] {
        let noise = normal("x", [batch, 784], &device);
        rows.extend(layer(
            &format!("dense 784-400, batch {batch}"),
            noise,
            400,
            false,
        ));
        let images = images(batch, &device);
        rows.extend(layer(
            &format!("dense 784-400, batch {batch}, images"),
            images,
            400,
            false,
        ));
        let hidden = normal("hidden", [batch, 400], &device);
        rows.extend(layer(
            &format!("dense 400-784, batch {batch}"),
            hidden,
            784,
            true,
        ));
    }
    for (inputs, outputs) in [(400, 40), (20, 400)] {
        let x = normal("x", [128, inputs], &device);
        rows.extend(layer(
            &format!("dense {inputs}-{outputs}, batch 128"),
            x,
            outputs,
            true,
        ));
    }
    rows
}

/// Returns drawn digits, of which four values of five are 0.
///
/// # Shapes
/// Result: `[N, 784]`.
fn images(count: usize, device: &Device) -> Tensor<2> {
    let pixels: Vec<f32> = (0..count)
        .flat_map(|index| digit(1, Half::Train, index as u64).pixels)
        .map(|byte| f32::from(byte) / 255.0)
        .collect();
    Tensor::from_data(TensorData::new(pixels, [count, 784]), device)
}

/// Measures the three products of a layer with a ReLU, the one for the gradient of its input only if that `is_inner`.
/// Multiplications by an input of 0 do not count.
fn layer(name: &str, x: Tensor<2>, outputs: usize, is_inner: bool) -> Vec<Measured> {
    let [batch, inputs] = x.dims();
    let nonzero = x
        .clone()
        .not_equal_elem(0.0)
        .int()
        .sum()
        .into_scalar::<i64>() as f64;
    let flop = 2.0 * nonzero * outputs as f64;
    let all = 2.0 * (batch * inputs * outputs) as f64;
    let device = x.device();
    let weight = normal::<2>("weight", [inputs, outputs], &device);
    let bias = normal::<1>("bias", [outputs], &device);
    let tracked = Tensor::<1>::from_inner(bias.clone());
    let forward = seconds(|| ops::dense(x.clone(), weight.clone(), bias.clone(), Activation::Relu));
    // The backward pass is what it adds to the forward pass.
    let backward = |x: Tensor<2>, weight: Tensor<2>| {
        let both = seconds(|| {
            let y = ops::dense(x.clone(), weight.clone(), tracked.clone(), Activation::Relu);
            y.backward()
        });
        both - forward
    };
    let [plain_x, plain_weight] = [&x, &weight].map(|tensor| Tensor::from_inner(tensor.clone()));
    let bytes = floats(batch * inputs + inputs * outputs + batch * outputs);
    let measured = |what: &str, flop, seconds| Measured {
        name: format!("{name}, {what}"),
        flop,
        bytes,
        seconds,
    };
    let mut rows = vec![
        measured("forward", flop, forward),
        measured(
            "weight gradient",
            flop,
            backward(plain_x.clone(), plain_weight.clone().require_grad()),
        ),
    ];
    if is_inner {
        let time = backward(plain_x.require_grad(), plain_weight);
        rows.push(measured("input gradient", all, time));
    }
    rows
}
