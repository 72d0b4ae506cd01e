//! `vae score`: says how strange images are to a model, and flags the strangest, such that normal images are flagged at no
//! more than a promised rate.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::calibration::{CalibrationFile, calibrations};
use super::data_arg::DataArg;
use super::image_blocks::ImageBlocks;
use super::loaded_model::LoadedModel;
use super::map_folder::MapFolder;
use super::model_arg::ModelArg;
use super::next::{model_word, next};
use super::score_args::ScoreArgs;
use super::scored_rows::{ScoredRow, csv};
use super::scorer::scorer;
use super::scoring::{Scored, Scoring};
use crate::error::{Error, Result, shell_word};
use crate::eval::anomaly::{
    AnomalyScore, Calibration, Discoveries, Drift, FALSE_ALARMS, FalseAlarmPromise, FlaggingRule,
    MOST_FOR_MAPS,
};
use crate::ui;
use crate::words::{counted, percent};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Prints CSV: path, score (the higher, the stranger), p, and whether the image is flagged. p is the smallest false-alarm rate at which \
the image is flagged: (1 + the normal calibration images with at least this score) / (1 + all of them). A normal image has p <= \
A with probability at most A, however good or bad the model is (split conformal p-values: Bates et al. 2023). The calibration images \
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
  map             the maximum of the map: how strange the strangest place is

--maps DIR writes two files for every image, named after it: a PNG, the image in grey with its strange pixels in colour, and a .npy with the map, one number a pixel. The map is -log p(x given z), minus its mean and divided by its standard deviation at that pixel over at most 1000 training images, and then smoothed by a Gaussian of 1/32 of the longer side. A pixel is coloured above the threshold that the maxima of the calibration images' maps give, so that a normal image has any coloured pixel with probability at most A; the colours go from violet at the threshold to yellow at three times the threshold, in every image. The column map_p is the p-value of the map's maximum: some pixel is coloured where it is at most the rate that a note states (A or a little less, and less with --confidence; 5 % with --fdr).

An image that cannot be read has a row with the reason and without a score, and the exit code is 1. An image's noise depends on \
its pixels, so that it has one score wherever it lies. `-` reads paths from stdin, one a line, and scores each image as it arrives.

Examples:
  vae score screws-1 new --fpr 0.02 > scores.csv
  vae score screws-1 new/*.png --score reconstruction --samples 64 --confidence 0.95
  vae score screws-1 new --fdr 0.1 --json
  vae score screws-1 new --fpr 0.02 --maps maps > scores.csv
  inotifywait -mqe close_write --format %w%f inbox | vae score screws-1 -";

/// Score images by how strange they are, and flag them at a promised rate of false alarms
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct ScoreImages {
    #[command(flatten)]
    model: ModelArg,

    /// Images: files, folders or archives, fitted as in training, or `-` for their paths on stdin. Name the RUN first
    /// [default: the test images of the run's data]
    #[arg(value_name = "IMAGES")]
    images: Vec<PathBuf>,

    #[command(flatten)]
    scoring: ScoreArgs,

    /// Flag normal images at a rate of at most A [default: 0.05]
    #[arg(
        long,
        value_name = "A",
        conflicts_with = "fdr",
        allow_negative_numbers = true
    )]
    fpr: Option<f64>,

    /// Keep the rate of --fpr with probability C over calibration sets [default: in the mean over them]
    #[arg(
        long,
        value_name = "C",
        conflicts_with = "fdr",
        allow_negative_numbers = true
    )]
    confidence: Option<f64>,

    /// Flag images such that at most the share Q of the flagged are normal, on average
    #[arg(long, value_name = "Q", allow_negative_numbers = true)]
    fdr: Option<f64>,

    /// Write where each image is strange into this folder, in colour over the image and as an array
    #[arg(long, value_name = "DIR")]
    maps: Option<PathBuf>,

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
        let model = self.model.open()?;
        let args = self.score_args();
        // Maps draw samples, even if the score draws none.
        let protocol = args.last().unwrap_or(&self.scoring).protocol(&model)?;
        let scores = args.iter().map(|args| args.score).collect();
        let scorer = scorer(&model, &self.data, protocol, scores)?;
        let calibrations = calibrations(&model, &self.data, &args, protocol, &scorer)?;
        let calibration = &calibrations[0];
        let rule = promise
            .map(|promise| calibration.rule(promise))
            .transpose()?;
        if let Some(rule) = &rule {
            introduce(rule, self.confidence);
        }
        let mut blocks = if self.images.is_empty() {
            ImageBlocks::of_split(&model.data(&self.data)?.0.test)
        } else {
            ImageBlocks::of_paths(&self.images, &model)?
        };
        let maps = self.map_folder(&model, promise, calibrations.last().unwrap_or(calibration))?;
        let run = model.run_folder();
        let kept = run.map(|run| CalibrationFile::read(&run)).transpose()?;
        let streams = rule.is_some() && !self.json;
        let scoring = Scoring {
            model: &model,
            scorer: &scorer,
            calibration,
            rule: rule.as_ref(),
            kept: kept.as_ref().and_then(Option::as_ref),
            maps: maps.as_ref(),
        };
        let (mut scored, ended) = scoring.score(&mut blocks, streams)?;
        if let Some(q) = self.fdr {
            let p_values: Vec<f64> = scored.rows.iter().map(|row| row.p).collect();
            let found = Discoveries::new(&p_values, q);
            scored.flagged = found.count();
            let flags = scored.rows.iter_mut().zip(found.flagged);
            flags.for_each(|(row, flagged)| row.flagged = flagged);
        }
        let drift = Drift::new(calibration, &scored.scores);
        if self.json {
            let mut report = self.as_json(calibration, rule.as_ref(), &scored, drift);
            report["complete"] = json!(ended.is_ok());
            let draws = args.iter().any(|args| args.draws(&model));
            if let Some(maps) = &maps {
                report["maps"] = json!(self.maps);
                report["map_threshold"] = json!(maps.rule.threshold);
                report["map_mean_rate"] = json!(maps.rule.mean_rate);
            }
            report["samples"] = json!(draws.then_some(protocol.samples));
            report["seed"] = json!(protocol.seed);
            report["model"] = json!(model.path);
            report["model_hash"] = json!(model.hash);
            ui::data(report)?;
        } else if !streams {
            ui::data(csv(&scored.rows, &scored.skipped, scoring.format(true))?)?;
        }
        ended?;
        self.conclude(&scored, drift)?;
        self.name_next(&model);
        Ok(())
    }

    /// Names the command that shows where images are strange or, once that is shown, the one that counts what is found. After
    /// a stream of paths nothing comes next.
    fn name_next(&self, model: &LoadedModel) {
        let run = model_word(model);
        let images = match &self.images[..] {
            [] => String::new(),
            [stream] if stream == Path::new("-") => return,
            [one] => format!(" {}", shell_word(one)),
            _ => " IMAGES".to_owned(),
        };
        match self.maps {
            _ if self.json => {}
            None => next(format_args!("score {run}{images} --maps maps")),
            Some(_) => next(format_args!("anomalies {run} --abnormal IMAGES")),
        }
    }

    /// Returns the flags of each score: that which was asked for, and that of maps if these are to be written.
    fn score_args(&self) -> Vec<ScoreArgs> {
        let mut all = vec![self.scoring.clone()];
        if self.maps.is_some() && self.scoring.score != AnomalyScore::Map {
            all.push(self.scoring.for_score(AnomalyScore::Map));
        }
        all
    }

    /// Opens the folder of the maps, and says what their colours promise.
    fn map_folder(
        &self,
        model: &LoadedModel,
        promise: Option<FalseAlarmPromise>,
        calibration: &Calibration,
    ) -> Result<Option<MapFolder>> {
        let Some(path) = &self.maps else {
            return Ok(None);
        };
        // A share of false alarms among flagged images says nothing about pixels.
        let promise = promise.unwrap_or(FalseAlarmPromise {
            rate: FALSE_ALARMS,
            confidence: None,
        });
        let rule = calibration.rule(promise)?;
        ui::note(format_args!(
            "maps: pixels above {:.3} are coloured, compared with at most {MOST_FOR_MAPS} training images; a normal image has any coloured pixel with probability at most {:.2} %",
            rule.threshold,
            100.0 * rule.mean_rate
        ));
        let about = json!({
            "model_hash": model.hash,
            "threshold": rule.threshold,
            "mean_rate": rule.mean_rate,
            "calibration_images": calibration.count(),
        });
        MapFolder::open(path, calibration.clone(), rule, &about).map(Some)
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

    fn as_json(
        &self,
        calibration: &Calibration,
        rule: Option<&FlaggingRule>,
        scored: &Scored,
        drift: Option<Drift>,
    ) -> serde_json::Value {
        let images: Vec<_> = scored.rows.iter().map(ScoredRow::json).collect();
        let skipped: Vec<_> = scored
            .skipped
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
            "flagged": scored.flagged,
            "drift": drift.map(|drift| json!({"distance": drift.distance, "p": drift.p_value})),
            "images": images,
            "skipped": skipped,
        })
    }

    /// Says what was found, and ends with the exit code for it.
    fn conclude(&self, scored: &Scored, drift: Option<Drift>) -> Result<()> {
        let flagged = scored.flagged;
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
            counted(scored.scores.len(), "image")
        );
        // The exit code comes with the same words.
        let ends_with_found = self.exit_code && flagged > 0 && scored.unreadable == 0;
        if !ends_with_found {
            ui::note(&found);
        }
        if scored.calibrate > 0 {
            ui::note(format_args!(
                "note: {} of these images calibrate the model, and nothing is promised for them",
                scored.calibrate
            ));
        }
        if let Some(Drift { distance, p_value }) = drift {
            let what = if p_value < 0.01 {
                "unlike the calibration images: many are abnormal, or normal ones come from elsewhere now, and then the promise does not hold"
            } else if p_value < 0.1 {
                "perhaps unlike the calibration images: more images would tell"
            } else {
                "like the calibration images as a whole: no sign of drift"
            };
            let p = if p_value < 0.005 {
                "below 0.005".to_owned()
            } else {
                format!("{p_value:.3}")
            };
            ui::note(format_args!(
                "these images are {what} (KS {distance:.2}, p {p})"
            ));
        }
        if scored.unreadable > 0 {
            return Err(Error::failed(format!(
                "{} cannot be read",
                counted(scored.unreadable, "image")
            )));
        }
        if ends_with_found {
            return Err(Error::found(found));
        }
        Ok(())
    }
}

/// Says what is promised, and what is not.
fn introduce(rule: &FlaggingRule, confidence: Option<f64>) {
    let [low, high] = rule.rate_range.map(|rate| 100.0 * rate);
    ui::note(format_args!(
        "scores above {:.4} are flagged: a normal image with probability at most {:.2} %; the rate of one calibration set is between {low:.1} and {high:.1} % for 90 % of such sets",
        rule.threshold,
        100.0 * rule.mean_rate
    ));
    if let Some(confidence) = confidence {
        ui::note(format_args!(
            "with probability {} over calibration sets, the rate is at most --fpr",
            percent(confidence)
        ));
    }
    ui::note(
        "not promised: how many abnormal images are missed, or any rate for images that come from elsewhere than the calibration images",
    );
}
