//! RMSprop (Tieleman, Hinton 2012, lecture 6.5), optionally centred (Graves 2013) and with momentum.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::OptimizerKind;
use crate::check::{above_zero, within};
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsProp {
    /// The fraction of the running mean square that is kept at each step.
    pub alpha: f64,
    /// The constant added to the root.
    pub epsilon: f64,
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
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        _step: u64,
        learning_rate: f64,
    ) -> Tensor<1> {
        slots[0] = running(&slots[0], gradient.clone().square(), self.alpha);
        let variance = if self.centred {
            slots[1] = running(&slots[1], gradient.clone(), self.alpha);
            // Rounding can make a variance of zero negative.
            (slots[0].clone() - slots[1].clone().square()).clamp_min(0.0)
        } else {
            slots[0].clone()
        };
        let direction = gradient / (variance.sqrt() + self.epsilon);
        match slots.last_mut().filter(|_| self.momentum > 0.0) {
            Some(velocity) => {
                *velocity = velocity.clone() * self.momentum + direction;
                weight - velocity.clone() * learning_rate
            }
            None => weight - direction * learning_rate,
        }
    }

    fn check(&self) -> Result<()> {
        within("optimizer.rmsprop.alpha", self.alpha, 0.0, 1.0)?;
        above_zero("optimizer.rmsprop.epsilon", self.epsilon)?;
        within("optimizer.rmsprop.momentum", self.momentum, 0.0, 1.0)
    }
}

/// Returns `keep * old + (1 - keep) * new`.
fn running(old: &Tensor<1>, new: Tensor<1>, keep: f64) -> Tensor<1> {
    old.clone() * keep + new * (1.0 - keep)
}
