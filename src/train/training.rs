//! A model in training, from its first weights or from a checkpoint.

use std::path::Path;

use burn::tensor::{Device, Tensor};

use super::guard::explain;
use super::initial_model::initial_model;
use super::step::{epoch_order, epochs_after, gradients, loss_sums};
use super::{Checkpoint, Progress, TrainState};
use crate::config::Config;
use crate::data::{self, Batch, Dataset};
use crate::error::{Error, Result};
use crate::model::{Vae, layer_parameters};
use crate::optimizer::squared_norms;

/// Steps between two looks at the numbers. Reading a value back makes a GPU wait, so it is not done at every step.
pub const LOOK_EVERY: usize = 50;

/// A model in training. [`Training::run`] is the loop; [`Training::step`] takes one step.
#[derive(Debug)]
pub struct Training {
    config: Config,
    dataset: Dataset,
    data_hash: String,
    pub(super) state: TrainState,
    /// The state at the last look, when all its numbers were finite.
    pub(super) good: TrainState,
    /// Loss sums of the steps since the last look, each `[3]`, still on the device, with their numbers of images.
    unread_sums: Vec<(Tensor<1>, usize)>,
    /// Squared norms of the layers' gradients since the last look, each `[L]`, still on the device.
    unread_norms: Vec<Tensor<1>>,
}

impl Training {
    /// Prepares a training from its first step. `device` is where the weights go; autodiff is added here.
    ///
    /// # Errors
    /// A value of the config is wrong, or the config and the data set do not fit each other.
    pub fn new(config: &Config, dataset: Dataset, device: &Device) -> Result<Self> {
        let vae = initial_model(config, &dataset, &device.clone().autodiff())?;
        let state = TrainState::new(config, vae);
        Ok(Self {
            config: config.clone(),
            data_hash: data::hash(&dataset)?,
            dataset,
            good: state.clone(),
            state,
            unread_sums: Vec::new(),
            unread_norms: Vec::new(),
        })
    }

    /// Prepares a training that goes on from `checkpoint`, which was read from `path`. The config may have more epochs than
    /// the checkpoint's.
    ///
    /// # Errors
    /// Those of [`Training::new`]; the checkpoint belongs to other data or another model; or the config has fewer epochs
    /// than are done.
    pub fn resume(
        config: &Config,
        dataset: Dataset,
        device: &Device,
        checkpoint: &Checkpoint,
        path: &Path,
    ) -> Result<Self> {
        let mut training = Self::new(config, dataset, device)?;
        if checkpoint.data_hash != training.data_hash {
            return Err(Error::file(
                path,
                format!(
                    "this run was trained on other data ({}; found {})",
                    checkpoint.data_hash, training.data_hash
                ),
            )
            .with_hint("pass the same data with `--data DIR`, or start a new run"));
        }
        let begun = checkpoint
            .progress
            .step
            .div_ceil(training.steps_per_epoch() as u64);
        if config.train.epochs < begun as usize {
            return Err(Error::request(format!(
                "--epochs {}: this run has done {begun}",
                config.train.epochs
            ))
            .with_hint("name as many or more, or start a new run"));
        }
        training.state = checkpoint
            .restore(training.state)
            .map_err(|error| Error::file(path, format!("does not fit its own config: {error}")))?;
        training.good = training.state.clone();
        Ok(training)
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    pub fn data_hash(&self) -> &str {
        &self.data_hash
    }

    pub fn progress(&self) -> &Progress {
        &self.state.progress
    }

    /// Returns the model as it is now, on an autodiff device.
    pub fn vae(&self) -> &Vae {
        &self.state.vae
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.config.train.steps_per_epoch(self.dataset.train.len())
    }

    /// Returns how many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.config.parameter_count(self.state.vae.network())
    }

    /// Returns how many epochs are done.
    pub fn epochs_done(&self) -> usize {
        (self.progress().step / self.steps_per_epoch() as u64) as usize
    }

    /// Returns how many steps of the current epoch are done.
    pub fn steps_into_epoch(&self) -> usize {
        (self.progress().step % self.steps_per_epoch() as u64) as usize
    }

    /// Returns the order in which the current epoch sees the training images.
    pub fn order(&self) -> Vec<u32> {
        epoch_order(&self.config, self.dataset.train.len(), self.epochs_done())
    }

    /// Reads the training images `image_ids`, and takes one step along the gradient of their loss.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn step(self, image_ids: &[u32]) -> Result<Self> {
        let loader = self.config.train_loader(self.vae());
        let loader = loader.at_step(self.progress().step);
        let batch = loader.batch(&self.dataset.train, image_ids)?;
        Ok(self.step_on(image_ids, batch))
    }

    /// Takes one step along the gradient of the loss of a batch, the training images `image_ids`. Reads nothing back.
    ///
    /// Takes and returns the training by value: weights that nobody else holds are then changed in place.
    #[must_use]
    pub fn step_on(mut self, image_ids: &[u32], batch: Batch) -> Self {
        let (step, count) = (self.progress().step, self.dataset.train.len());
        let vae = &self.state.vae;
        let (terms, gradients) = gradients(&self.config, count, vae, image_ids, batch, step);
        // Chosen by the position in the epoch, so that a resumed run looks at the gradients of the same steps.
        if self.steps_into_epoch().is_multiple_of(LOOK_EVERY) {
            let layers = layer_parameters(&self.state.vae);
            self.unread_norms.push(squared_norms(&gradients, &layers));
        }
        let epochs = epochs_after(&self.config, count, step);
        let learning_rate = self.config.learning_rate(epochs);
        self.state = self.state.update(gradients, learning_rate);
        self.unread_sums.push((loss_sums(terms), image_ids.len()));
        self
    }

    /// Returns the number of steps since the last look.
    pub(super) fn unread(&self) -> usize {
        self.unread_sums.len()
    }

    /// Reads back the numbers of the steps since the last look, and adds them up.
    ///
    /// # Errors
    /// One of them, or a weight, is not finite: the message says which step broke.
    pub fn look(&mut self) -> Result<()> {
        if self.unread_sums.is_empty() {
            return Ok(());
        }
        let (sums, images): (Vec<_>, Vec<_>) = self.unread_sums.drain(..).unzip();
        let values: Vec<f32> = Tensor::cat(sums, 0).into_data().iter().collect();
        if !values.iter().all(|value| value.is_finite()) || !self.state.is_finite() {
            return Err(self.explain(self.good.clone(), self.progress().step));
        }
        let progress = &mut self.state.progress;
        for (terms, images) in values.as_chunks::<3>().0.iter().zip(images) {
            progress.sums.add(*terms, images);
        }
        for squares in self.unread_norms.drain(..) {
            let squares: Vec<f32> = squares.into_data().iter().collect();
            progress.gradient_norms.add(&squares);
        }
        self.good = self.state.clone();
        Ok(())
    }

    /// Returns the current state to save, once it is known to be finite. [`Training::look`] comes first.
    ///
    /// # Errors
    /// A weight is not finite.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        let checkpoint = self.checkpoint_of(&self.state);
        if checkpoint.is_finite() {
            return Ok(checkpoint);
        }
        // The losses are finite and the last update was not: replaying the step after it says so.
        Err(self.explain(self.state.clone(), self.progress().step + 1))
    }

    pub(super) fn checkpoint_of(&self, state: &TrainState) -> Checkpoint {
        Checkpoint::new(&self.config, &self.data_hash, state)
    }

    fn explain(&self, good: TrainState, to: u64) -> Error {
        explain(&self.config, &self.dataset, good, to)
    }

    /// Returns the data set and its hash.
    pub(super) fn into_data(self) -> (Config, Dataset, String) {
        (self.config, self.dataset, self.data_hash)
    }
}
