//! Dropout (Srivastava et al. 2014): in training, each value becomes 0 with one probability.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Forward, Layer, LayerKind, LayerNoise, LayerShape, LayerSpec};
use crate::model::{Features, Graph, Init, NodeId, ParameterShape};
use crate::ops::Activation;

/// The config of dropout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropoutConfig {
    /// The probability with which a value becomes 0 in a training step; the others are divided by 1 minus it.
    pub dropout: f64,
}

impl Default for DropoutConfig {
    fn default() -> Self {
        Self { dropout: 0.5 }
    }
}

/// Checks the probability with which values become 0, and returns it.
///
/// # Errors
/// Returns an error unless it is at least 0 and below 1.
pub fn checked_dropout(probability: f64) -> Result<f64, String> {
    if (0.0..1.0).contains(&probability) {
        Ok(probability)
    } else {
        Err(format!(
            "dropout is {probability}; expected a number of at least 0 and below 1"
        ))
    }
}

impl LayerKind for DropoutConfig {
    fn spec(&self, input: Features, _activation: Activation) -> Result<LayerSpec, String> {
        let probability = checked_dropout(self.dropout)?;
        Ok(DropoutSpec::new(input, probability).into())
    }
}

/// The shape of dropout.
#[derive(Clone, Debug, PartialEq)]
pub struct DropoutSpec {
    input: Features,
    probability: f64,
}

impl DropoutSpec {
    /// Returns dropout with a probability that [`checked_dropout`] accepts.
    pub fn new(input: Features, probability: f64) -> Self {
        Self { input, probability }
    }
}

impl LayerShape for DropoutSpec {
    fn words(&self) -> String {
        format!("dropout {}", self.probability)
    }

    fn input(&self) -> Features {
        self.input
    }

    fn output(&self) -> Features {
        self.input
    }

    fn set_channels(&mut self, count: usize) {
        self.input = self.input.with_channels(count);
    }

    fn parameters(&self) -> Vec<ParameterShape> {
        Vec::new()
    }

    fn layer(&self, _init: &Init) -> Layer {
        Layer::Dropout(DropoutLayer {
            probability: self.probability,
        })
    }

    fn trace(&self, _path: &str, x: NodeId, _graph: &mut Graph) -> NodeId {
        x
    }

    fn kept_values(&self) -> usize {
        // The output and the factors.
        2 * self.input.count()
    }

    fn drops_out(&self) -> bool {
        self.probability > 0.0
    }
}

/// Dropout, which has no weights.
#[derive(Module, Debug)]
pub struct DropoutLayer {
    #[module(skip)]
    probability: f64,
}

impl Forward for DropoutLayer {
    /// Returns `x`: outside of training nothing is dropped.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x
    }

    fn forward_in_training(&self, x: Tensor<2>, noise: &LayerNoise) -> Tensor<2> {
        dropped_out(x, self.probability, noise)
    }
}

/// Returns `x` with each value set to 0 with this probability, and the others divided by 1 minus it.
///
/// # Shapes
/// `x` and the result: `[K B, F]`.
pub fn dropped_out(x: Tensor<2>, probability: f64, noise: &LayerNoise) -> Tensor<2> {
    if probability == 0.0 {
        return x;
    }
    let factors = noise.dropout(probability, x.dims(), &x.device());
    x * factors
}
