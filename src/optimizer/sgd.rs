//! Stochastic gradient descent, with momentum if asked for (Polyak 1964).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OptimizerKind, UpdatedParameter};
use crate::check::{at_least_zero, within};
use crate::error::{Error, Result};
use crate::ops::{self, SgdStep, WeightDecay};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// The share of the last step that is added to the next one.
    pub momentum: f64,
    /// Whether the step looks ahead along the momentum (Nesterov 1983).
    pub nesterov: bool,
    /// The weight of an L2 penalty: `weight_decay * weight` is added to the gradient.
    pub weight_decay: f64,
}

impl OptimizerKind for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum > 0.0 {
            &["momentum"]
        } else {
            &[]
        }
    }

    fn update(
        &self,
        parameters: Vec<UpdatedParameter<'_>>,
        step: u64,
        learning_rate: f64,
    ) -> Vec<Tensor<1>> {
        let step = SgdStep {
            decay: WeightDecay::penalty(self.weight_decay),
            ..SgdStep::new(self.momentum, self.nesterov, step, learning_rate)
        };
        let parameters = parameters.into_iter().map(|parameter| {
            let velocity = parameter.slots.first_mut();
            ops::sgd(parameter.weight, parameter.gradient, velocity, step)
        });
        parameters.collect()
    }

    fn check(&self) -> Result<()> {
        within("optimizer.sgd.momentum", self.momentum, 0.0, 1.0)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::request(
                "optimizer.sgd.nesterov is true and momentum is 0; expected a momentum above 0",
            )
            .with_hint("for instance `--set optimizer.sgd.momentum=0.9`"));
        }
        at_least_zero("optimizer.sgd.weight_decay", self.weight_decay)
    }
}
