//! The optimizers: textbook update rules with PyTorch's conventions, applied to every parameter.

mod adam;
mod average;
mod divided;
mod gradients;
mod replace;
mod rmsprop;
mod sgd;
mod skip;
mod state;

use burn::tensor::Tensor;

use crate::error::Result;
use crate::registry::registry;

pub use adam::{Adam, AdamW};
pub use gradients::{StepGradients, collect, global_norm, squared_norms};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use skip::{LARGEST_LIMIT, is_skipped};
pub use state::OptimizerState;

/// A parameter in a step of an optimizer.
///
/// # Shapes
/// All: `[n]`, without autodiff.
#[derive(Debug)]
pub struct UpdatedParameter<'a> {
    pub weight: Tensor<1>,
    pub gradient: Tensor<1>,
    /// The rule's own slots.
    pub slots: &'a mut [Tensor<1>],
}

/// A rule that updates parameters.
pub trait OptimizerKind {
    /// Returns the names of the slots: tensors that the rule keeps for each parameter from step to step, and that start
    /// at zero.
    fn slots(&self) -> &'static [&'static str];

    /// Returns the new weights. `step` counts from 1; `learning_rate` applies to this step.
    fn update(
        &self,
        parameters: Vec<UpdatedParameter<'_>>,
        step: u64,
        learning_rate: f64,
    ) -> Vec<Tensor<1>>;

    fn check(&self) -> Result<()>;
}

registry! {
    /// The rule by which gradients change the weights.
    pub enum Optimizer: OptimizerKind {
        "adam" => Adam, "moments of the gradient (Kingma, Ba 2015)";
        "adamw" => AdamW, "Adam with decoupled weight decay (Loshchilov, Hutter 2019)";
        "rmsprop" => RmsProp, "the gradient over its running root mean square (Tieleman, Hinton 2012)";
        "sgd" => Sgd, "the gradient, with momentum if asked for";
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}
