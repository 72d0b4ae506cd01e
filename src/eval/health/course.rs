//! The course of a training, as far as a verdict on its latents depends on it: latents that say nothing mean little after
//! one step, or while the loss still falls.

/// The steps below which no network has learned enough to be judged.
const FEW_STEPS: u64 = 100;

/// The sum of the learning rates below which no weight has moved far: first weights are of the order of 0.05.
const LITTLE_MOVED: f64 = 1e-3;

/// The learning rate per step below which more steps would not help.
const STANDING_STILL: f64 = 1e-8;

/// The share of its own size by which a loss that does not stand still changes over the epochs.
const CHANGED: f64 = 1e-6;

/// The shares of the whole fall, and of the loss itself, that a loss which still falls lost in the last quarter of the
/// epochs.
const STILL_FALLING: [f64; 2] = [0.02, 1e-3];

/// The share of the best loss, or of the whole fall, by which the loss of a training that diverged is above it.
const DIVERGED: f64 = 0.5;

/// The share of the best test loss by which the loss of an overfitted model is above it.
const OVERFITTED: f64 = 0.02;

/// The facts about a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The number of steps that are done. If there are no records, the number that the config asks for.
    pub steps: u64,
    /// The number of epochs that are done.
    pub epochs: usize,
    /// The sum of the learning rates of all steps, for an optimizer that moves a weight by about the learning rate in each;
    /// `None` for others, and if the config was changed in the course of the training.
    pub moved: Option<f64>,
    /// The epochs after which the weights of the loss's terms no longer change.
    pub settles_after: f64,
    /// Whether the KL has at least the weight 1 in the end, so that it cannot grow without being paid for.
    pub pays_for_kl: bool,
    /// The minimised loss of the training and of the test images by epoch; empty if there are no records.
    pub losses: Vec<EpochLosses>,
    /// Whether all epochs are done. The model may be that of an earlier epoch.
    pub is_finished: bool,
    /// Whether the training ended because validation images no longer gained from it: no more steps will help.
    pub is_out_of_patience: bool,
}

/// The minimised losses of an epoch, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochLosses {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    pub train: f64,
    pub test: f64,
}

/// The reason why a training cannot be judged yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Early {
    FewSteps(u64),
    /// The weights of the loss's terms still change, until this many epochs are done.
    Settling(f64),
    StillFalling,
}

impl Course {
    /// Returns the reason why it is too early to judge the latents, or `None` if it is not.
    pub fn early(&self) -> Option<Early> {
        if self.is_out_of_patience {
            None
        } else if self.steps < FEW_STEPS {
            Some(Early::FewSteps(self.steps))
        } else if (self.epochs as f64) < self.settles_after {
            Some(Early::Settling(self.settles_after))
        } else {
            self.still_falls().then_some(Early::StillFalling)
        }
    }

    /// Returns whether the weights have hardly moved because the learning rate is too low, not for want of steps.
    pub fn stands_still(&self) -> bool {
        let losses = || self.losses.iter().map(|losses| losses.test);
        let (least, most) = losses().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), loss| {
            (a.min(loss), b.max(loss))
        });
        let same = self.losses.len() > 1 && most - least <= CHANGED * most.abs();
        let slow = self.moved.is_some_and(|moved| {
            moved < STANDING_STILL * self.steps as f64
                || (moved < LITTLE_MOVED && self.steps >= FEW_STEPS)
        });
        same || slow
    }

    /// Returns the epoch with the best training loss if the training has diverged since, or `None` if it has not.
    pub fn diverged(&self) -> Option<usize> {
        let settled = self.settled();
        let best = settled.iter().min_by(|a, b| a.train.total_cmp(&b.train))?;
        let (first, last) = (settled.first()?, settled.last()?);
        let scale = best.train.abs().max(first.train - best.train);
        (last.train - best.train > DIVERGED * scale).then_some(best.epoch)
    }

    /// Returns the epoch with the best test loss if the test images have become worse since while the training images
    /// became better, or `None` if they have not.
    pub fn overfitted(&self) -> Option<usize> {
        let settled = self.settled();
        let best = settled.iter().min_by(|a, b| a.test.total_cmp(&b.test))?;
        let last = settled.last()?;
        let is_worse = last.test - best.test > OVERFITTED * best.test.abs();
        (is_worse && last.train < best.train).then_some(best.epoch)
    }

    fn still_falls(&self) -> bool {
        let settled = self.settled();
        let (Some(first), Some(last)) = (settled.first(), settled.last()) else {
            return false;
        };
        let back = (settled.len() / 4).max(1);
        let Some(before) = settled.len().checked_sub(back + 1) else {
            return false;
        };
        let fall = settled[before].test - last.test;
        let [of_all, of_loss] = STILL_FALLING;
        fall > of_all * (first.test - last.test) && fall > of_loss * last.test.abs()
    }

    /// Returns the epochs whose losses have the same weights, so that they can be compared.
    fn settled(&self) -> &[EpochLosses] {
        let is_before = |losses: &EpochLosses| (losses.epoch as f64) <= self.settles_after;
        let from = match self.settles_after > 0.0 {
            true => self.losses.partition_point(is_before),
            false => 0,
        };
        &self.losses[from..]
    }
}
