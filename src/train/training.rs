//! A model in training, from its first weights or from a checkpoint.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use super::ending::check_patience;
use super::guard::explain;
use super::initial_model::initial_model;
use super::resumable::{all_changes, check_resumable, check_same_architecture};
use super::same_weights::check_same_weights;
use super::step::{Shard, epoch_order, epochs_after, own_part, read_own};
use super::unread::{UnreadStep, read};
use super::{Checkpoint, Ending, ModelFile, Progress, TrainState};
use crate::config::{self, Config};
use crate::data::{self, Dataset};
use crate::error::{Error, Result};
use crate::model::{Vae, import, layer_parameters};
use crate::optimizer::{is_skipped, squared_norms};
use crate::parallel::{self, Shards};
use crate::run::{Change, RunFolder, StartedFrom};

/// The number of steps from one whose gradients' norms are recorded to the next.
const NORMS_EVERY: usize = 50;

/// The smallest number of steps after which the loss sums are read back, and the smallest number of images: reading a value
/// back makes a GPU wait, and every weight is checked and copied, so it is not done in every step.
const LOOK_STEPS: usize = 50;
const LOOK_IMAGES: usize = 6400;

/// A model in training. [`Training::run`], in `training_loop.rs`, is the loop; [`Training::step`] takes one step.
#[derive(Debug)]
pub struct Training {
    config: Config,
    dataset: Dataset,
    data_hash: String,
    /// This process's shards of a batch.
    pub(super) shards: Shards,
    pub(super) state: TrainState,
    /// The state when the numbers were last read back; all its numbers are finite.
    pub(super) good: TrainState,
    /// The steps since then.
    unread_steps: Vec<UnreadStep>,
    /// The squared norms of the layers' gradients since then, each `[L]`, still on the device.
    unread_norms: Vec<Tensor<1>>,
    /// Whether a checkpoint of this state and this config is on the disk already.
    pub(super) is_saved: bool,
    /// The run's folder, once the loop runs: messages name it.
    pub(super) folder: Option<PathBuf>,
    /// The changes of the config when the training was resumed.
    changes: Vec<Change>,
}

impl Training {
    /// Prepares a training from its first step. The weights are placed on `device`; autodiff is added here. `[model.auto]`
    /// is replaced by the model that it chooses.
    ///
    /// # Errors
    /// Returns an error if a value of the config is wrong, or if the config and the data set do not fit each other.
    pub fn new(config: &Config, dataset: Dataset, device: &Device) -> Result<Self> {
        check_patience(config, &dataset)?;
        config.check_divisible(parallel::count())?;
        let mut config = config.clone();
        config.choose_model(&dataset);
        config.augment.check_shape(dataset.train.shape)?;
        let vae = initial_model(&config, &dataset, &device.clone().autodiff())?;
        let state = TrainState::new(&config, vae);
        Ok(Self {
            shards: Shards::new(config.train.shards)?,
            config,
            data_hash: data::hash(&dataset)?,
            dataset,
            good: state.clone(),
            state,
            unread_steps: Vec::new(),
            unread_norms: Vec::new(),
            is_saved: false,
            folder: None,
            changes: Vec::new(),
        })
    }

    /// Prepares a training from its first step with the weights of `model`, which `name` describes.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Training::new`], if the model has another architecture or is for other
    /// images or classes, or if a weight is not finite.
    pub fn from_model(
        config: &Config,
        dataset: Dataset,
        device: &Device,
        model: &ModelFile,
        name: StartedFrom,
    ) -> Result<Self> {
        check_same_architecture(&model.config, config).map_err(|error| {
            error.with_hint("leave `--config` and `--set` out to train on with that model's config")
        })?;
        model
            .card
            .check_data(&dataset, config.condition.is_some())
            .map_err(|error| {
                error.with_hint(
                    "pass `--data DIR` or `--config` with data of the model's shape and classes",
                )
            })?;
        // The last update of a training that broke, or damage.
        if let Some(name) = model.broken_tensor() {
            let what = format!("its {name} is not finite");
            return Err(Error::failed(what).with_hint("begin with another model"));
        }
        let mut training = Self::new(config, dataset, device)?;
        training.state = TrainState::new(config, import(training.state.vae, &model.tensors)?);
        training.state.progress.changes = vec![Change {
            step: 0,
            key: "weights".to_owned(),
            from: "drawn from the seed".into(),
            to: name.to_string().into(),
        }];
        training.state.progress.started_from = Some(name);
        training.good = training.state.clone();
        Ok(training)
    }

    /// Prepares a training that continues from `checkpoint`, which was read from `path`. The config may differ from the
    /// checkpoint's in what acts on the steps to come alone; see [`check_resumable`].
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Training::new`], if the checkpoint belongs to other data or another
    /// model, if the config has fewer epochs than are done, or if a value has changed that must stay.
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
                "train.epochs is {}, and this run has begun epoch {begun}",
                config.train.epochs
            ))
            .with_hint(format!(
                "pass `--epochs {begun}` or more, or write it as `epochs` in {}, or start a new run",
                RunFolder::of_file(path).config().display()
            )));
        }
        check_resumable(&config::changes(&checkpoint.config, config, 0)?)?;
        training.state = checkpoint
            .restore(training.state)
            .map_err(|error| Error::file(path, format!("does not fit its own config: {error}")))?;
        let (step, count) = (training.progress().step, training.dataset.train.len());
        let epoch = epochs_after(config, count, step);
        training.changes = all_changes(&checkpoint.config, config, step, epoch)?;
        training.state.progress.remember(&training.changes);
        training.good = training.state.clone();
        training.is_saved = checkpoint.config == *config;
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

    /// Returns the changes of the config, and of what follows from it, when the training was resumed.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the model as it is now, on an autodiff device.
    pub fn vae(&self) -> &Vae {
        &self.state.vae
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.config.train.steps_per_epoch(self.dataset.train.len())
    }

    /// Returns the number of trained parameters.
    pub fn parameter_count(&self) -> usize {
        self.config.parameter_count(self.state.vae.network())
    }

    /// Returns the number of finished epochs.
    pub fn epochs_done(&self) -> usize {
        (self.progress().step / self.steps_per_epoch() as u64) as usize
    }

    /// Returns the reason why the training has ended, or `None` if there is more to do.
    pub fn ending(&self) -> Option<Ending> {
        let steps = self.steps_per_epoch() as u64;
        Ending::at(&self.config.train, self.progress(), steps)
    }

    /// Returns the number of finished steps of the current epoch.
    pub fn steps_into_epoch(&self) -> usize {
        (self.progress().step % self.steps_per_epoch() as u64) as usize
    }

    /// Returns the order in which the current epoch visits the training images.
    pub fn order(&self) -> Vec<u32> {
        epoch_order(&self.config, self.dataset.train.len(), self.epochs_done())
    }

    /// Reads the training images `image_ids`, and takes one step along the gradient of their loss.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read.
    pub fn step(self, image_ids: &[u32]) -> Result<Self> {
        let loader = self
            .config
            .train_loader(self.vae(), self.dataset.train.len());
        let loader = loader.at_step(self.progress().step);
        let own = read_own(&loader, &self.dataset.train, &self.shards, image_ids)?;
        Ok(self.step_on(image_ids, own))
    }

    /// Takes one step along the gradient of the loss of a batch, the training images `image_ids`. `own` are this process's
    /// shards of it that are not empty. Reads nothing back from the device.
    ///
    /// The training is passed by value, so that weights without another owner are changed in place.
    #[must_use]
    pub(super) fn step_on(mut self, image_ids: &[u32], own: Vec<Shard>) -> Self {
        let (step, count) = (self.progress().step, self.dataset.train.len());
        let (vae, images) = (&self.state.vae, image_ids.len());
        let batch = (&self.shards, images);
        parallel::begin_step();
        let (sums, gradients) = own_part(&self.config, count, vae, batch, own, step);
        let gradients = self.state.optimizer.total(gradients);
        // The steps are chosen by their position in the epoch, so that a resumed run samples the gradients of the same
        // steps.
        if self.steps_into_epoch().is_multiple_of(NORMS_EVERY) {
            let layers = layer_parameters(&self.state.vae);
            self.unread_norms
                .push(squared_norms(&gradients.squares(), &layers));
        }
        let epochs = epochs_after(&self.config, count, step);
        let learning_rate = self.config.learning_rate(epochs);
        let norm;
        (self.state, norm) = self.state.update(gradients, learning_rate);
        parallel::end_step();
        self.unread_steps.push(UnreadStep { sums, norm, images });
        self
    }

    /// Returns whether enough steps have been taken since the numbers were last read back.
    pub(super) fn is_time_to_look(&self) -> bool {
        let steps = LOOK_IMAGES / self.config.train.batch;
        self.unread() >= steps.max(LOOK_STEPS)
    }

    /// Returns the number of steps since the numbers were last read back.
    pub(super) fn unread(&self) -> usize {
        self.unread_steps.len()
    }

    /// Reads back the numbers of the unread steps, and adds them up.
    ///
    /// # Errors
    /// Returns an error if one of them, or a weight, is not finite; the message names the first step that failed.
    pub fn look(&mut self) -> Result<()> {
        if self.unread_steps.is_empty() {
            return Ok(());
        }
        let limit = self.config.train.skip_limit();
        let own = self.shards.own(0).len();
        let (skipped, taken): (Vec<_>, Vec<_>) = read(self.unread_steps.drain(..), own)?
            .into_iter()
            .partition(|step| {
                limit
                    .zip(step.norm)
                    .is_some_and(|(limit, norm)| is_skipped(norm, limit))
            });
        let terms = taken.iter().flat_map(|step| step.sums.as_flattened());
        let terms_are_finite = terms.copied().all(f32::is_finite);
        if !parallel::all_hold(terms_are_finite && self.state.is_finite())? {
            return Err(self.explain(self.good.clone(), self.progress().step));
        }
        check_same_weights(&self.state.vae)?;
        let progress = &mut self.state.progress;
        for step in taken {
            progress.sums.add(step.total(), step.images);
        }
        for step in skipped {
            progress
                .skipped
                .add(step.norm.unwrap_or(f32::NAN), step.images);
        }
        for squares in self.unread_norms.drain(..) {
            let squares: Vec<f32> = squares.into_data().iter().collect();
            progress.gradient_norms.add(&squares);
        }
        self.good = self.state.clone();
        Ok(())
    }

    /// Returns the current state for saving, after a check that it is finite. Call [`Training::look`] first.
    ///
    /// # Errors
    /// Returns an error if a weight is not finite.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        let checkpoint = self.checkpoint_of(&self.state);
        if checkpoint.is_finite() {
            return Ok(checkpoint);
        }
        // The losses are finite, but the last update was not. Replaying one more step shows this.
        Err(self.explain(self.state.clone(), self.progress().step + 1))
    }

    pub(super) fn checkpoint_of(&self, state: &TrainState) -> Checkpoint {
        Checkpoint::new(&self.config, &self.data_hash, state)
    }

    fn explain(&self, good: TrainState, to: u64) -> Error {
        explain(
            &self.config,
            &self.dataset,
            self.folder.as_deref(),
            good,
            to,
        )
    }

    /// Returns the data set and its hash.
    pub(super) fn into_data(self) -> (Config, Dataset, String) {
        (self.config, self.dataset, self.data_hash)
    }
}
