//! `vae score`: says how strange images are to a model, and flags the strangest, such that normal images are flagged at no
//! more than a promised rate.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::calibration::calibration;
use super::data_arg::DataArg;
use super::interrupt;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::model_data;
use super::score_args::ScoreArgs;
use super::scored_rows::{ScoredRow, csv};
use crate::data::images::NewImages;
use crate::data::{SkippedImage, Split};
use crate::error::{Error, Result};
use crate::eval::anomaly::{
    Calibration, Discoveries, Drift, FalseAlarmPromise, FlaggingRule, Scorer,
};
use crate::ui;
use crate::words::counted;

/// The false-alarm rate unless `--fpr` names another.
const FALSE_ALARMS: f64 = 0.05;
/// Images that are scored, and whose rows are written, together.
const AT_A_TIME: usize = 250;

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Prints CSV: path, score (the higher, the stranger), p, and whether the image is flagged. p is the smallest false-alarm rate at which \
the image is flagged: (1 + the normal calibration images with at least this score) / (1 + all of them). A normal image has p <= \
A with probability at most A, whatever the model is worth (split conformal p-values: Bates et al. 2023). The calibration images \
are normal images that neither trained nor chose the model: those that the training set aside (data.images.calibration), or \
those of `vae calibrate`.

  --fpr A         flags where p <= A; the mean rate of false alarms over calibration sets is at most A
  --confidence C  flags fewer, so that the rate of this calibration set is at most A with probability C
  --fdr Q         flags as many images as it can while at most the share Q of the flagged is normal on
                  average (Benjamini, Hochberg 1995); writes the rows when all images are scored

Nothing is promised about how many abnormal images are missed, nor once normal images come from elsewhere than the calibration \
images; with 50 images or more, a test compares both (Kolmogorov, Smirnov).

  elbo            minus the ELBO
  reconstruction  the mean of -log p(x given z)
  kl              the KL from the posterior to the prior
  error           the squared error at the posterior mean
  iw              minus the importance-weighted bound
  complexity      elbo less the nats of the image's PNG
  regret          the rise of the ELBO when the posterior is fitted to the image in 100 steps: slow

An image that cannot be read has a row without a score, and the exit code is 1. An image's noise depends on its pixels, so that it \
has one score wherever it lies.

Examples:
  vae score screws-1 new --fpr 0.02 > scores.csv
  vae score screws-1 new/*.png --score reconstruction --samples 64 --confidence 0.95
  vae score screws-1 new --fdr 0.1 --json";

/// Score images by how strange they are, and flag them at a promised rate of false alarms
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct ScoreImages {
    #[command(flatten)]
    model: ModelArg,

    /// Images: files, folders or archives, fitted as in training. Name the RUN first [default: the test images of the run's
    /// data]
    #[arg(value_name = "IMAGES")]
    images: Vec<PathBuf>,

    #[command(flatten)]
    scoring: ScoreArgs,

    /// Flag normal images at a rate of at most A [default: 0.05]
    #[arg(long, value_name = "A", conflicts_with = "fdr")]
    fpr: Option<f64>,

    /// Keep the rate of --fpr with probability C over calibration sets [default: in the mean over them]
    #[arg(long, value_name = "C", conflicts_with = "fdr")]
    confidence: Option<f64>,

    /// Flag images such that at most the share Q of the flagged are normal, on average
    #[arg(long, value_name = "Q")]
    fdr: Option<f64>,

    #[command(flatten)]
    data: DataArg,

    /// End with exit code 3 if an image is flagged
    #[arg(long)]
    exit_code: bool,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl ScoreImages {
    pub fn run(self) -> Result<()> {
        let promise = self.promise()?;
        let opened = self.model.open()?;
        let protocol = self.scoring.protocol(&opened)?;
        let scorer = Scorer::new(&opened.vae, protocol, self.scoring.score)?;
        let calibration = calibration(&opened, &self.data, &self.scoring, protocol, &scorer)?;
        let rule = promise
            .map(|promise| calibration.rule(promise))
            .transpose()?;
        if let Some(rule) = &rule {
            introduce(rule);
        }
        let read = self.read(&opened)?;
        let images = match &read {
            Some(read) => &read.images,
            None => &opened.data(&self.data)?.0.test,
        };
        let skipped = read.as_ref().map_or(&[][..], |read| &read.skipped);
        let streams = rule.is_some() && !self.json;
        let (mut rows, ended) = self.rows(
            &opened,
            &scorer,
            &calibration,
            rule.as_ref(),
            images,
            streams,
        )?;
        if let Some(q) = self.fdr {
            let p_values: Vec<f64> = rows.iter().map(|row| row.p).collect();
            let found = Discoveries::new(&p_values, q);
            let flags = rows.iter_mut().zip(found.flagged);
            flags.for_each(|(row, flagged)| row.flagged = flagged);
        }
        let scores: Vec<f64> = rows.iter().map(|row| row.score).collect();
        let drift = Drift::new(&calibration, &scores);
        if self.json {
            let mut report = self.as_json(&calibration, rule.as_ref(), &rows, skipped, drift);
            let draws = self.scoring.score.draws(&opened.vae.network().prior);
            report["samples"] = json!(draws.then_some(protocol.samples));
            report["seed"] = json!(protocol.seed);
            report["model"] = json!(opened.path);
            report["model_hash"] = json!(opened.hash);
            ui::data(report)?;
        } else {
            let header = !streams;
            let rest: &[ScoredRow] = if streams { &[] } else { &rows };
            let text = csv(rest, skipped, header)?;
            if !text.is_empty() {
                ui::data(text)?;
            }
        }
        ended?;
        self.conclude(&rows, skipped, drift)
    }

    /// Returns the promise of a false-alarm rate, or `None` if the share of false alarms is bounded instead.
    fn promise(&self) -> Result<Option<FalseAlarmPromise>> {
        if let Some(q) = self.fdr {
            if q > 0.0 && q < 1.0 {
                return Ok(None);
            }
            return Err(Error::request(format!(
                "--fdr is {q}; expected a number above 0 and below 1"
            )));
        }
        let promise = FalseAlarmPromise {
            rate: self.fpr.unwrap_or(FALSE_ALARMS),
            confidence: self.confidence,
        };
        promise.check()?;
        Ok(Some(promise))
    }

    /// Reads the images that are named, or returns `None` if none are.
    fn read(&self, opened: &LoadedModel) -> Result<Option<NewImages>> {
        if self.images.is_empty() {
            return Ok(None);
        }
        model_data::note_known(&self.images, &opened.path);
        let read = model_data::read_images(&opened.config, &opened.card, &self.images, false)?;
        for image in &read.skipped {
            ui::note(format_args!("cannot read {}: {}", image.name, image.reason));
        }
        Ok(Some(read))
    }

    /// Scores the images, and writes each row as soon as it is known if `streams`. Returns the rows, and the error of an
    /// interruption if there was one.
    fn rows(
        &self,
        opened: &LoadedModel,
        scorer: &Scorer,
        calibration: &Calibration,
        rule: Option<&FlaggingRule>,
        images: &Split,
        streams: bool,
    ) -> Result<(Vec<ScoredRow>, Result<()>)> {
        interrupt::watch()?;
        let bar = ui::image_bar("scoring", images.len());
        let mut rows = Vec::with_capacity(images.len());
        if streams {
            ui::data(csv(&[], &[], true)?)?;
        }
        for ids in images.first_ids(images.len()).chunks(AT_A_TIME) {
            if interrupt::asked() {
                bar.finish_and_clear();
                let what = format!(
                    "stopped; {} of {} images were scored",
                    rows.len(),
                    images.len()
                );
                return Ok((rows, Err(Error::interrupted(what))));
            }
            let scores = scorer.scores(images, ids, &mut |_| {})?;
            let name = |id: u32| match &images.names {
                Some(names) => names[id as usize].clone(),
                None => id.to_string(),
            };
            // The score of a very strange image may be infinite, and then it is the strangest.
            if let Some((&id, _)) = ids.iter().zip(&scores).find(|(_, score)| score.is_nan()) {
                return Err(opened.broken(&format!("score of {} is NaN", name(id))));
            }
            let start = rows.len();
            rows.extend(ids.iter().zip(scores).map(|(&id, score)| ScoredRow {
                path: name(id),
                score,
                p: calibration.p_value(score),
                flagged: rule.is_some_and(|rule| rule.flags(score)),
            }));
            if streams {
                bar.suspend(|| ui::data(csv(&rows[start..], &[], false)?))?;
            }
            bar.set_position(rows.len() as u64);
        }
        bar.finish_and_clear();
        Ok((rows, Ok(())))
    }

    fn as_json(
        &self,
        calibration: &Calibration,
        rule: Option<&FlaggingRule>,
        rows: &[ScoredRow],
        skipped: &[SkippedImage],
        drift: Option<Drift>,
    ) -> serde_json::Value {
        let images: Vec<_> = rows.iter().map(ScoredRow::json).collect();
        let skipped: Vec<_> = skipped
            .iter()
            .map(|image| json!({"path": image.name, "reason": image.reason}))
            .collect();
        json!({
            "score": self.scoring.score.name(),
            "calibration_images": calibration.count(),
            "fpr": self.fdr.is_none().then(|| self.fpr.unwrap_or(FALSE_ALARMS)),
            "confidence": self.confidence,
            "fdr": self.fdr,
            "rank": rule.map(|rule| rule.rank),
            "threshold": rule.map(|rule| rule.threshold),
            "mean_rate": rule.map(|rule| rule.mean_rate),
            "rate_range": rule.map(|rule| rule.rate_range),
            "flagged": rows.iter().filter(|row| row.flagged).count(),
            "drift": drift.map(|drift| json!({"distance": drift.distance, "p": drift.p_value})),
            "images": images,
            "skipped": skipped,
        })
    }

    /// Says what was found, and ends with the exit code for it.
    fn conclude(
        &self,
        rows: &[ScoredRow],
        skipped: &[SkippedImage],
        drift: Option<Drift>,
    ) -> Result<()> {
        let flagged = rows.iter().filter(|row| row.flagged).count();
        let share = match self.fdr {
            Some(q) if flagged > 0 => {
                format!(
                    "; over many folders and calibration sets, on average at most {:.1} % of the flagged images are normal",
                    100.0 * q
                )
            }
            _ => String::new(),
        };
        let found = format!(
            "{flagged} of {} flagged{share}",
            counted(rows.len(), "image")
        );
        // The exit code comes with the same words.
        let ends_with_found = self.exit_code && flagged > 0 && skipped.is_empty();
        if !ends_with_found {
            ui::note(&found);
        }
        if let Some(Drift { distance, p_value }) = drift {
            let what = if p_value < 0.01 {
                "unlike the calibration images: many are abnormal, or normal ones come from elsewhere now, and then the promise does not hold"
            } else {
                "like the calibration images as a whole: no sign of drift"
            };
            ui::note(format_args!(
                "these images are {what} (KS {distance:.2}, p {p_value:.2})"
            ));
        }
        if !skipped.is_empty() {
            return Err(Error::failed(format!(
                "{} cannot be read",
                counted(skipped.len(), "image")
            )));
        }
        if ends_with_found {
            return Err(Error::found(found));
        }
        Ok(())
    }
}

/// Says what is promised, and what is not.
fn introduce(rule: &FlaggingRule) {
    let [low, high] = rule.rate_range.map(|rate| 100.0 * rate);
    ui::note(format_args!(
        "scores above {:.4} are flagged: a normal image with probability at most {:.2} %; of this calibration set alone, {low:.1} to {high:.1} % (in 90 % of such sets)",
        rule.threshold,
        100.0 * rule.mean_rate
    ));
    ui::note(
        "not promised: how many abnormal images are missed, or any rate for images that come from elsewhere than the calibration images",
    );
}
