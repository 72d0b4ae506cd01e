//! A dense layer: activation(W x + b).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerShape, LayerSpec, check_numbers};
use crate::model::{Features, Graph, Init, NodeId, Operation, ParameterShape};
use crate::ops::{self, Activation, DenseWeights};

/// The config of a dense layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseConfig {
    /// The number of units.
    pub dense: usize,
    /// The shape `[C, H, W]` of the units, needed if a convolution follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

impl Default for DenseConfig {
    fn default() -> Self {
        Self {
            dense: 1,
            shape: None,
            activation: None,
        }
    }
}

impl LayerKind for DenseConfig {
    fn spec(&self, input: Features, activation: Activation) -> Result<LayerSpec, String> {
        check_numbers([Some(self.dense)])?;
        if self.dense == 0 {
            return Err("expected at least one unit".into());
        }
        let output = self.shape.map_or(Features::Flat(self.dense), Features::Map);
        if output.check().is_err() || output.count() != self.dense {
            return Err(format!(
                "{} units do not make up the shape {output}",
                self.dense
            ));
        }
        let activation = self.activation.unwrap_or(activation);
        Ok(DenseSpec::new(input, output, activation).into())
    }

    fn activation(&self) -> Option<Activation> {
        self.activation
    }
}

/// A dense layer's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseSpec {
    pub input: Features,
    pub output: Features,
    pub activation: Activation,
}

impl DenseSpec {
    pub fn new(input: Features, output: Features, activation: Activation) -> Self {
        Self {
            input,
            output,
            activation,
        }
    }

    /// Returns a chain of dense layers with `units` units, and the shape of the last layer's output.
    pub fn chain(
        mut input: Features,
        units: impl IntoIterator<Item = usize>,
        activation: Activation,
    ) -> (Vec<Self>, Features) {
        let mut layers = Vec::new();
        for units in units {
            let output = Features::Flat(units);
            layers.push(Self::new(input, output, activation));
            input = output;
        }
        (layers, input)
    }

    /// Widens the input of the layer by one-hot labels of `class_count` classes.
    pub fn read_labels(&mut self, class_count: usize) {
        self.input = Features::Flat(self.input.count() + class_count);
    }

    /// Returns the layer with its initial weights, as its own type.
    pub fn dense(&self, init: &Init) -> DenseLayer {
        let (weight, bias) = init.matrix([self.output.count(), self.input.count()]);
        DenseLayer {
            weight,
            bias,
            activation: self.activation,
        }
    }
}

impl LayerShape for DenseSpec {
    fn words(&self) -> String {
        "dense".to_owned()
    }

    fn input(&self) -> Features {
        self.input
    }

    fn output(&self) -> Features {
        self.output
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn set_activation(&mut self, activation: Activation) {
        self.activation = activation;
    }

    fn set_channels(&mut self, count: usize) {
        self.output = self.output.with_channels(count);
    }

    fn trace(&self, path: &str, x: NodeId, graph: &mut Graph) -> NodeId {
        let x = graph.shaped(x, Features::Flat(self.input.count()));
        let operation = Operation::Dense {
            layer: path.to_owned(),
        };
        let y = graph.push(operation, [x], Features::Flat(self.output.count()));
        let y = graph.activated(y, self.activation);
        graph.shaped(y, self.output)
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        let (inputs, outputs) = (self.input.count(), self.output.count());
        vec![
            ParameterShape::new("weight", [outputs, inputs]),
            ParameterShape::new("bias", [outputs]),
        ]
    }

    fn layer(&self, init: &Init) -> Layer {
        Layer::Dense(self.dense(init))
    }

    fn multiply_adds(&self) -> u64 {
        (self.input.count() as u64).saturating_mul(self.output.count() as u64)
    }
}

/// A dense layer with its weights.
#[derive(Module, Debug)]
pub struct DenseLayer {
    /// `[in, out]`: burn multiplies `x W`.
    weight: Param<Tensor<2>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl DenseLayer {
    pub fn device(&self) -> Device {
        self.bias.val().device()
    }

    /// Returns the weights if the product applies the activation.
    pub fn fused_weights(&self) -> Option<DenseWeights> {
        self.activation.is_fused().then(|| DenseWeights {
            weight: self.weight.val(),
            bias: self.bias.val(),
            activation: self.activation,
        })
    }
}

impl Forward for DenseLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::dense(x, self.weight.val(), self.bias.val(), self.activation)
    }

    fn bias_mut(&mut self) -> Option<&mut Param<Tensor<1>>> {
        Some(&mut self.bias)
    }
}
