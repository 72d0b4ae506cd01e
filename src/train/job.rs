//! What is to be trained, on what, and how: everything that stays the same from the first step to the last.

use serde::{Deserialize, Serialize};

use crate::check::{above_zero, at_least_zero, count};
use crate::data::{Dataset, Pixels};
use crate::error::Result;
use crate::model::Likelihood;
use crate::objective::{Objective, Time};
use crate::rng::Rng;
use crate::schedule::Schedule;

use super::Optimizer;

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// The learning rate.
    pub learning_rate: f64,
    /// The largest global norm of the gradient that is let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Seconds of training after which the state is saved within an epoch; it is always saved after each.
    pub save_every: f64,
}

impl Default for Settings {
    fn default() -> Self {
        // pytorch/examples' VAE; a minute is what one is willing to lose.
        Self {
            epochs: 10,
            batch: 128,
            learning_rate: 1e-3,
            clip: None,
            save_every: 60.0,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<()> {
        count("train.epochs", self.epochs, 1_000_000_000)?;
        count("train.batch", self.batch, 1_000_000_000)?;
        above_zero("train.learning_rate", self.learning_rate)?;
        at_least_zero("train.save_every", self.save_every)?;
        self.clip
            .map_or(Ok(()), |clip| above_zero("train.clip", clip))
    }
}

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
    pub settings: Settings,
}

impl Job {
    pub fn rng(&self, stream: &str) -> Rng {
        Rng::new(self.seed).stream(stream)
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
