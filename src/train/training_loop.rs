//! The training loop, from the first epoch to the last.

use std::ops::ControlFlow;
use std::time::Instant;

use super::guard::unmeasurable;
use super::measure::{fitted_model, records};
use super::skipped::check_not_all_skipped;
use super::{Ending, EpochReport, ModelFile, Observer, Training};
use crate::config::Config;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::model::Vae;
use crate::run::{Metrics, Record, RunFolder, StartedFrom};

/// The result of a training in memory.
#[derive(Debug)]
pub struct TrainedModel {
    /// The run's model, without autodiff: see [`chosen_model`](super::chosen_model).
    pub vae: Vae,
    /// The epoch after which it was saved.
    pub epoch: usize,
    /// Its file, if it is not the last model.
    best: Option<ModelFile>,
    pub config: Config,
    pub dataset: Dataset,
    pub data_hash: String,
    /// The model whose weights were the first ones.
    pub started_from: Option<StartedFrom>,
    /// The records of all epochs.
    pub history: Vec<Record>,
    pub ending: Ending,
}

impl TrainedModel {
    /// Returns the contents of the model's file.
    pub fn file(&self) -> ModelFile {
        self.best.clone().unwrap_or_else(|| {
            ModelFile::new(&self.config, &self.dataset, &self.data_hash, &self.vae)
                .with_start(self.started_from.clone())
        })
    }
}

impl Training {
    /// Trains to the last epoch, or until patience runs out, and writes the state, the models and the metrics to `folder`.
    ///
    /// # Errors
    /// Returns an error if the observer stops the run (the state is saved), if a number is not finite (the last good
    /// state is saved), or if a file cannot be read or written.
    pub fn run(mut self, folder: &RunFolder, observer: &mut dyn Observer) -> Result<TrainedModel> {
        self.folder = Some(folder.path.clone());
        let (length, epochs) = (self.progress().metrics_length, self.epochs_done());
        let mut metrics = Metrics::open(&folder.metrics(), length, epochs)?;
        if metrics.length() != length {
            self.state.progress.metrics_length = metrics.length();
            self.good.progress.metrics_length = metrics.length();
            self.is_saved = false;
        }
        // A new state, or one whose config has more epochs now, is saved before the first step.
        if !self.is_saved {
            self.save(folder, &metrics)?;
        }
        let mut saved_at = Instant::now();
        let (train, loader) = (
            self.dataset().train.clone(),
            self.config()
                .train_loader(self.vae(), self.dataset().train.len()),
        );
        let mut model = self.write_missing_model(folder, &metrics)?;
        let ending = loop {
            if let Some(ending) = self.ending() {
                break ending;
            }
            let epoch = self.epochs_done() + 1;
            let (order, last) = (self.order(), self.steps_per_epoch());
            let ids = &order[self.steps_into_epoch() * self.config().train.batch..];
            let mut batches = loader
                .batches(&train, ids, self.config().train.batch)
                .from_step(self.progress().step);
            let mut flow = ControlFlow::Continue(());
            for step in self.steps_into_epoch() + 1..=last {
                let started = Instant::now();
                match batches.next() {
                    None => break,
                    Some(Ok((image_ids, batch))) => self = self.step_on(image_ids, batch),
                    Some(Err(unreadable)) => {
                        self.look_or_save_the_last_good(folder)?;
                        self.save(folder, &metrics)?;
                        return Err(unreadable);
                    }
                }
                if step == last || self.is_time_to_look() {
                    self.look_or_save_the_last_good(folder)?;
                }
                self.state.progress.seconds += started.elapsed().as_secs_f64();
                flow = observer.step(&self);
                if step == last {
                    // The state is saved together with the records of the epoch, which would otherwise be lost.
                    break;
                }
                let overdue = saved_at.elapsed().as_secs_f64() >= self.config().train.save_every;
                if flow.is_break() || overdue {
                    self.look_or_save_the_last_good(folder)?;
                    self.save(folder, &metrics)?;
                    saved_at = Instant::now();
                }
                if flow.is_break() {
                    return Err(Error::interrupted(format!(
                        "stopped at epoch {epoch}, step {step}; saved"
                    )));
                }
            }
            model = Some(self.finish_epoch(epoch, folder, &mut metrics, observer)?);
            saved_at = Instant::now();
            if flow.is_break() && self.ending().is_none() {
                return Err(Error::interrupted(format!(
                    "stopped after epoch {epoch}; saved"
                )));
            }
        };
        let best = self.best_model(folder)?;
        let vae = match (&best, model) {
            (Some((file, _)), _) => file.build(&self.vae().device().inner())?,
            (None, Some(model)) => model,
            (None, None) => self.model()?,
        };
        let done = self.epochs_done();
        let started_from = self.progress().started_from.clone();
        let (config, dataset, data_hash) = self.into_data();
        Ok(TrainedModel {
            vae,
            epoch: best.as_ref().map_or(done, |(_, epoch)| *epoch),
            best: best.map(|(file, _)| file),
            started_from,
            config,
            dataset,
            data_hash,
            history: metrics.into_records(),
            ending,
        })
    }

    /// Measures the model, writes the records and the model, calls the observer, and saves the state.
    ///
    /// A run that is killed in here continues from the previous state, and repeats all of this with the same bytes.
    fn finish_epoch(
        &mut self,
        epoch: usize,
        folder: &RunFolder,
        metrics: &mut Metrics,
        observer: &mut dyn Observer,
    ) -> Result<Vae> {
        let steps = [epoch, self.steps_per_epoch()];
        let (train, place) = (&self.config().train, self.folder.as_deref());
        check_not_all_skipped(&self.progress().skipped, steps, train, place)?;
        let mut checkpoint = self.checkpoint()?;
        let model = self.model()?;
        let records = records(self.config(), self.dataset(), &self.state, &model, epoch)?;
        // Finite weights can still be too large to measure. Nothing is written yet at this point, so the last state
        // stays.
        let steps = self.progress().step;
        let place = self.folder.as_deref();
        if let Some(error) = unmeasurable(self.config(), self.dataset(), place, steps, &records) {
            return Err(error);
        }
        metrics.check_there()?;
        let file = self.model_file(&model);
        let validation = records.iter().find(|record| record.split == "validation");
        if let Some(score) = validation.map(Record::score)
            && self.state.progress.is_best(score)
        {
            file.write(&folder.best())?;
        }
        self.state.progress.metrics_length = metrics.append(records)?;
        file.write(&folder.model())?;
        if let Some(last) = self.last_model()? {
            self.model_file(&last).write(&folder.last())?;
        }
        observer.epoch(
            self,
            &EpochReport {
                epoch,
                history: metrics.records(),
                model: &model,
            },
        )?;
        self.state.progress.start_epoch();
        self.good = self.state.clone();
        checkpoint.progress = self.progress().clone();
        checkpoint.write(&folder.state())?;
        Ok(model)
    }

    /// Writes the model after the last whole epoch again if its file is missing or damaged and the state is of that
    /// moment, and likewise that of the last weights, and the best model if it is the same. Returns the model if it was needed.
    fn write_missing_model(&self, folder: &RunFolder, metrics: &Metrics) -> Result<Option<Vae>> {
        if self.epochs_done() == 0 || self.steps_into_epoch() > 0 {
            return Ok(None);
        }
        let validation = metrics
            .records()
            .iter()
            .rfind(|record| record.split == "validation");
        let is_best = validation.map(Record::score) == self.progress().best;
        if let Some(last) = self.last_model()?
            && !ModelFile::is_whole(&folder.last())?
        {
            self.model_file(&last).write(&folder.last())?;
        }
        let mut wanted = vec![folder.model()];
        wanted.extend((validation.is_some() && is_best).then(|| folder.best()));
        let mut missing = Vec::new();
        for path in wanted {
            if !ModelFile::is_whole(&path)? {
                missing.push(path);
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        let model = self.model()?;
        let file = self.model_file(&model);
        missing.iter().try_for_each(|path| file.write(path))?;
        Ok(Some(model))
    }

    fn model_file(&self, model: &Vae) -> ModelFile {
        ModelFile::new(self.config(), self.dataset(), self.data_hash(), model)
            .with_start(self.progress().started_from.clone())
    }

    /// Returns the run's model: that of the weights' moving average, if one is kept, or else of the weights.
    fn model(&self) -> Result<Vae> {
        fitted_model(self.config(), self.dataset(), &self.state.averaged())
    }

    /// Returns the model of the last weights; `None` if it is the run's model.
    fn last_model(&self) -> Result<Option<Vae>> {
        let decay = self.config().train.average_decay();
        decay
            .map(|_| fitted_model(self.config(), self.dataset(), self.vae()))
            .transpose()
    }

    /// Saves the state, unless the folder is no longer that of this run.
    fn save(&self, folder: &RunFolder, metrics: &Metrics) -> Result<()> {
        metrics.check_there()?;
        self.checkpoint()?.write(&folder.state())
    }

    /// Reads back the unread numbers. If one of them is not finite, this saves the last good state and returns the
    /// error.
    fn look_or_save_the_last_good(&mut self, folder: &RunFolder) -> Result<()> {
        self.look().map_err(|broken| {
            let good = self.checkpoint_of(&self.good);
            let saved = if good.is_finite() {
                good.write(&folder.state())
            } else {
                Ok(())
            };
            saved.err().unwrap_or(broken)
        })
    }
}
