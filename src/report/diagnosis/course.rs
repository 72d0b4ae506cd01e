//! The course of a training, read from its config and its records.

use crate::config::Config;
use crate::eval::{Course, EpochLosses};
use crate::optimizer::Optimizer;
use crate::run::{Record, best_validation};
use crate::train::Ending;

/// Returns the course of a training on `images` images. Without records the config is taken to be done.
pub fn course(config: &Config, records: &[Record], images: usize) -> Course {
    let last = records.last().map_or(0, |last| last.epoch);
    let best = best_validation(records).map_or(last, |best| best.epoch);
    let ending = Ending::of(&config.train, last, last - best);
    // The epochs after the best one have not made the model that patience keeps.
    let records = match config.train.patience {
        0 => records,
        _ => &records[..records.partition_point(|record| record.epoch <= best)],
    };
    let epochs = records
        .last()
        .map_or(config.train.epochs, |last| last.epoch);
    let steps_per_epoch = config.train.steps_per_epoch(images) as f64;
    let rates = (0..epochs).map(|epoch| config.learning_rate(epoch as f64 + 0.5));
    // The others move a weight by the learning rate times the gradient, of any size. The config says nothing about the
    // learning rates before it was changed, or of the training that the first weights come from.
    let moves_by_the_rate = !matches!(config.optimizer, Optimizer::Sgd(_))
        && records.iter().all(|record| record.changes.is_empty());
    let objective = config.objective.kind();
    Course {
        steps: (epochs as f64 * steps_per_epoch) as u64,
        epochs,
        moved: moves_by_the_rate.then(|| rates.sum::<f64>() * steps_per_epoch),
        settles_after: objective.settles_after(config.train.epochs as f64),
        pays_for_kl: objective.kl_weight() >= 1.0,
        losses: losses(records),
        is_finished: last >= config.train.epochs,
        is_out_of_patience: matches!(ending, Some(Ending::OutOfPatience(_))),
    }
}

/// Returns the losses of the epochs that have a record of both splits.
fn losses(records: &[Record]) -> Vec<EpochLosses> {
    let of = |epoch: usize, split: &str| {
        let mut records = records.iter();
        let record = records.find(|record| record.epoch == epoch && record.split == split)?;
        Some(record.loss.unwrap_or(-record.score()))
    };
    let last = records.last().map_or(0, |last| last.epoch);
    let losses = (1..=last).filter_map(|epoch| {
        Some(EpochLosses {
            epoch,
            train: of(epoch, "train")?,
            test: of(epoch, "test")?,
        })
    });
    losses.collect()
}
