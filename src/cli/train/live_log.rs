//! `vae train --log tensorboard`: the events of a run, written while it is trained.
//!
//! A training that goes on begins the log anew from the records and images that are left, so that it has no epoch twice. What goes
//! wrong later ends the log and not the training: the log can be written again from the run.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::data_arg::DataArg;
use crate::cli::destination::{Destination, check_own, note_viewer};
use crate::cli::export::{latent_histograms, written};
use crate::cli::loaded_model::LoadedModel;
use crate::error::{Result, shell_word};
use crate::export::complete;
use crate::export::tensorboard::{EventFolder, Events, epoch, history};
use crate::run::exports::TENSORBOARD;
use crate::run::{Record, RunFolder};

/// A format in which a training is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Events in RUN/tensorboard, the same as those of `vae export`
    Tensorboard,
}

impl LogFormat {
    /// Checks that the log can be written into the folder of a run.
    ///
    /// # Errors
    /// Returns an error if its folder holds what this program did not write.
    pub fn check(self, run: &Path) -> Result<()> {
        match self {
            Self::Tensorboard => check_own(run, TENSORBOARD),
        }
    }
}

/// The log of a run in training.
pub struct LiveLog {
    run: PathBuf,
    steps_per_epoch: u64,
    /// Keeps every export away from the folder.
    _destination: Destination,
    /// `None` once writing has failed.
    folder: Option<EventFolder>,
}

impl LiveLog {
    /// Begins the log of a run that has these records.
    ///
    /// # Errors
    /// Returns an error if the log's folder holds what this program did not write, or cannot be written to.
    pub fn begin(run: &RunFolder, mut records: Vec<Record>, steps_per_epoch: u64) -> Result<Self> {
        let destination = Destination::claim(None, &run.path, TENSORBOARD)?;
        complete(&mut records, steps_per_epoch, written(&run.metrics()));
        let events = history(&records, run)?;
        let (folder, _) = EventFolder::begin(&destination.path, &events)?;
        note_viewer(&destination.path);
        Ok(Self {
            run: run.path.clone(),
            steps_per_epoch,
            _destination: destination,
            folder: Some(folder),
        })
    }

    /// Adds an epoch: its records, and its sheets of images as tag, PNG and path. Returns a warning if that fails.
    pub fn add_epoch(
        &mut self,
        records: &[Record],
        sheets: &[(&str, &[u8], &Path)],
    ) -> Option<String> {
        self.add(|| epoch(records, sheets))
    }

    /// Adds the histograms of the latents of the trained model. Returns a warning if that fails.
    pub fn add_latents(&mut self, model: &LoadedModel, records: &[Record]) -> Option<String> {
        let mut records = records.to_vec();
        let time = written(&RunFolder::of_file(&model.path).metrics());
        complete(&mut records, self.steps_per_epoch, time);
        self.add(|| latent_histograms(model, &records, &DataArg::default()))
    }

    fn add(&mut self, events: impl FnOnce() -> Result<Events>) -> Option<String> {
        let folder = self.folder.as_ref()?;
        let error = events().and_then(|events| folder.append(&events)).err()?;
        self.folder = None;
        Some(format!(
            "warning: the log for TensorBoard ends here, and the training goes on: {error}; write the log again afterwards: \
             vae export {} --to {TENSORBOARD}",
            shell_word(&self.run)
        ))
    }
}
