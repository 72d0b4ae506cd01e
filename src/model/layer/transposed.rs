//! A transposed convolution: activation(conv_transposed(x) + b).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::{Padding, Windowed, input_map};
use super::{Forward, Layer, LayerKind, LayerSpec, check_numbers};
use crate::model::{Features, Operation};
use crate::ops::{self, Activation, Convolution, Window};

/// The config of a transposed convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransposedConfig {
    /// The number of output channels.
    pub transposed: usize,
    /// The height and width of the kernel; the default is 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<usize>,
    /// The stride; the default is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// The padding: `"same"` (the default), `"valid"`, or the number of rows cut off on every side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// The number of rows and columns added at the end, as in PyTorch; `"same"` computes its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_padding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

impl Default for TransposedConfig {
    fn default() -> Self {
        Self {
            transposed: 1,
            kernel: None,
            stride: None,
            padding: None,
            output_padding: None,
            activation: None,
        }
    }
}

impl LayerKind for TransposedConfig {
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        let padding = self.padding.unwrap_or_default();
        check_numbers([
            Some(self.transposed),
            self.kernel,
            self.stride,
            padding.zeros(),
            self.output_padding,
        ])?;
        let (kernel, stride) = (self.kernel.unwrap_or(3), self.stride.unwrap_or(1));
        let input = input_map(input, [self.transposed, kernel, stride])?;
        let ((before, after), extra) = match (padding, self.output_padding) {
            (Padding::Same, Some(_)) => {
                return Err(
                    "`output_padding` goes with a number as `padding`; \"same\" finds its own"
                        .into(),
                );
            }
            (Padding::Same, None) => {
                // The padding of a convolution from n s to n, which is the same for every n. If the kernel is smaller
                // than the stride, some rows are reached by no window.
                let total = kernel.saturating_sub(stride);
                (
                    (total / 2, total - total / 2),
                    stride.saturating_sub(kernel),
                )
            }
            (Padding::Valid, extra) => ((0, 0), extra.unwrap_or(0)),
            (Padding::Zeros(zeros), extra) => ((zeros, zeros), extra.unwrap_or(0)),
        };
        if extra >= stride && extra > 0 {
            return Err(format!(
                "an output padding of {extra} needs a stride above it; the stride is {stride}"
            ));
        }
        let along = |length: usize| {
            ((length - 1) * stride + kernel + extra)
                .checked_sub(before + after)
                .filter(|&length| length > 0)
                .ok_or_else(|| format!("a padding of {before} leaves nothing of the output"))
        };
        Ok(TransposedSpec(Convolution {
            input,
            output: [self.transposed, along(input[1])?, along(input[2])?],
            window: Window {
                kernel,
                stride,
                padding: [(before, after); 2],
                output_padding: [extra; 2],
            },
            activation: self.activation.unwrap_or(activation),
            layouts: Default::default(),
        })
        .into())
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }
}

/// A transposed convolution's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransposedSpec(pub Convolution);

impl Windowed for TransposedSpec {
    const NAME: &'static str = "transposed convolution";

    fn convolution(&self) -> &Convolution {
        &self.0
    }

    fn convolution_mut(&mut self) -> &mut Convolution {
        &mut self.0
    }

    /// Returns `[in, out, k, k]`.
    fn kernel_shape(&self) -> [usize; 4] {
        let Convolution {
            input,
            output,
            window,
            ..
        } = self.0;
        [input[0], output[0], window.kernel, window.kernel]
    }

    fn maps(&self) -> [[usize; 3]; 2] {
        [self.0.output, self.0.input]
    }

    fn operation(&self, layer: String) -> Operation {
        Operation::Transposed {
            layer,
            window: self.0.window,
        }
    }

    fn with_weights(&self, weight: Param<Tensor<4>>, bias: Param<Tensor<1>>) -> Layer {
        Layer::Transposed(TransposedLayer {
            weight,
            bias,
            convolution: self.0,
        })
    }
}

/// A transposed convolution with its weights.
#[derive(Module, Debug)]
pub struct TransposedLayer {
    /// `[in, out, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    convolution: Convolution,
}

impl Forward for TransposedLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::convolve_transposed(x, self.weight.val(), self.bias.val(), self.convolution)
    }

    fn bias_mut(&mut self) -> Option<&mut Param<Tensor<1>>> {
        Some(&mut self.bias)
    }
}
