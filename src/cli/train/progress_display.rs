//! The display of a training: a progress bar and, for each epoch, a line, images and curves.

use std::ops::ControlFlow;
use std::time::Instant;

use super::clock::Clock;
use super::curves;
use super::live_log::LiveLog;
use crate::cli::animate::{keep, sheets};
use crate::cli::interrupt;
use crate::error::Result;
use crate::parallel;
use crate::run::{Record, RunFolder};
use crate::train::{EpochReport, Observer, Training};
use crate::ui;

/// The progress bar of a training.
pub struct ProgressDisplay<'a> {
    folder: &'a RunFolder,
    bar: ui::ProgressBar,
    clock: Clock,
    log: Option<LiveLog>,
    has_begun: bool,
    /// The time of the first step, and the steps since; `None` once the time left was told.
    pace: Option<(Instant, u64)>,
}

/// The steps after which the time of the whole training is told.
const TOLD_AFTER: u64 = 20;

/// A shorter training, in seconds, is over before anybody asks how long it takes.
const WORTH_TELLING: f64 = 60.0;

impl<'a> ProgressDisplay<'a> {
    /// Shows the bar.
    pub fn new(
        training: &Training,
        folder: &'a RunFolder,
        clock: Clock,
        log: Option<LiveLog>,
    ) -> Self {
        let epochs = training.config().train.epochs;
        let bar = ui::train_bar(epochs.saturating_mul(training.steps_per_epoch()) as u64);
        bar.set_position(training.progress().step);
        bar.set_prefix("before the first step");
        bar.reset_eta();
        Self {
            folder,
            bar,
            clock,
            log,
            has_begun: false,
            pace: None,
        }
    }

    /// Removes the bar, and returns the log.
    pub fn close(self) -> Option<LiveLog> {
        self.bar.finish_and_clear();
        self.log
    }
}

impl Observer for ProgressDisplay<'_> {
    fn step(&mut self, training: &Training) -> ControlFlow<()> {
        if !self.has_begun {
            self.has_begun = true;
            let seconds = self.clock.began.elapsed().as_secs_f64();
            ui::line_above(
                &self.bar,
                format_args!("first step {seconds:.2} s after the start"),
            );
            // The first step takes longer than the others and would distort the estimate of the time left.
            self.bar.reset_eta();
            self.pace = Some((Instant::now(), 0));
        } else if let Some((first, steps)) = &mut self.pace {
            *steps += 1;
            if *steps == TOLD_AFTER {
                let seconds = first.elapsed().as_secs_f64() / TOLD_AFTER as f64;
                let left = self
                    .bar
                    .length()
                    .unwrap_or_default()
                    .saturating_sub(training.progress().step);
                let left = seconds * left as f64;
                if left > WORTH_TELLING {
                    ui::line_above(&self.bar, format_args!("about {} to go", duration(left)));
                }
                self.pace = None;
            }
        }
        self.bar.inc(1);
        self.bar.set_prefix(position(training));
        if let Some(message) = running_means(training) {
            self.bar.set_message(message);
        }
        // The others learn of it from the first process, which alone can say why it stops.
        if parallel::is_first() && self.clock.is_over() {
            ui::line_above(&self.bar, "the time of --time-limit is over");
            return ControlFlow::Break(());
        }
        if interrupt::asked() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn epoch(&mut self, training: &Training, report: &EpochReport) -> Result<()> {
        if let (Some(train), Some(test)) = (report.record("train"), report.record("test")) {
            let validation = report
                .record("validation")
                .map(|record| format!("validation {}, ", bound(record)))
                .unwrap_or_default();
            let terms = test
                .kl
                .map(|kl| format!(" (reconstruction {:.2} + KL {kl:.2})", test.reconstruction));
            let skipped = match train.skipped_steps {
                0 => String::new(),
                1 => ", 1 step skipped".to_owned(),
                steps => format!(", {steps} steps skipped"),
            };
            ui::line_above(
                &self.bar,
                format_args!(
                    "epoch {}/{}: test {}{}, {validation}train loss {:.2}, {:.1} s, {:.0} images/s{skipped}",
                    report.epoch,
                    training.config().train.epochs,
                    bound(test),
                    terms.unwrap_or_default(),
                    train.loss.unwrap_or(f64::NAN),
                    train.seconds,
                    train.images_per_second,
                ),
            );
        }
        let mut kept = Vec::new();
        match sheets(report.model, training.config(), training.dataset()) {
            Ok(sheets) => kept.extend(keep(self.folder, report.epoch, &sheets)?),
            // The losses are finite, so training goes on: it may come back to where images are.
            Err(error) => ui::line_above(
                &self.bar,
                format_args!("no images of epoch {}: {error}", report.epoch),
            ),
        }
        if let Some(log) = &mut self.log {
            let sheets: Vec<_> = kept
                .iter()
                .map(|(tag, png, path)| (*tag, &**png, &**path))
                .collect();
            if let Some(warning) = log.add_epoch(report.records(), &sheets) {
                ui::line_above(&self.bar, warning);
            }
        }
        curves::write_svg(report.history, self.folder)
    }
}

/// Returns a time in words: minutes, or hours from two hours on.
fn duration(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if minutes < 120.0 {
        format!("{:.0} minutes", minutes.ceil())
    } else {
        format!("{:.1} hours", minutes / 60.0)
    }
}

/// Returns the position of a training in words: the epoch and the step of its last step.
fn position(training: &Training) -> String {
    let steps = training.steps_per_epoch();
    let last = training.progress().step.saturating_sub(1) as usize;
    format!(
        "epoch {}/{}, step {}/{steps}",
        last / steps + 1,
        training.config().train.epochs,
        last % steps + 1
    )
}

/// Returns the speed and the means of the current epoch in words, or `None` before the first numbers are read back.
fn running_means(training: &Training) -> Option<String> {
    let (config, progress) = (training.config(), training.progress());
    if progress.sums.images == 0 {
        return None;
    }
    let steps = training.steps_per_epoch() as u64;
    let step = (progress.step - 1) % steps + 1;
    let seen = (step as usize * config.train.batch).min(training.dataset().train.len());
    let speed = seen as f64 / progress.seconds;
    let [_, reconstruction, kl] = progress.sums.means();
    let bound = if config.is_variational() {
        format!(
            "ELBO {:.1}, reconstruction {reconstruction:.1}, KL {kl:.1}",
            -(reconstruction + kl)
        )
    } else {
        format!("reconstruction {reconstruction:.1}")
    };
    Some(format!("{speed:.0} images/s, {bound}"))
}

/// Returns the number that a split is judged by, in words.
fn bound(record: &Record) -> String {
    match record.elbo {
        Some(elbo) => format!("ELBO {elbo:.2}"),
        None => format!("reconstruction {:.2}", record.reconstruction),
    }
}
