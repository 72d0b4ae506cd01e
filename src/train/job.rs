//! What is to be trained, on what, and how: everything that stays the same from the first step to the last.

use crate::config::{Plan, TrainConfig};
use crate::data::{Dataset, Pixels};
use crate::eval::Protocol;
use crate::loader::Loader;
use crate::model::{Likelihood, Vae};
use crate::objective::{Objective, Time};
use crate::optimizer::Optimizer;
use crate::rng::Rng;
use crate::schedule::Schedule;

#[derive(Clone, Debug)]
pub struct Job {
    pub seed: u64,
    /// The effective config as TOML, kept with what is saved.
    pub config: String,
    pub dataset: Dataset,
    pub data_hash: String,
    pub pixels: Pixels,
    pub likelihood: Likelihood,
    pub objective: Objective,
    pub optimizer: Optimizer,
    pub schedule: Schedule,
    pub settings: TrainConfig,
}

impl Job {
    /// What is trained: `plan` on `dataset`.
    pub fn new(plan: &Plan, dataset: Dataset, data_hash: String) -> Self {
        let config = plan.config.clone();
        Self {
            seed: config.seed,
            config: plan.toml.clone(),
            dataset,
            data_hash,
            pixels: config.data.kind().pixels(),
            likelihood: config.likelihood,
            objective: config.objective,
            optimizer: config.optimizer,
            schedule: config.schedule,
            settings: config.train,
        }
    }

    pub fn rng(&self, stream: &str) -> Rng {
        Rng::new(self.seed).stream(stream)
    }

    /// Returns the loader of the training images, whose batches are without autodiff. [`Loader::at_step`] and
    /// `Batches::from_step` say which step they are for.
    pub fn loader(&self, vae: &Vae) -> Loader {
        Loader {
            pixels: self.pixels,
            corruption: self.objective.kind().corruption(),
            class_count: vae.classes(),
            device: vae.device().inner(),
            pixel_rng: self.rng("pixels"),
            corruption_rng: self.rng("objective"),
        }
    }

    /// Returns the protocol that the splits are measured with after each epoch.
    pub fn protocol(&self) -> Protocol {
        Protocol {
            pixels: self.pixels,
            samples: 1,
            seed: self.seed,
            latent_mode: self.objective.kind().latent_mode(),
            corruption: self.objective.kind().corruption(),
        }
    }

    /// The moment at which so many epochs are done.
    pub fn time(&self, epoch: f64) -> Time {
        Time {
            epoch,
            epochs: self.settings.epochs as f64,
        }
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.dataset.train.len().div_ceil(self.settings.batch)
    }

    /// The order in which `epoch` (from 0) sees the training images.
    pub fn order(&self, epoch: usize) -> Vec<u32> {
        self.rng("order")
            .at(epoch as u64)
            .permutation(self.dataset.train.len())
    }
}
