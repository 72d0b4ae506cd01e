//! The loop, from the first step to the last.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::data::{Batch, Split};
use crate::error::{Error, Result};
use crate::eval::{drawn_squared_errors, importance, measure};
use crate::model::{ModelCard, ModelFile, Sigma, Vae, export};
use crate::optimizer::OptimizerState;
use crate::run::{Metrics, Record, RunFolder};

use super::guard::{explain, is_finite, unmeasurable};
use super::step::watched_step;
use super::{GradientNorms, Job, LossSums, SavedState, StateCard};

/// Steps between two looks at the numbers. Reading a value back makes a GPU wait, so it is not done at every step.
const LOOK_EVERY: usize = 50;

/// Training images that an optimal sigma is fitted to: on more it would hardly be another.
const FIT_TO: usize = 10_000;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Save and stop.
    Stop,
}

/// Where training stands, for people.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// From 0.
    pub epoch: usize,
    /// Steps done in the epoch.
    pub step: usize,
    /// Of the epoch so far, at the last look.
    pub sums: LossSums,
    /// Seconds of training in this epoch.
    pub seconds: f64,
}

/// Who watches. Training itself prints nothing and draws nothing.
pub trait Observer {
    /// After each step.
    fn step(&mut self, progress: Progress) -> Flow;

    /// After each epoch (from 1), measured and its model written, before its state is: its records, and the model
    /// without autodiff.
    ///
    /// # Errors
    /// End the run.
    fn epoch(&mut self, epoch: usize, records: &[Record], vae: &Vae) -> Result<()>;
}

/// A model in training.
pub struct Trainer<'a> {
    job: &'a Job,
    folder: &'a RunFolder,
    vae: Vae,
    updater: OptimizerState,
    state: StateCard,
    metrics: Metrics,
    /// What was good at the last look, to go back to.
    good: (Vae, OptimizerState, StateCard),
    /// Sums of the steps since the last look, each `[3]`, still on the device, and their images.
    pending: Vec<(Tensor<1>, usize)>,
    /// The squared norms of the layers' gradients at those of the steps that were watched, each `[L]`, on the device.
    watched: Vec<Tensor<1>>,
}

impl<'a> Trainer<'a> {
    /// A run from its first step, or from `saved` on. `vae` is on an autodiff device.
    ///
    /// # Errors
    /// Where the saved state does not fit the job, or the run's folder cannot be written to.
    pub fn new(
        job: &'a Job,
        folder: &'a RunFolder,
        vae: Vae,
        saved: Option<&SavedState>,
    ) -> Result<Self> {
        let mut updater = OptimizerState::new(job.optimizer.clone(), job.settings.clip, &vae);
        let (vae, state) = match saved {
            Some(saved) => {
                let wrong = |error: Error| {
                    Error::file(
                        folder.state(),
                        format!("does not fit its own config: {error}"),
                    )
                };
                (
                    saved.restore(vae, &mut updater).map_err(wrong)?,
                    saved.card.clone(),
                )
            }
            None => (
                vae,
                StateCard::start(job.config.clone(), job.data_hash.clone()),
            ),
        };
        // The config may have more epochs than the one the state was saved with.
        let state = StateCard {
            config: job.config.clone(),
            ..state
        };
        let metrics = Metrics::open(&folder.metrics(), state.metrics_length)?;
        let good = (vae.clone(), updater.clone(), state.clone());
        let mut trainer = Self {
            job,
            folder,
            vae,
            updater,
            state,
            metrics,
            good,
            pending: Vec::new(),
            watched: Vec::new(),
        };
        // At the start, and where the config has changed (more epochs): what is on the disk is what runs.
        if saved.is_none_or(|saved| saved.card.config != job.config) {
            trainer.save()?;
        }
        Ok(trainer)
    }

    /// Trains to the last epoch.
    ///
    /// # Errors
    /// Interrupted by the observer (the state is saved), a number that is not finite (the last good state is saved), or
    /// a file that cannot be written.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<()> {
        let steps = self.job.steps_per_epoch();
        let mut saved_at = Instant::now();
        while self.epoch() < self.job.settings.epochs {
            let epoch = self.epoch();
            let order = self.job.order(epoch);
            let done = (self.state.step % steps as u64) as usize;
            let mut flow = Flow::Continue;
            let (train, size) = (&self.job.dataset.train, self.job.settings.batch);
            let loader = self.job.loader(&self.vae);
            let mut batches = loader
                .batches(train, &order[done * size..], size)
                .from_step(self.state.step);
            for step in done..steps {
                let start = Instant::now();
                let Some(batch) = batches.next() else {
                    break;
                };
                match batch {
                    Ok((indices, batch)) => self.step(indices, batch),
                    Err(error) => {
                        self.look()?;
                        self.save()?;
                        return Err(error);
                    }
                }
                if self.pending.len() == LOOK_EVERY || step + 1 == steps {
                    self.look()?;
                }
                self.state.seconds += start.elapsed().as_secs_f64();
                let progress = Progress {
                    epoch,
                    step: step + 1,
                    sums: self.state.sums,
                    seconds: self.state.seconds,
                };
                flow = observer.step(progress);
                if step + 1 == steps {
                    // Saved with the epoch's records, or they would be lost.
                    break;
                }
                if flow == Flow::Stop {
                    self.look()?;
                    self.save()?;
                    let place = format!("stopped at epoch {}, step {}; saved", epoch + 1, step + 1);
                    return Err(Error::interrupted(place));
                }
                let overdue = saved_at.elapsed().as_secs_f64() >= self.job.settings.save_every;
                if overdue {
                    self.look()?;
                    self.save()?;
                    saved_at = Instant::now();
                }
            }
            self.finish_epoch(epoch + 1, observer)?;
            if flow == Flow::Stop && self.epoch() < self.job.settings.epochs {
                return Err(Error::interrupted(format!(
                    "stopped after epoch {}; saved",
                    epoch + 1
                )));
            }
            saved_at = Instant::now();
        }
        Ok(())
    }

    /// Epochs done.
    fn epoch(&self) -> usize {
        let steps = self.job.steps_per_epoch() as u64;
        (self.state.step / steps) as usize
    }

    fn step(&mut self, indices: &[u32], batch: Batch) {
        // Taken out, so that weights which nobody else holds are changed in place.
        let vae = std::mem::replace(&mut self.vae, self.good.0.clone());
        // By its place in the epoch alone: the same steps however often the run is stopped, and one in every epoch.
        let place = self.state.step % self.job.steps_per_epoch() as u64;
        let watched = place.is_multiple_of(LOOK_EVERY as u64);
        let (vae, sums, squares) = watched_step(
            self.job,
            vae,
            &mut self.updater,
            batch,
            indices,
            self.state.step,
            watched,
        );
        self.vae = vae;
        self.pending.push((sums, indices.len()));
        self.watched.extend(squares);
        self.state.step += 1;
    }

    /// Adds up the steps since the last look, and makes sure that their numbers are finite.
    fn look(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let images: Vec<usize> = self.pending.iter().map(|(_, images)| *images).collect();
        let sums = Tensor::cat(self.pending.drain(..).map(|(sums, _)| sums).collect(), 0);
        let values: Vec<f32> = sums.into_data().iter().collect();
        if !values.iter().all(|value| value.is_finite()) || !is_finite(&self.vae, &self.updater) {
            return Err(self.broken());
        }
        for (terms, images) in values.as_chunks::<3>().0.iter().zip(images) {
            self.state.sums.add(*terms, images);
        }
        for squares in self.watched.drain(..) {
            let squares: Vec<f32> = squares.into_data().iter().collect();
            self.state.gradient_norms.add(&squares);
        }
        self.good = (self.vae.clone(), self.updater.clone(), self.state.clone());
        Ok(())
    }

    /// Saves the last good state and finds out what broke since.
    fn broken(&self) -> Error {
        let (vae, updater, state) = self.good.clone();
        let saved = SavedState::new(state.clone(), &vae, &updater);
        let kept = if saved.is_finite() {
            saved.write(&self.folder.state())
        } else {
            Ok(())
        };
        kept.err()
            .unwrap_or_else(|| explain(self.job, vae, updater, state.step, self.state.step))
    }

    /// The state to write, once it is known to be finite. Everything pending has been looked at.
    fn finite_state(&self) -> Result<SavedState> {
        let saved = SavedState::new(self.state.clone(), &self.vae, &self.updater);
        if saved.is_finite() {
            return Ok(saved);
        }
        // The losses are finite and the last update was not: the step after it says so.
        let step = self.state.step;
        Err(explain(
            self.job,
            self.vae.clone(),
            self.updater.clone(),
            step,
            step + 1,
        ))
    }

    fn save(&mut self) -> Result<()> {
        self.finite_state()?.write(&self.folder.state())
    }

    /// Measures, writes the records, the model and the images, and saves.
    ///
    /// A run that is killed anywhere in here goes on from the state before, and does it all again with the same bytes.
    fn finish_epoch(&mut self, epoch: usize, observer: &mut dyn Observer) -> Result<()> {
        let mut saved = self.finite_state()?;
        let vae = self.fitted()?;
        let mut records = vec![self.train_record(epoch)];
        records.push(self.record(epoch, "test", &self.job.dataset.test, &vae)?);
        if let Some(images) = &self.job.dataset.validation {
            records.push(self.record(epoch, "validation", images, &vae)?);
        }
        // Finite weights can still be too large to measure. Nothing was written yet: the last state stays.
        if let Some(error) = unmeasurable(self.job, self.state.step, &records) {
            return Err(error);
        }
        if let Some(record) = records.iter().find(|record| record.split == "validation")
            && self.state.best.is_none_or(|best| record.score() > best)
        {
            self.state.best = Some(record.score());
            self.write_model(&vae, &self.folder.best())?;
        }
        self.state.metrics_length = self.metrics.append(&records)?;
        self.write_model(&vae, &self.folder.model())?;
        observer.epoch(epoch, &records, &vae)?;
        self.state.sums = LossSums::default();
        self.state.gradient_norms = GradientNorms::default();
        self.state.seconds = 0.0;
        self.good = (self.vae.clone(), self.updater.clone(), self.state.clone());
        saved.card = self.state.clone();
        saved.write(&self.folder.state())
    }

    /// The model to measure, look at and write: without autodiff, and where the likelihood's sigma is the optimal one, with
    /// that of training images under these weights.
    fn fitted(&self) -> Result<Vae> {
        let vae = self.vae.valid();
        if self.job.likelihood.kind().sigma() != Some(Sigma::Optimal) {
            return Ok(vae);
        }
        let train = &self.job.dataset.train;
        // Drawn, for a data set may lie in order; the same after every epoch.
        let mut some = self.job.rng("sigma").permutation(train.len());
        some.truncate(FIT_TO);
        let squares = drawn_squared_errors(&vae, train, &some, self.job.protocol())?;
        let mean = squares.iter().sum::<f64>() / (squares.len() * train.values()) as f64;
        Ok(vae.with_log_sigma(Sigma::log_optimal(mean)))
    }

    /// Running means over the epoch: what each step saw, with the weights it had.
    fn train_record(&self, epoch: usize) -> Record {
        let sums = self.state.sums;
        let [loss, reconstruction, kl] =
            [sums.loss, sums.reconstruction, sums.kl].map(|sum| sums.mean(sum));
        let kl = self
            .job
            .objective
            .kind()
            .latent_mode()
            .is_sampled()
            .then_some(kl);
        let layers = self.vae.network().layers().map(|(name, _)| name);
        Record {
            epoch,
            split: "train".into(),
            loss: Some(loss),
            elbo: kl.map(|kl| -(reconstruction + kl)),
            elbo_se: None,
            reconstruction,
            kl,
            seconds: self.state.seconds,
            images_per_second: sums.images as f64 / self.state.seconds,
            gradient_norms: layers.zip(self.state.gradient_norms.means()).collect(),
        }
    }

    fn record(&self, epoch: usize, split: &str, images: &Split, vae: &Vae) -> Result<Record> {
        let start = Instant::now();
        let measured = measure(vae, images, self.job.protocol(), &mut |_| {})?;
        let mut means = measured.means();
        if let Some(samples) = self.job.objective.kind().bound_samples() {
            let bounds = importance(
                vae,
                images,
                images.len(),
                self.job.protocol(),
                &[samples],
                &mut |_| true,
            )?;
            means.bound = bounds.first().map(|bound| bound.bound().mean);
        }
        let seconds = start.elapsed().as_secs_f64();
        let bound = measured.elbo();
        Ok(Record {
            epoch,
            split: split.into(),
            loss: self
                .job
                .objective
                .kind()
                .loss(&means, self.job.time(epoch as f64)),
            elbo: bound.map(|bound| bound.mean),
            elbo_se: bound.map(|bound| bound.se),
            reconstruction: measured.reconstruction().mean,
            kl: measured.kl().map(|kl| kl.mean),
            seconds,
            images_per_second: images.len() as f64 / seconds,
            gradient_norms: BTreeMap::new(),
        })
    }

    fn write_model(&self, vae: &Vae, path: &std::path::Path) -> Result<()> {
        let job = self.job;
        let image = vae.network().image_shape;
        let card = ModelCard::new(
            job.config.clone(),
            image,
            job.dataset.classes.clone(),
            job.data_hash.clone(),
        );
        ModelFile {
            card,
            tensors: export(vae),
        }
        .write(path)
    }
}
