//! The observer of a training.

use std::ops::ControlFlow;

use super::Training;
use crate::error::Result;
use crate::model::Vae;
use crate::run::Record;

/// A trait with callbacks for the progress of a training, which can also stop it.
pub trait Observer {
    /// Is called after each step. `Break` saves the state and stops.
    fn step(&mut self, training: &Training) -> ControlFlow<()>;

    /// Is called after each epoch, when it has been measured and its model is written, but before the state is saved.
    ///
    /// # Errors
    /// An error ends the run.
    fn epoch(&mut self, training: &Training, report: &EpochReport) -> Result<()>;
}

/// A finished epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochReport<'a> {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The records of all epochs so far.
    pub history: &'a [Record],
    /// The measured and saved model, without autodiff.
    pub model: &'a Vae,
}

impl<'a> EpochReport<'a> {
    /// Returns this epoch's records, one for each split.
    pub fn records(&self) -> &'a [Record] {
        let first = self
            .history
            .partition_point(|record| record.epoch < self.epoch);
        &self.history[first..]
    }

    /// Returns this epoch's record of a split: "train", "test" or "validation".
    pub fn record(&self, split: &str) -> Option<&'a Record> {
        self.records().iter().find(|record| record.split == split)
    }
}
