//! A convolution: activation(conv(x) + b).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normalised::NormLayer;
use super::window::{Padding, Windowed, input_map};
use super::{Forward, Layer, LayerKind, LayerSpec, check_numbers};
use crate::model::{Features, Init, Operation};
use crate::ops::{self, Activation, Convolution, Window};

/// The config of a convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// The number of output channels.
    pub conv: usize,
    /// The height and width of the kernel; the default is 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// The stride; the default is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// The padding: `"same"` (the default), `"valid"`, or the number of zeros on every side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

impl Default for ConvolutionConfig {
    fn default() -> Self {
        Self {
            conv: 1,
            kernel: None,
            stride: None,
            padding: None,
            activation: None,
        }
    }
}

impl ConvolutionConfig {
    /// Returns the convolution's shapes, as its own type; see [`LayerKind::spec`].
    pub fn shapes(
        &self,
        input: Features,
        activation: Activation,
    ) -> Result<ConvolutionSpec, String> {
        let padding = self.padding.unwrap_or_default();
        check_numbers([Some(self.conv), self.kernel, self.stride, padding.zeros()])?;
        let (kernel, stride) = (self.kernel.unwrap_or(3), self.stride.unwrap_or(1));
        let input = input_map(input, [self.conv, kernel, stride])?;
        let along = |length: usize| {
            let (before, after) = match padding {
                // TensorFlow's rule puts the odd zero last.
                Padding::Same => {
                    let total =
                        ((length.div_ceil(stride) - 1) * stride + kernel).saturating_sub(length);
                    (total / 2, total - total / 2)
                }
                Padding::Valid => (0, 0),
                Padding::Zeros(zeros) => (zeros, zeros),
            };
            let padded = length + before + after;
            if padded < kernel {
                return Err(format!(
                    "a kernel of {kernel} does not fit into {padded} pixels"
                ));
            }
            Ok(((before, after), (padded - kernel) / stride + 1))
        };
        let ((vertical, rows), (horizontal, columns)) = (along(input[1])?, along(input[2])?);
        Ok(ConvolutionSpec(Convolution {
            input,
            output: [self.conv, rows, columns],
            window: Window {
                kernel,
                stride,
                padding: [vertical, horizontal],
                output_padding: [0, 0],
            },
            activation: self.activation.unwrap_or(activation),
            layouts: Default::default(),
        }))
    }
}

impl LayerKind for ConvolutionConfig {
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        self.shapes(input, activation).map(Into::into)
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }
}

/// A convolution's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionSpec(pub Convolution);

impl ConvolutionSpec {
    /// Returns the layer with its initial weights, as its own type.
    pub fn convolution_layer(&self, init: &Init) -> ConvolutionLayer {
        let (weight, bias) = init.kernel(self.kernel_shape(), self.0.output[0]);
        ConvolutionLayer {
            weight,
            bias,
            convolution: self.0,
        }
    }
}

impl Windowed for ConvolutionSpec {
    const NAME: &'static str = "convolution";

    fn convolution(&self) -> &Convolution {
        &self.0
    }

    fn convolution_mut(&mut self) -> &mut Convolution {
        &mut self.0
    }

    /// Returns `[out, in, k, k]`.
    fn kernel_shape(&self) -> [usize; 4] {
        let Convolution {
            input,
            output,
            window,
            ..
        } = self.0;
        [output[0], input[0], window.kernel, window.kernel]
    }

    fn maps(&self) -> [[usize; 3]; 2] {
        [self.0.input, self.0.output]
    }

    fn operation(&self, layer: String) -> Operation {
        Operation::Convolution {
            layer,
            window: self.0.window,
        }
    }

    fn with_weights(&self, weight: Param<Tensor<4>>, bias: Param<Tensor<1>>) -> Layer {
        Layer::Convolution(ConvolutionLayer {
            weight,
            bias,
            convolution: self.0,
        })
    }
}

/// A convolution with its weights.
#[derive(Module, Debug)]
pub struct ConvolutionLayer {
    /// `[out, in, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    convolution: Convolution,
}

impl ConvolutionLayer {
    /// Returns conv(norm(x)) + residual; see [`ops::normalised_convolve`].
    pub fn after(&self, norm: &NormLayer, x: Tensor<2>, residual: Option<Tensor<2>>) -> Tensor<2> {
        ops::normalised_convolve(
            x,
            [norm.weight.val(), norm.bias.val()],
            norm.normalisation,
            self.weight.val(),
            self.bias.val(),
            self.convolution,
            residual,
        )
    }
}

impl Forward for ConvolutionLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::convolve(x, self.weight.val(), self.bias.val(), self.convolution)
    }

    fn bias_mut(&mut self) -> Option<&mut Param<Tensor<1>>> {
        Some(&mut self.bias)
    }
}
