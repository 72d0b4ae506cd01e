//! Adam (Kingma, Ba 2015, algorithm 1), and AdamW, which is Adam with decoupled weight decay (Loshchilov, Hutter 2019,
//! algorithm 2).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OptimizerKind, UpdatedParameter};
use crate::check::{above_zero, at_least_zero, within};
use crate::error::Result;
use crate::ops::{self, AdamParameter, AdamStep, WeightDecay};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// The share of the running mean of the gradients that is kept at each step.
    pub beta1: f64,
    /// The share of the running mean of their squares that is kept at each step.
    pub beta2: f64,
    /// The constant added to the root of the mean square.
    pub epsilon: f64,
    /// The weight of an L2 penalty: `weight_decay * weight` is added to the gradient.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        // The paper's values.
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// The share of the running mean of the gradients that is kept at each step.
    pub beta1: f64,
    /// The share of the running mean of their squares that is kept at each step.
    pub beta2: f64,
    /// The constant added to the root of the mean square.
    pub epsilon: f64,
    /// The weight decay: each step shrinks the weights by `learning_rate * weight_decay`, independently of the
    /// gradient.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        // PyTorch's defaults.
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
        }
    }
}

/// The update rule of Adam and AdamW, which differ only in the way in which weights decay.
struct Rule {
    /// The name of the config's table, for messages.
    table: &'static str,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    decoupled: bool,
}

impl Adam {
    fn rule(&self) -> Rule {
        Rule {
            table: "optimizer.adam",
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decoupled: false,
        }
    }
}

impl AdamW {
    fn rule(&self) -> Rule {
        Rule {
            table: "optimizer.adamw",
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decoupled: true,
        }
    }
}

impl Rule {
    const SLOTS: &[&str] = &["mean", "square"];

    fn update(
        &self,
        parameters: Vec<UpdatedParameter<'_>>,
        step: u64,
        learning_rate: f64,
    ) -> Vec<Tensor<1>> {
        let parameters = parameters.into_iter().map(|parameter| {
            let [mean, square] = parameter.slots else {
                unreachable!("there is a tensor for each of the two slots")
            };
            AdamParameter {
                weight: parameter.weight,
                gradient: parameter.gradient,
                mean,
                square,
            }
        });
        let constants = [self.beta1, self.beta2, self.epsilon];
        let decay = if self.decoupled {
            WeightDecay::decoupled(self.weight_decay, learning_rate)
        } else {
            WeightDecay::penalty(self.weight_decay)
        };
        let step = AdamStep {
            decay,
            ..AdamStep::new(constants, step, learning_rate)
        };
        ops::adam(parameters.collect(), step)
    }

    fn check(&self) -> Result<()> {
        let key = |name: &str| format!("{}.{name}", self.table);
        // At exactly 1 the bias correction would divide by zero.
        within(&key("beta1"), self.beta1, 0.0, 0.999_999_999)?;
        within(&key("beta2"), self.beta2, 0.0, 0.999_999_999)?;
        above_zero(&key("epsilon"), self.epsilon)?;
        at_least_zero(&key("weight_decay"), self.weight_decay)
    }
}

macro_rules! is_adam {
    ($($Kind:ty),+) => {$(
        impl OptimizerKind for $Kind {
            fn slots(&self) -> &'static [&'static str] {
                Rule::SLOTS
            }

            fn update(
                &self,
                parameters: Vec<UpdatedParameter<'_>>,
                step: u64,
                learning_rate: f64,
            ) -> Vec<Tensor<1>> {
                self.rule().update(parameters, step, learning_rate)
            }

            fn check(&self) -> Result<()> {
                self.rule().check()
            }
        }
    )+};
}

is_adam!(Adam, AdamW);
