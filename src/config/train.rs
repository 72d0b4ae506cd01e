//! The `[train]` table: the epochs, the batch size and the learning rate.

use serde::{Deserialize, Serialize};

use crate::check::{above_zero, at_least_zero, count, is_default, within};
use crate::error::Result;
use crate::optimizer::LARGEST_LIMIT;
use crate::parallel::Shards;

/// The `[train]` table. A key that is off is not written, so that the files of a training without it have the same bytes as before
/// there was such a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct TrainConfig {
    /// The number of passes over the training images.
    pub epochs: usize,
    /// The number of images per step.
    pub batch: usize,
    /// The learning rate before the schedule's factor.
    pub learning_rate: f64,
    /// The global norm to which larger gradients are scaled down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Seconds of training between two saves within an epoch; the state is also saved after every epoch.
    pub save_every: f64,
    /// The number of epochs without a better validation score after which training ends; 0 for never.
    #[serde(skip_serializing_if = "is_default")]
    pub patience: usize,
    /// The decay of the moving average of the weights, which is then the run's model; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub ema: f64,
    /// The global norm of the gradient above which a step is skipped; 0 for never.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_above: f64,
    /// The number of parts of a batch whose gradients are computed one by one, on one process or on several, and added in a
    /// fixed order: a power of two.
    #[serde(skip_serializing_if = "is_one")]
    pub shards: usize,
    /// Whether the residual blocks are computed again in the backward pass, so that it needs less memory.
    #[serde(skip_serializing_if = "is_default")]
    pub checkpointing: bool,
}

/// Returns whether a value is 1, which stands for "whole".
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

impl Default for TrainConfig {
    fn default() -> Self {
        // The defaults are those of the VAE in pytorch/examples. Losing a minute of work in a crash is acceptable.
        Self {
            epochs: 10,
            batch: 128,
            learning_rate: 1e-3,
            clip: None,
            save_every: 60.0,
            patience: 0,
            ema: 0.0,
            skip_above: 0.0,
            shards: 1,
            checkpointing: false,
        }
    }
}

impl TrainConfig {
    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        count("train.epochs", self.epochs, 1_000_000_000)?;
        count("train.batch", self.batch, 1_000_000_000)?;
        above_zero("train.learning_rate", self.learning_rate)?;
        at_least_zero("train.save_every", self.save_every)?;
        if self.patience > 0 {
            count("train.patience", self.patience, 1_000_000_000)?;
        }
        // With a decay of 1 the average would stay at the first weights.
        within("train.ema", self.ema, 0.0, 0.999_999)?;
        within("train.skip_above", self.skip_above, 0.0, LARGEST_LIMIT)?;
        Shards::check(self.shards)?;
        self.clip
            .map_or(Ok(()), |clip| above_zero("train.clip", clip))
    }

    /// Returns the decay of the moving average of the weights; `None` if there is none.
    pub fn average_decay(&self) -> Option<f64> {
        (!is_default(&self.ema)).then_some(self.ema)
    }

    /// Returns the norm above which a step is skipped; `None` if no step is.
    pub fn skip_limit(&self) -> Option<f64> {
        (!is_default(&self.skip_above)).then_some(self.skip_above)
    }

    /// Returns the number of steps in which all of `images` training images are seen once.
    pub fn steps_per_epoch(&self, images: usize) -> usize {
        images.div_ceil(self.batch)
    }
}
