//! What a person sees of a training: a bar, a line an epoch, the curves, and what came of it.

use std::time::Instant;

use super::animate::keep;
use super::interrupt;
use crate::config::Plan;
use crate::device::SelectedDevice;
use crate::error::Result;
use crate::figure::curves::{Panel, Series, curves, write_svg};
use crate::model::{Features, Vae};
use crate::objective::{NO_ELBO, NO_PRIOR};
use crate::run::{Record, RunFolder, read_metrics};
use crate::train::{Flow, Job, Observer, Progress, SavedState};
use crate::ui;

/// What a person sees of the training.
pub struct ProgressDisplay<'a> {
    plan: &'a Plan,
    job: &'a Job,
    folder: &'a RunFolder,
    bar: ui::ProgressBar,
    history: Vec<Record>,
    /// When the program was started, until the first step is done.
    began: Option<Instant>,
}

impl<'a> ProgressDisplay<'a> {
    pub fn new(
        plan: &'a Plan,
        job: &'a Job,
        folder: &'a RunFolder,
        began: Instant,
    ) -> Result<Self> {
        let bar = ui::train_bar(job.settings.epochs.saturating_mul(job.steps_per_epoch()) as u64);
        Ok(Self {
            plan,
            job,
            folder,
            bar,
            history: Vec::new(),
            began: Some(began),
        })
    }

    /// What is trained, on what, and where it goes.
    pub fn introduce(&mut self, chosen: &SelectedDevice, saved: Option<&SavedState>) {
        if let Some(remark) = &chosen.remark {
            ui::note(format_args!(
                "{remark}: training on `{}` (`vae devices` lists what there is)",
                chosen.name
            ));
        }
        let (plan, dataset) = (self.plan, &self.job.dataset);
        let (train, test) = (dataset.train.len(), dataset.test.len());
        let image = Features::Map(dataset.train.shape);
        ui::note(format_args!(
            "{}: {train} train and {test} test images of {image}; {} with {} latents{}, {} parameters, on {}",
            dataset.name,
            plan.config.model.tag(),
            plan.network.latent,
            if plan.config.condition.is_some() {
                ", given the class"
            } else {
                ""
            },
            plan.parameters(),
            chosen.title(),
        ));
        let done = saved.map_or(0, |saved| saved.card.step);
        if done >= (self.job.settings.epochs * self.job.steps_per_epoch()) as u64 {
            ui::note("this run has done all its epochs; go on with more by `--epochs N`");
        }
        let from = if done > 0 {
            format!(", from step {done} on")
        } else {
            String::new()
        };
        ui::note(format_args!("run {}{from}", self.folder.path.display()));
        if chosen.model.is_some() {
            let name = &chosen.name;
            ui::note(format_args!(
                "{name} compiles its kernels first, which takes minutes where it is software"
            ));
        }
        self.bar.set_position(done);
        self.bar.set_prefix("before the first step");
        self.bar.reset_eta();
    }

    /// Takes the bar away.
    pub fn close(&self) {
        self.bar.finish_and_clear();
    }

    fn draw_curves(&self) -> Result<()> {
        let panel = |title: &str, of: &dyn Fn(&Record) -> Option<f64>| {
            let mut series: Vec<Series> = Vec::new();
            for (record, value) in self
                .history
                .iter()
                .filter_map(|record| Some((record, of(record)?)))
            {
                let point = (record.epoch as f64, value);
                match series.iter_mut().find(|series| series.name == record.split) {
                    Some(series) => series.points.push(point),
                    None => series.push(Series {
                        name: record.split.clone(),
                        points: vec![point],
                    }),
                }
            }
            Panel {
                title: title.into(),
                y_label: "nats per image".into(),
                series,
            }
        };
        let mut panels = vec![
            panel("loss", &|record| record.loss),
            panel("reconstruction", &|record| Some(record.reconstruction)),
            panel("KL", &|record| record.kl),
        ];
        // An autoencoder has no KL.
        panels.retain(|panel| !panel.series.is_empty());
        write_svg(&self.folder.curves(), &curves(&panels, "epoch"))
    }

    /// The last test ELBO with its protocol, and where to look.
    pub fn conclude(&self) -> Result<()> {
        let history = read_metrics(&self.folder.metrics())?;
        let Some(record) = history.iter().rev().find(|record| record.split == "test") else {
            return Ok(());
        };
        let job = self.job;
        let error = record
            .elbo_se
            .map(|se| format!(" ± {se:.2}"))
            .unwrap_or_default();
        let (count, pixels, seed) = (
            job.dataset.test.len(),
            self.plan.config.data.kind().pixels_name(),
            job.seed,
        );
        let given = if self.plan.config.condition.is_some() {
            "given the class, "
        } else {
            ""
        };
        match (record.elbo, record.kl) {
            (Some(elbo), Some(kl)) => ui::note(format_args!(
                "test ELBO {elbo:.2}{error} nats per image (reconstruction {:.2} + KL {kl:.2}; {count} images, {pixels} pixels, {given}1 sample of z, seed {seed})",
                record.reconstruction,
            )),
            _ => ui::note(format_args!(
                "test reconstruction {:.2} nats per image ({count} images, {pixels} pixels, {given}seed {seed})\n{NO_ELBO}",
                record.reconstruction,
            )),
        }
        if let Some(caveat) = job.likelihood.kind().caveat(job.pixels.is_binary()) {
            ui::note(format_args!("not a log-likelihood: {caveat}"));
        }
        let validation = history.iter().filter(|record| record.split == "validation");
        if let Some(best) = validation.max_by(|a, b| a.score().total_cmp(&b.score())) {
            let (what, value) = best
                .elbo
                .map_or(("reconstruction", best.reconstruction), |elbo| {
                    ("ELBO", elbo)
                });
            ui::note(format_args!(
                "the best validation {what} is {value:.2}, after epoch {}; that model is {}",
                best.epoch,
                self.folder.best().display()
            ));
        }
        ui::note(format_args!(
            "look at {}",
            self.folder.samples(record.epoch).display()
        ));
        if !job.objective.kind().latent_mode().is_sampled() {
            ui::note(NO_PRIOR);
        }
        Ok(())
    }
}

/// What is said of a split in a word.
fn bound(record: &Record) -> String {
    match record.elbo {
        Some(elbo) => format!("ELBO {elbo:.2}"),
        None => format!("reconstruction {:.2}", record.reconstruction),
    }
}

impl Observer for ProgressDisplay<'_> {
    fn step(&mut self, progress: Progress) -> Flow {
        if let Some(began) = self.began.take() {
            let seconds = began.elapsed().as_secs_f64();
            ui::line_above(
                &self.bar,
                format_args!("first step {seconds:.2} s after the start"),
            );
            // It is not what the others take.
            self.bar.reset_eta();
        }
        let sums = progress.sums;
        self.bar.inc(1);
        let (epochs, steps) = (self.job.settings.epochs, self.job.steps_per_epoch());
        self.bar.set_prefix(format!(
            "epoch {}/{epochs}, step {}/{steps}",
            progress.epoch + 1,
            progress.step
        ));
        if sums.images > 0 {
            let seen = (progress.step * self.job.settings.batch).min(self.job.dataset.train.len());
            let speed = seen as f64 / progress.seconds;
            let [reconstruction, kl] = [sums.reconstruction, sums.kl].map(|sum| sums.mean(sum));
            let bound = if self.job.objective.kind().latent_mode().is_sampled() {
                format!(
                    "ELBO {:.1}, reconstruction {reconstruction:.1}, KL {kl:.1}",
                    -(reconstruction + kl)
                )
            } else {
                format!("reconstruction {reconstruction:.1}")
            };
            self.bar
                .set_message(format!("{speed:.0} images/s, {bound}"));
        }
        if interrupt::asked() {
            Flow::Stop
        } else {
            Flow::Continue
        }
    }

    fn epoch(&mut self, epoch: usize, records: &[Record], vae: &Vae) -> Result<()> {
        if self.history.is_empty() {
            // A run that goes on has a past.
            self.history = read_metrics(&self.folder.metrics())?;
        } else {
            self.history.extend_from_slice(records);
        }
        let of = |split: &str| records.iter().find(|record| record.split == split);
        if let (Some(train), Some(test)) = (of("train"), of("test")) {
            let aside = of("validation")
                .map(|record| format!("validation {}, ", bound(record)))
                .unwrap_or_default();
            let pass = test
                .kl
                .map(|kl| format!(" (reconstruction {:.2} + KL {kl:.2})", test.reconstruction));
            ui::line_above(
                &self.bar,
                format_args!(
                    "epoch {epoch}/{}: test {}{}, {aside}train loss {:.2}, {:.1} s, {:.0} images/s",
                    self.job.settings.epochs,
                    bound(test),
                    pass.unwrap_or_default(),
                    train.loss.unwrap_or(f64::NAN),
                    train.seconds,
                    train.images_per_second,
                ),
            );
        }
        keep(self.folder, epoch, vae, self.job)?;
        self.draw_curves()
    }
}
