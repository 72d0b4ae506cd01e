//! Everything that changes during training: the weights, the optimizer's slots and the progress.

use burn::tensor::Tensor;

use super::Progress;
use crate::config::Config;
use crate::model::{Vae, flat_parameters};
use crate::ops::zero_if_finite;
use crate::optimizer::{OptimizerState, StepGradients};

/// The state between two steps. A clone shares its tensors with the original until one of them changes.
#[derive(Clone, Debug)]
pub struct TrainState {
    pub vae: Vae,
    pub optimizer: OptimizerState,
    pub progress: Progress,
}

impl TrainState {
    /// Returns the state before the first step. `vae` is on an autodiff device.
    pub fn new(config: &Config, vae: Vae) -> Self {
        Self {
            optimizer: OptimizerState::new(config.optimizer.clone(), config.train.clip, &vae)
                .averaging(config.train.average_decay(), &vae)
                .skipping(config.train.skip_limit())
                .divided(&vae),
            vae,
            progress: Progress::default(),
        }
    }

    /// Returns the state after one step along `gradients`, which [`OptimizerState::total`] returned, with the given learning
    /// rate, and their global norm, `[1]`, if steps can be skipped.
    ///
    /// The state is passed by value, so that weights without another owner are changed in place.
    #[must_use]
    pub fn update(
        mut self,
        gradients: StepGradients,
        learning_rate: f64,
    ) -> (Self, Option<Tensor<1>>) {
        self.progress.step += 1;
        let step = self.progress.step;
        let (vae, norm) = self
            .optimizer
            .apply(self.vae, gradients, step, learning_rate);
        self.vae = vae;
        (self, norm)
    }

    /// Returns the model with the averages of the weights, or the weights themselves if no average is kept.
    pub fn averaged(&self) -> Vae {
        let averaged = self.optimizer.averaged(&self.vae);
        averaged.unwrap_or_else(|| self.vae.clone())
    }

    /// Returns whether every weight and every slot of the optimizer is finite: of this process's pieces, if several processes
    /// divide them. Reads one number back from the device.
    pub fn is_finite(&self) -> bool {
        let weights = flat_parameters(&self.vae).into_iter();
        let slots = self.optimizer.slots().iter().flatten().cloned();
        let all = weights.map(Tensor::without_autodiff).chain(slots);
        let zeros = all.map(zero_if_finite).collect();
        let sum: f32 = Tensor::cat(zeros, 0).sum().into_scalar();
        sum == 0.0
    }
}
