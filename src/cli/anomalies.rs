//! `vae anomalies`: measures, on labelled images, how well a model's scores find abnormal images, beside scores that need no model.

use std::path::{Path, PathBuf};

use clap::Args;

use super::data_arg::DataArg;
use super::draw::{Place, check_writable, save};
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::next::{model_word, next};
use super::output::{show, warn_if_unwritable};
use super::score_args::{SAMPLES, check_samples};
use crate::data::{Choice, Part};
use crate::error::{Error, Result};
use crate::eval::Protocol;
use crate::eval::anomaly::{
    AnomalyScore, Detection, FALSE_ALARMS, FalseAlarmPromise, FlaggingRule, Oracle,
};
use crate::report::anomalies::{AnomalyReport, FlaggedImages, MeasuredKind, MeasuredScore};
use crate::report::{NEW_IMAGES, Provenance};
use crate::rng::Rng;
use crate::ui;

mod charts;
mod labelled;
mod measuring;
mod thresholds;

use charts::AnomalyCharts;
use labelled::LabelledImages;
use measuring::{AllScores, Measuring};
use thresholds::Thresholds;

/// The scores unless `--score` names others.
const USUAL: [AnomalyScore; 5] = [
    AnomalyScore::Elbo,
    AnomalyScore::Reconstruction,
    AnomalyScore::Error,
    AnomalyScore::Complexity,
    AnomalyScore::Map,
];

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Without --normal and --abnormal, the test images of the run's data are measured, which is then a folder of normal images (`good`) \
beside folders of abnormal ones, or MVTec's layout. Each folder is a kind of abnormal images. No image may have trained, chosen or \
calibrated the model.

AUROC is the probability that an abnormal image has a higher score than a normal one; 0.5 is chance. AUPRC is the average precision; \
its chance level, the share of abnormal images, stands beside it. `vae score --help` says what each score is. Two scores need no VAE: \
the squared error after projection on as many principal components as the model has latents, and the size of the image's PNG. The report says so if the model does not beat them.

`found` and `false alarms` are the images above the threshold that the run's calibration images give, at which normal images are \
flagged at a rate of at most --fpr. The threshold with the best F1 is named for comparison alone: it is chosen by the labels \
that it is measured with, which nobody has in practice.

With masks (`ground_truth/crack/3_mask.png` beside `test/crack/3.png`), the maps are measured too: AUROC over pixels, and the per-region \
overlap up to 30 % of the normal pixels (AUPRO: Bergmann et al. 2021).

Files in the run's folder, or in --out: anomaly-scores (histograms by kind), anomaly-roc (ROC curves), anomaly-worst (abnormal images with \
the lowest scores and normal ones with the highest, above what the model makes of them and their maps) and anomalies.csv.

Examples:
  vae anomalies screws-1
  vae anomalies screws-1 --score complexity --score iw --samples 64
  vae anomalies mnist-1 --abnormal letters --json";

/// Measure how well abnormal images are found, on labelled images
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Anomalies {
    #[command(flatten)]
    model: ModelArg,

    /// Normal images that the model has not seen: files, folders or archives, fitted as in training (repeatable) [default: the
    /// normal test images of the run's data]
    #[arg(long = "normal", value_name = "PATH")]
    normal: Vec<PathBuf>,

    /// Abnormal images; each folder below PATH is a kind (repeatable) [default: the abnormal test images of the run's data]
    #[arg(long = "abnormal", value_name = "PATH")]
    abnormal: Vec<PathBuf>,

    /// Measure this score (repeatable); the first one is looked at more closely [default: elbo, reconstruction, error, complexity,
    /// map]
    #[arg(long = "score", value_enum, value_name = "NAME")]
    scores: Vec<AnomalyScore>,

    /// Draw K samples of z for each image [default: 16]
    #[arg(long, value_name = "K")]
    samples: Option<usize>,

    /// Flag normal images at a rate of at most A [default: 0.05]
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    fpr: Option<f64>,

    /// Keep the rate of --fpr with probability C over calibration sets [default: in the mean over them]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    confidence: Option<f64>,

    #[command(flatten)]
    data: DataArg,

    /// Write the figures and the table into this folder [default: the run's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Anomalies {
    pub fn run(self) -> Result<()> {
        let promise = FalseAlarmPromise {
            rate: self.fpr.unwrap_or(FALSE_ALARMS),
            confidence: self.confidence,
        };
        promise.check()?;
        let model = self.model.open()?;
        let place = Place::Folder(self.out.as_deref());
        match self.out {
            Some(_) => check_writable(place, &model.folder, Path::new(""))?,
            None => warn_if_unwritable(&model.folder.join("anomalies.csv")),
        }
        let (shown, protocol) = self.scores(&model)?;
        let labelled = LabelledImages::read(&model, &self.data, &self.normal, &self.abnormal)?;
        // The figures show maps even if their score is not shown.
        let mut scores = shown.clone();
        if !scores.contains(&AnomalyScore::Map) {
            scores.push(AnomalyScore::Map);
        }
        let measuring = Measuring::new(&model, protocol, scores.clone(), &self.data)?;
        let mut thresholds = Thresholds::read(
            &model,
            &self.data,
            &scores,
            self.samples,
            protocol,
            &measuring,
        )?;
        let is_asked = self.fpr.is_some() || self.confidence.is_some();
        let rules = thresholds.rules(scores.len() + 2, promise, is_asked)?;
        let all = measuring.all(&labelled)?;
        let report = AnomalyReport {
            provenance: self.provenance(&model, protocol, &labelled)?,
            samples: protocol.samples,
            scores: measured_scores(&shown, &scores, &all, &labelled, &rules, &measuring)?,
            kinds: measured_kinds(&all, &labelled, rules[0])?,
            oracle: {
                let (normal, abnormal) = labelled.divided(&all.columns[0], None);
                Oracle::new(&normal, &abnormal)
            },
            localisation: all.localisation,
            promise,
            calibration: thresholds.source.clone(),
            notes: [labelled.notes.clone(), thresholds.notes.clone()].concat(),
        };
        show(&report.report(), self.json)?;
        let charts = AnomalyCharts {
            model: &model,
            labelled: &labelled,
            measuring: &measuring,
            thresholds: &thresholds,
            columns: &all.columns,
            scores: &scores,
            rules: &rules,
            promise,
            measured: &report.scores,
        };
        let paths = save(&charts.figure()?, place, &model.folder, Path::new(""));
        let paths = paths.map_err(|error| error.failing("the results above are not kept"))?;
        // A chart has two formats, and one of them is enough to be named.
        let is_svg = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "svg");
        for path in paths.iter().filter(|path| !is_svg(path)) {
            ui::note(format_args!("look at {}", path.display()));
        }
        if !self.json {
            next(format_args!("score {} IMAGES", model_word(&model)));
        }
        Ok(())
    }

    /// Returns the scores that are shown, and the conditions of the measurement.
    fn scores(&self, model: &LoadedModel) -> Result<(Vec<AnomalyScore>, Protocol)> {
        let samples = self.samples.unwrap_or(SAMPLES);
        check_samples(samples)?;
        let protocol = model.protocol(samples, None);
        let is_sampled = protocol.latent_mode.is_sampled();
        if let (Some(samples), false) = (self.samples, is_sampled) {
            return Err(Error::request(format!(
                "--samples {samples}: an autoencoder draws no samples, so the flag would have no effect"
            ))
            .with_hint("leave the flag out"));
        }
        let mut scores: Vec<AnomalyScore> = Vec::new();
        for &score in &self.scores {
            if !scores.contains(&score) {
                scores.push(score);
            }
        }
        if scores.is_empty() {
            let suits = |score: &AnomalyScore| is_sampled || score.suits_autoencoder();
            scores.extend(USUAL.into_iter().filter(suits));
        }
        Ok((scores, protocol))
    }

    fn provenance(
        &self,
        model: &LoadedModel,
        protocol: Protocol,
        labelled: &LabelledImages,
    ) -> Result<Provenance> {
        let (dataset, _) = model.data(&self.data)?;
        let part = Part::new(&dataset.test, Choice::All);
        let provenance = model.provenance("test", &part, protocol.seed)?;
        let data = match (self.normal.is_empty(), self.abnormal.is_empty()) {
            (true, true) => provenance.data.clone(),
            (false, false) => NEW_IMAGES.to_owned(),
            _ => format!("{} and {NEW_IMAGES}", provenance.data),
        };
        Ok(Provenance {
            data,
            images: labelled.count(),
            images_in_split: labelled.count(),
            ..provenance
        })
    }
}

/// Measures the images by their scores; all scores have the same resamples.
fn detection(normal: &[f64], abnormal: &[f64]) -> Result<Detection> {
    Detection::measure(normal, abnormal, Rng::new(0).stream("anomalies"))
}

fn measured_scores(
    shown: &[AnomalyScore],
    scores: &[AnomalyScore],
    all: &AllScores,
    labelled: &LabelledImages,
    rules: &[Option<FlaggingRule>],
    measuring: &Measuring,
) -> Result<Vec<MeasuredScore>> {
    let of_model = shown.iter().enumerate();
    let of_model = of_model.map(|(place, score)| (place, score.name(), score.name().to_owned()));
    let pca = format!("PCA of {} (no VAE)", measuring.components);
    let baselines = [
        (scores.len(), "pca", pca),
        (scores.len() + 1, "png_size", "PNG size (no VAE)".to_owned()),
    ];
    let measured = of_model.chain(baselines).map(|(place, name, title)| {
        let (normal, abnormal) = labelled.divided(&all.columns[place], None);
        let flagged = rules[place].map(|rule| {
            let count = |scores: &[f64]| scores.iter().filter(|score| rule.flags(**score)).count();
            FlaggedImages {
                rule,
                normal: count(&normal),
                abnormal: count(&abnormal),
            }
        });
        Ok(MeasuredScore {
            name: name.to_owned(),
            title,
            is_baseline: place >= scores.len(),
            detection: detection(&normal, &abnormal)?,
            flagged,
        })
    });
    measured.collect()
}

/// Measures each kind of abnormal images by the first score.
fn measured_kinds(
    all: &AllScores,
    labelled: &LabelledImages,
    rule: Option<FlaggingRule>,
) -> Result<Vec<MeasuredKind>> {
    let kinds = labelled.kinds.iter().enumerate().map(|(kind, name)| {
        let (normal, abnormal) = labelled.divided(&all.columns[0], Some(kind));
        let count = |rule: FlaggingRule| abnormal.iter().filter(|s| rule.flags(**s)).count();
        Ok(MeasuredKind {
            name: name.clone(),
            detection: detection(&normal, &abnormal)?,
            flagged: rule.map(count),
        })
    });
    kinds.collect()
}
