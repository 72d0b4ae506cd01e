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
use crate::parallel::{self, Wishes};
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
    /// Where several processes train together, the first one writes, and the others return `None`.
    ///
    /// # Errors
    /// Returns an error if the observer stops the run (the state is saved), if a number is not finite (the last good
    /// state is saved), or if a file cannot be read or written.
    pub fn run(
        mut self,
        folder: &RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<Option<TrainedModel>> {
        self.folder = Some(folder.path.clone());
        let (length, epochs) = (self.progress().metrics_length, self.epochs_done());
        let mut metrics = None;
        if parallel::is_first() {
            let opened = Metrics::open(&folder.metrics(), length, epochs)?;
            if opened.length() != length {
                self.state.progress.metrics_length = opened.length();
                self.good.progress.metrics_length = opened.length();
                self.is_saved = false;
            }
            metrics = Some(opened);
        }
        // A new state, or one whose config has more epochs now, is saved before the first step.
        if !parallel::all_hold(self.is_saved)? {
            self.save(folder, metrics.as_ref())?;
        }
        let mut saved_at = Instant::now();
        let (train, loader) = (
            self.dataset().train.clone(),
            self.config()
                .train_loader(self.vae(), self.dataset().train.len()),
        );
        let mut model = self.write_missing_model(folder, metrics.as_ref())?;
        let ending = loop {
            if let Some(ending) = self.ending() {
                break ending;
            }
            let epoch = self.epochs_done() + 1;
            let (order, last) = (self.order(), self.steps_per_epoch());
            let size = self.config().train.batch;
            let ids = &order[self.steps_into_epoch() * size..];
            let mut batches = loader
                .batches(&train, ids, size)
                .from_step(self.progress().step)
                .in_shards(&self.shards);
            let mut flow = ControlFlow::Continue(());
            for (step, image_ids) in (self.steps_into_epoch() + 1..=last).zip(ids.chunks(size)) {
                let started = Instant::now();
                let own = batches.take_next(self.shards.own_filled(image_ids.len()));
                match parallel::together(own) {
                    Ok(own) => self = self.step_on(image_ids, own),
                    Err(lost) if parallel::has_lost_one() => return Err(lost),
                    Err(unreadable) => {
                        self.look_or_save_the_last_good(folder)?;
                        self.save(folder, metrics.as_ref())?;
                        return Err(unreadable);
                    }
                }
                if step == last || self.is_time_to_look() {
                    self.look_or_save_the_last_good(folder)?;
                }
                self.state.progress.seconds += started.elapsed().as_secs_f64();
                let overdue = saved_at.elapsed().as_secs_f64() >= self.config().train.save_every;
                let wishes = parallel::agree(Wishes {
                    stop: observer.step(&self).is_break(),
                    save: overdue && parallel::is_first(),
                })?;
                if wishes.stop {
                    flow = ControlFlow::Break(());
                }
                if step == last {
                    // The state is saved together with the records of the epoch, which would otherwise be lost.
                    break;
                }
                if wishes.stop || wishes.save {
                    self.look_or_save_the_last_good(folder)?;
                    self.save(folder, metrics.as_ref())?;
                    saved_at = Instant::now();
                }
                if flow.is_break() {
                    return Err(Error::interrupted(format!(
                        "stopped at epoch {epoch}, step {step}; saved"
                    )));
                }
            }
            model = Some(self.finish_epoch(epoch, folder, metrics.as_mut(), observer)?);
            saved_at = Instant::now();
            if flow.is_break() && self.ending().is_none() {
                return Err(Error::interrupted(format!(
                    "stopped after epoch {epoch}; saved"
                )));
            }
        };
        let model = model.map_or_else(|| self.model(), Ok)?;
        if !parallel::dismiss()? {
            return Ok(None);
        }
        let best = self.best_model(folder)?;
        let vae = match &best {
            Some((file, _)) => file.build(&self.vae().device().inner())?,
            None => model,
        };
        let done = self.epochs_done();
        let started_from = self.progress().started_from.clone();
        let (config, dataset, data_hash) = self.into_data();
        Ok(Some(TrainedModel {
            vae,
            epoch: best.as_ref().map_or(done, |(_, epoch)| *epoch),
            best: best.map(|(file, _)| file),
            started_from,
            config,
            dataset,
            data_hash,
            history: metrics.map(Metrics::into_records).unwrap_or_default(),
            ending,
        }))
    }

    /// Measures the model, writes the records and the model, calls the observer, and saves the state.
    ///
    /// A run that is killed in here continues from the previous state, and repeats all of this with the same bytes.
    fn finish_epoch(
        &mut self,
        epoch: usize,
        folder: &RunFolder,
        metrics: Option<&mut Metrics>,
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
        let validation = records.iter().find(|record| record.split == "validation");
        let score = validation.map(Record::score);
        let is_best = score.is_some_and(|score| self.state.progress.is_best(score));
        let last = self.last_model()?;
        if let Some(metrics) = metrics {
            metrics.check_there()?;
            let file = self.model_file(&model);
            if is_best {
                file.write(&folder.best())?;
            }
            self.state.progress.metrics_length = metrics.append(records)?;
            file.write(&folder.model())?;
            if let Some(last) = last {
                self.model_file(&last).write(&folder.last())?;
            }
            let report = EpochReport {
                epoch,
                history: metrics.records(),
                model: &model,
            };
            parallel::alone(|| observer.epoch(self, &report))?;
        }
        self.state.progress.start_epoch();
        self.good = self.state.clone();
        if parallel::is_first() {
            checkpoint.progress = self.progress().clone();
            checkpoint.write(&folder.state())?;
        }
        Ok(model)
    }

    /// Writes the model after the last whole epoch again if its file is missing or damaged and the state is of that
    /// moment, and likewise that of the last weights, and the best model if it is the same. Returns the model if it was needed.
    fn write_missing_model(
        &self,
        folder: &RunFolder,
        metrics: Option<&Metrics>,
    ) -> Result<Option<Vae>> {
        if self.epochs_done() == 0 || self.steps_into_epoch() > 0 {
            return Ok(None);
        }
        let mut missing = Vec::new();
        let mut is_last_missing = false;
        if let Some(metrics) = metrics {
            let validation = metrics
                .records()
                .iter()
                .rfind(|record| record.split == "validation");
            let is_best = validation.map(Record::score) == self.progress().best;
            let mut wanted = vec![folder.model()];
            wanted.extend((validation.is_some() && is_best).then(|| folder.best()));
            for path in wanted {
                if !ModelFile::is_whole(&path)? {
                    missing.push(path);
                }
            }
            is_last_missing = self.config().train.average_decay().is_some()
                && !ModelFile::is_whole(&folder.last())?;
        }
        if !parallel::all_hold(missing.is_empty() && !is_last_missing)?
            && let Some(last) = self.last_model()?
            && is_last_missing
        {
            self.model_file(&last).write(&folder.last())?;
        }
        if parallel::all_hold(missing.is_empty())? {
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

    /// Saves the state, unless the folder is no longer that of this run. All processes call it, and the first one writes.
    fn save(&self, folder: &RunFolder, metrics: Option<&Metrics>) -> Result<()> {
        let checkpoint = self.checkpoint()?;
        metrics.map_or(Ok(()), |metrics| {
            metrics.check_there()?;
            checkpoint.write(&folder.state())
        })
    }

    /// Reads back the unread numbers. If one of them is not finite, this saves the last good state and returns the
    /// error.
    fn look_or_save_the_last_good(&mut self, folder: &RunFolder) -> Result<()> {
        self.look().map_err(|broken| {
            if parallel::has_lost_one() {
                return broken;
            }
            let good = self.checkpoint_of(&self.good);
            let saved = if good.is_finite() && parallel::is_first() {
                good.write(&folder.state())
            } else {
                Ok(())
            };
            saved.err().unwrap_or(broken)
        })
    }
}
