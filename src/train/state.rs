//! Everything that changes during training: the weights, the optimizer's slots and the progress.

use burn::tensor::Tensor;

use super::Progress;
use crate::config::Config;
use crate::model::{Vae, flat_parameters};
use crate::ops::{self, DenseBatch, DenseElbo, DenseGradients, DenseVae, zero_if_finite};
use crate::optimizer::{OptimizerState, StepGradients, StepTime, TakenWeights};

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

    /// Does a step of a model of dense layers: each parameter is updated as soon as its gradient is known, while both are in the
    /// processor's caches. The bytes are those of [`TrainState::update`] with all gradients. Returns the loss terms too.
    ///
    /// `dense` is the model's form, with kernels; the optimizer updates by parameter ([`OptimizerState::is_by_parameter`]).
    #[must_use]
    pub fn step_by_layer(
        mut self,
        dense: DenseVae,
        batch: DenseBatch,
        learning_rate: f64,
    ) -> (Self, DenseElbo) {
        self.progress.step += 1;
        let time = StepTime {
            step: self.progress.step,
            learning_rate,
        };
        let (vae, taken) = TakenWeights::of(self.vae);
        // Clones of the weights here would be second owners, and a tensor with two is copied instead of changed in place.
        let mut new: Vec<Option<Tensor<1>>> = vec![None; taken.weights.len()];
        let optimizer = &mut self.optimizer;
        let update = &mut |found: DenseGradients| {
            let (weights, gradients) = (
                vec![found.weight, found.bias],
                vec![found.to_weight, found.to_bias],
            );
            let first = found.first_parameter;
            let updated = optimizer.update_some(first, weights, gradients, time);
            for (new, updated) in new[first..].iter_mut().zip(updated) {
                *new = Some(updated);
            }
        };
        let terms = ops::dense_elbo(dense.with_weights(taken.weights), batch, update);
        self.vae = taken
            .shapes
            .put_into(vae, new.into_iter().flatten().collect());
        (self, terms)
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
