//! The end of a training: after the epochs that the config asks for, or earlier, when the validation score no longer
//! rises.

use super::Progress;
use crate::config::{Config, TrainConfig};
use crate::data::Dataset;
use crate::error::{Error, Result};

/// The reason why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are done.
    AllEpochs,
    /// The validation score has not risen for this many epochs, and `train.patience` allows no more.
    OutOfPatience(usize),
}

impl Ending {
    /// Returns the reason why a training with `epochs` finished epochs has ended, or `None` if it goes on.
    /// `since_best` is the number of epochs since the best validation score.
    pub fn of(train: &TrainConfig, epochs: usize, since_best: usize) -> Option<Self> {
        if epochs >= train.epochs {
            return Some(Self::AllEpochs);
        }
        let is_out = train.patience > 0 && since_best >= train.patience;
        is_out.then_some(Self::OutOfPatience(since_best))
    }

    /// Returns the reason why a training at this point has ended. An epoch that has begun is always finished.
    pub(super) fn at(
        train: &TrainConfig,
        progress: &Progress,
        steps_per_epoch: u64,
    ) -> Option<Self> {
        if !progress.step.is_multiple_of(steps_per_epoch) {
            return None;
        }
        let epochs = (progress.step / steps_per_epoch) as usize;
        Self::of(train, epochs, progress.epochs_since_best)
    }
}

/// Checks that a training with `train.patience` has validation images to be judged on.
///
/// # Errors
/// Returns an error that says how to set some aside.
pub(super) fn check_patience(config: &Config, dataset: &Dataset) -> Result<()> {
    if config.train.patience == 0 || dataset.validation.is_some() {
        return Ok(());
    }
    let tenth = (dataset.train.len() / 10).max(1);
    let what = format!(
        "train.patience is {}, and no images are set aside for validation, which it judges by",
        config.train.patience
    );
    Err(Error::request(what).with_hint(format!(
        "set some of the training images aside: `--set data.{}.validation={tenth}`, or leave train.patience out",
        config.data.tag()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_ends_after_its_epochs_or_when_patience_runs_out() {
        let train = |patience| TrainConfig {
            epochs: 10,
            patience,
            ..TrainConfig::default()
        };
        assert_eq!(Ending::of(&train(0), 9, 8), None, "0 is off");
        assert_eq!(Ending::of(&train(3), 9, 2), None);
        let early = Some(Ending::OutOfPatience(3));
        assert_eq!(Ending::of(&train(3), 9, 3), early);
        assert_eq!(Ending::of(&train(3), 10, 3), Some(Ending::AllEpochs));
    }

    #[test]
    fn an_epoch_that_has_begun_is_finished_first() {
        let train = TrainConfig {
            epochs: 10,
            patience: 1,
            ..TrainConfig::default()
        };
        let progress = |step| Progress {
            step,
            epochs_since_best: 4,
            ..Progress::default()
        };
        assert_eq!(Ending::at(&train, &progress(31), 10), None);
        let early = Some(Ending::OutOfPatience(4));
        assert_eq!(Ending::at(&train, &progress(40), 10), early);
    }
}
