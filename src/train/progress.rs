//! The progress of a training: plain numbers that are saved with every checkpoint.

use serde::{Deserialize, Serialize};

use super::skipped::SkippedSteps;
use crate::run::{Change, StartedFrom};

/// The numbers that change during training. Noise, order and binarised pixels are functions of the seed and the step,
/// so they are not stored here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The number of steps since the start.
    pub step: u64,
    /// The loss sums of the current epoch.
    pub sums: LossSums,
    /// The gradient norms of the current epoch. States that older versions wrote have none.
    #[serde(default)]
    pub gradient_norms: GradientNorms,
    /// The skipped steps of the current epoch.
    #[serde(default, skip_serializing_if = "SkippedSteps::is_none")]
    pub skipped: SkippedSteps,
    /// The seconds of training in the current epoch, without evaluation and figures.
    pub seconds: f64,
    /// The best validation score so far, in nats: a [`crate::run::Record::score`].
    pub best: Option<f64>,
    /// The number of epochs since that best score; 0 in states that older versions wrote.
    #[serde(default)]
    pub epochs_since_best: usize,
    /// The length of `metrics.jsonl` in bytes. Anything after it was written after this state.
    pub metrics_length: u64,
    /// The changes since the last records, which the next records state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The model whose weights were the first ones; `None` if they were drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<StartedFrom>,
}

impl Progress {
    /// Compares the validation score of an epoch with the best one before, and returns whether it is better. It counts
    /// the epochs since the best one.
    pub fn is_best(&mut self, score: f64) -> bool {
        let is_best = self.best.is_none_or(|best| score > best);
        if is_best {
            self.best = Some(score);
            self.epochs_since_best = 0;
        } else {
            self.epochs_since_best += 1;
        }
        is_best
    }

    /// Clears the numbers of the current epoch.
    pub fn start_epoch(&mut self) {
        self.sums = LossSums::default();
        self.gradient_norms = GradientNorms::default();
        self.skipped = SkippedSteps::default();
        self.seconds = 0.0;
        self.changes.clear();
    }

    /// Remembers `changes` for the next records. A value that is changed again after the same step counts once, and not
    /// at all if it is back where it was.
    pub fn remember(&mut self, changes: &[Change]) {
        for change in changes {
            let known = self.changes.iter_mut().find(|known| {
                known.step == change.step && known.key == change.key && known.to == change.from
            });
            match known {
                Some(known) => known.to = change.to.clone(),
                None => self.changes.push(change.clone()),
            }
        }
        self.changes.retain(|change| change.from != change.to);
    }
}

/// The sums of the loss terms over images, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSums {
    pub loss: f64,
    pub reconstruction: f64,
    pub kl: f64,
    pub images: u64,
}

impl LossSums {
    /// Adds the sums of a step over `images` images.
    pub fn add(&mut self, [loss, reconstruction, kl]: [f64; 3], images: usize) {
        self.loss += loss;
        self.reconstruction += reconstruction;
        self.kl += kl;
        self.images += images as u64;
    }

    /// Returns the means of loss, reconstruction and KL, nats per image.
    pub fn means(self) -> [f64; 3] {
        [self.loss, self.reconstruction, self.kl].map(|sum| sum / self.images as f64)
    }
}

/// The sums of each layer's gradient norms over some of the steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientNorms {
    pub steps: u64,
    /// The sum of each layer, `[L]`, in the network's order.
    pub sums: Vec<f64>,
}

impl GradientNorms {
    /// Adds a step's squared norms, unless single precision cannot hold one of them.
    pub fn add(&mut self, squares: &[f32]) {
        if squares.iter().all(|square| square.is_finite()) {
            self.steps += 1;
            self.sums.resize(squares.len(), 0.0);
            self.sums
                .iter_mut()
                .zip(squares)
                .for_each(|(sum, square)| *sum += f64::from(*square).sqrt());
        }
    }

    /// Returns the mean of each layer, `[L]`; empty if no step was added.
    pub fn means(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.steps as f64)
    }
}
