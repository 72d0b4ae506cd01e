//! A toy layer, which shows that a new kind of layer takes one file and one line in the list of layers.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerShape, LayerSpec};
use crate::model::{Features, Graph, Init, NodeId, ParameterShape};
use crate::ops::{Activation, plain};

/// The config of a layer that multiplies each feature by a trained factor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleConfig {
    /// The activation that follows.
    pub scale: Activation,
}

impl LayerKind for ScaleConfig {
    fn spec(&self, input: Features, _activation: Activation) -> Result<LayerSpec, String> {
        let activation = self.scale;
        Ok(ScaleSpec { input, activation }.into())
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.scale)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleSpec {
    input: Features,
    activation: Activation,
}

impl LayerShape for ScaleSpec {
    fn words(&self) -> String {
        "scale".to_owned()
    }

    fn input(&self) -> Features {
        self.input
    }

    fn output(&self) -> Features {
        self.input
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn set_activation(&mut self, activation: Activation) {
        self.activation = activation;
    }

    fn set_channels(&mut self, count: usize) {
        self.input = self.input.with_channels(count);
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        vec![ParameterShape::new("weight", [self.input.count()])]
    }

    /// Never called: no other program is told of a toy.
    fn trace(&self, _path: &str, _x: NodeId, _graph: &mut Graph) -> NodeId {
        unreachable!("a toy is not exported")
    }

    fn layer(&self, init: &Init) -> Layer {
        let (_, weight) = init.matrix([self.input.count(), 1]);
        let activation = self.activation;
        Layer::Scale(ScaleLayer { weight, activation })
    }
}

#[derive(Module, Debug)]
pub struct ScaleLayer {
    /// `[F]`.
    weight: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl Forward for ScaleLayer {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        plain::activate(x * self.weight.val().unsqueeze::<2>(), self.activation)
    }
}
