//! The initial values of weights and biases.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// The rule by which a layer's first weights are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Initialisation {
    /// Weights and biases uniform in +-1 / sqrt(fan in), the default of PyTorch's layers.
    #[default]
    Pytorch,
    /// Weights uniform in +-sqrt(6 / (fan in + fan out)), biases 0 (Glorot, Bengio 2010), the default of Keras' layers.
    Glorot,
}

/// The initial value of the decoder's last bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputBias {
    /// Drawn by the same rule as the bias of any other layer.
    #[default]
    Init,
    /// The logit of the training images' mean, so that the first decoded image is this mean (the code of Burda et al.
    /// 2016).
    Mean,
}

impl OutputBias {
    /// Returns the logits of mean pixels in [0, 1]; a pixel that is always black starts at 0.001.
    pub fn logits(mean: &[f32]) -> Vec<f32> {
        mean.iter().map(|&mean| logit(mean, 0.001)).collect()
    }
}

/// Returns the logit of `p`, after `p` is clamped to stay `margin` away from 0 and 1.
pub(super) fn logit(p: f32, margin: f32) -> f32 {
    let p = p.clamp(margin, 1.0 - margin);
    (p / (1.0 - p)).ln()
}

impl Initialisation {
    /// Returns the weight and the bias of a layer, drawn from `rng`. `shape` is the shape of the weight in PyTorch's
    /// layout.
    pub fn draw(self, shape: &[usize], bias: usize, rng: Rng) -> (Vec<f32>, Vec<f32>) {
        let window: usize = shape[2..].iter().product();
        // PyTorch takes axis 1 as "in" even for a transposed convolution, where axis 1 is "out".
        let fan_in = (shape[1] * window) as f32;
        let fan_out = (shape[0] * window) as f32;
        let count = shape.iter().product();
        match self {
            Self::Pytorch => {
                let bound = 1.0 / fan_in.sqrt();
                (
                    uniform(rng.stream("weight"), count, bound),
                    uniform(rng.stream("bias"), bias, bound),
                )
            }
            Self::Glorot => {
                let bound = (6.0 / (fan_in + fan_out)).sqrt();
                (uniform(rng.stream("weight"), count, bound), vec![0.0; bias])
            }
        }
    }
}

/// The place of a module in the model, and with it the random stream of its first weights.
#[derive(Clone, Debug)]
pub struct Init<'a> {
    initialisation: Initialisation,
    /// The model's generator: each module draws from the stream of its own path.
    rng: Rng,
    path: String,
    device: &'a Device,
}

impl<'a> Init<'a> {
    pub fn new(initialisation: Initialisation, rng: Rng, device: &'a Device) -> Self {
        Self {
            initialisation,
            rng,
            path: String::new(),
            device,
        }
    }

    /// Returns the place of the part `name`, a field or an index, of the module at this place.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        let path = if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            path,
            ..self.clone()
        }
    }

    /// Returns a matrix, stored as `[in, out]`, and its bias. `shape`: `[out, in]`.
    pub fn matrix(&self, shape: [usize; 2]) -> (Param<Tensor<2>>, Param<Tensor<1>>) {
        let (weight, bias) = self.draw(&shape, shape[0]);
        (matrix(weight, shape, self.device), bias)
    }

    /// Returns a convolution's kernel and its bias. `shape` is in PyTorch's layout.
    pub fn kernel(
        &self,
        shape: [usize; 4],
        channels: usize,
    ) -> (Param<Tensor<4>>, Param<Tensor<1>>) {
        let (weight, bias) = self.draw(&shape, channels);
        (self.parameter(TensorData::new(weight, shape)), bias)
    }

    /// Returns a matrix of standard normal numbers, stored as `[in, out]`. `shape`: `[out, in]`.
    pub fn normal(&self, shape: [usize; 2]) -> Param<Tensor<2>> {
        let mut values = vec![0.0; shape[0] * shape[1]];
        self.rng.stream(&self.path).fill_normal(&mut values);
        matrix(values, shape, self.device)
    }

    /// Returns a parameter of these values.
    pub fn vector(&self, values: Vec<f32>) -> Param<Tensor<1>> {
        let count = values.len();
        self.parameter(TensorData::new(values, [count]))
    }

    /// Returns a parameter of one number.
    pub fn scalar(&self, value: f32) -> Param<Tensor<1>> {
        scalar(value, self.device)
    }

    fn draw(&self, shape: &[usize], bias: usize) -> (Vec<f32>, Param<Tensor<1>>) {
        let rng = self.rng.stream(&self.path);
        let (weight, bias) = self.initialisation.draw(shape, bias, rng);
        let count = bias.len();
        (weight, self.parameter(TensorData::new(bias, [count])))
    }

    fn parameter<const D: usize>(&self, data: TensorData) -> Param<Tensor<D>> {
        Param::from_data(data, self.device)
    }
}

/// Returns a parameter of one number.
pub(super) fn scalar(value: f32, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::new(vec![value], [1]), device)
}

/// Returns a matrix as a parameter. `values` are in PyTorch's layout, `[out, in]`, and are transposed to burn's, `[in,
/// out]`.
pub(super) fn matrix(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    let values = Tensor::<2>::from_data(TensorData::new(values, shape), &device.clone().inner());
    Param::from_data(values.transpose().into_data(), device)
}

fn uniform(rng: Rng, count: usize, bound: f32) -> Vec<f32> {
    let mut values = vec![0.0; count];
    rng.fill_uniform(&mut values);
    for value in &mut values {
        *value = (2.0 * *value - 1.0) * bound;
    }
    values
}
