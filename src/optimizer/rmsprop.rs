//! RMSprop (Tieleman, Hinton 2012, lecture 6.5), optionally centred (Graves 2013) and with momentum.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OptimizerKind, UpdatedParameter};
use crate::check::{above_zero, within};
use crate::error::Result;
use crate::ops::{self, RmsPropMoments, RmsPropStep};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RmsProp {
    /// The fraction of the running mean square that is kept at each step.
    pub alpha: f64,
    /// The constant added to the root.
    pub epsilon: f64,
    /// The share of the last step that is added to the next one.
    pub momentum: f64,
    /// Whether the gradient is divided by the running standard deviation instead of the root mean square.
    pub centred: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        // PyTorch's defaults.
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centred: false,
        }
    }
}

impl OptimizerKind for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        match (self.centred, self.momentum > 0.0) {
            (false, false) => &["square"],
            (true, false) => &["square", "mean"],
            (false, true) => &["square", "momentum"],
            (true, true) => &["square", "mean", "momentum"],
        }
    }

    fn update(
        &self,
        parameters: Vec<UpdatedParameter<'_>>,
        step: u64,
        learning_rate: f64,
    ) -> Vec<Tensor<1>> {
        let constants = [self.alpha, self.epsilon, self.momentum];
        let step = RmsPropStep::new(constants, step, learning_rate);
        let parameters = parameters.into_iter().map(|parameter| {
            let [square, others @ ..] = parameter.slots else {
                unreachable!("the first slot is always kept")
            };
            let (mean, velocity) = others.split_at_mut(usize::from(self.centred));
            let moments = RmsPropMoments {
                square,
                mean: mean.first_mut(),
                velocity: velocity.first_mut(),
            };
            ops::rmsprop(parameter.weight, parameter.gradient, moments, step)
        });
        parameters.collect()
    }

    fn check(&self) -> Result<()> {
        within("optimizer.rmsprop.alpha", self.alpha, 0.0, 1.0)?;
        above_zero("optimizer.rmsprop.epsilon", self.epsilon)?;
        within("optimizer.rmsprop.momentum", self.momentum, 0.0, 1.0)
    }
}
