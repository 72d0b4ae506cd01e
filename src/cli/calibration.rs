//! The scores of normal images that a model is calibrated by: those that `vae calibrate` kept in the run, or those of the images
//! that the training itself set aside.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::data_arg::DataArg;
use super::loaded_model::LoadedModel;
use super::score_args::ScoreArgs;
use crate::data::fetch::md5_hex;
use crate::data::{Data, Split};
use crate::error::{Error, Result, shell_word};
use crate::eval::Protocol;
use crate::eval::anomaly::{Calibration, Scorer};
use crate::run::RunFolder;
use crate::{files, ui};

/// The file `calibration.json` of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFile {
    /// The hash of the model file that the scores are of.
    pub model: String,
    /// The MD5 of each calibration image, in their order.
    pub images: Vec<String>,
    /// The scores by the names of the scores.
    pub scores: BTreeMap<String, CalibrationScores>,
}

/// The scores of calibration images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationScores {
    /// The samples of z for each image.
    pub samples: usize,
    pub seed: u64,
    pub scores: Vec<f64>,
}

impl CalibrationFile {
    /// Reads the file of a run, or returns `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn read(run: &RunFolder) -> Result<Option<Self>> {
        let path = run.calibration();
        if !files::is_there(&path)? {
            return Ok(None);
        }
        let file = serde_json::from_slice(&files::read(&path)?).map_err(|error| {
            Error::file(&path, format!("this is no calibration file: {error}"))
                .with_hint("write it again: `vae calibrate`, or remove it")
        })?;
        Ok(Some(file))
    }

    /// Returns the images of a split that calibrate.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read.
    pub fn known(&self, split: &Split) -> Result<Vec<usize>> {
        let own: HashSet<&str> = self.images.iter().map(String::as_str).collect();
        let hashes = image_hashes(split)?;
        let known = hashes.iter().enumerate();
        let known = known.filter(|(_, hash)| own.contains(hash.as_str()));
        Ok(known.map(|(image, _)| image).collect())
    }

    /// Returns the scores that were computed under these conditions.
    ///
    /// # Errors
    /// Returns an error if the file is of another model, or has other scores.
    fn find(
        &self,
        model: &LoadedModel,
        run: &RunFolder,
        args: &ScoreArgs,
        protocol: Protocol,
    ) -> Result<Vec<f64>> {
        let path = run.calibration();
        let draws = args.draws(model);
        let hint = format!(
            "calibrate again: vae calibrate {} {} --normal IMAGES",
            shell_word(&run.path),
            args.words(draws)
        );
        if self.model != model.hash {
            return Err(Error::file(
                &path,
                "these are scores of another model: the run has been trained further since, or RUN names another of its models",
            )
            .with_hint(hint));
        }
        let name = args.score.name();
        let found = self.scores.get(name).filter(|found| {
            !draws || (found.samples, found.seed) == (protocol.samples, protocol.seed)
        });
        found.map(|found| found.scores.clone()).ok_or_else(|| {
            let samples = if draws {
                format!(" from {} samples of z", protocol.samples)
            } else {
                String::new()
            };
            Error::file(&path, format!("it has no scores `{name}`{samples}")).with_hint(hint)
        })
    }
}

/// Returns the calibration of each of the scorer's scores, whose flags are `args`, and says which images calibrate.
///
/// # Errors
/// Returns an error if no images calibrate, or if they cannot be read.
pub fn calibrations(
    model: &LoadedModel,
    data: &DataArg,
    args: &[ScoreArgs],
    protocol: Protocol,
    scorer: &Scorer,
) -> Result<Vec<Calibration>> {
    let kept: Vec<Option<(Vec<f64>, PathBuf)>> = args
        .iter()
        .map(|args| kept(model, args, protocol))
        .collect::<Result<_>>()?;
    let from = match kept.iter().flatten().next() {
        Some((_, path)) => format!("those of {}", path.display()),
        None => "those that the training set aside".to_owned(),
    };
    let columns: Vec<Vec<f64>> = match kept.into_iter().collect::<Option<Vec<_>>>() {
        Some(kept) => kept.into_iter().map(|(scores, _)| scores).collect(),
        None => {
            let images = set_aside(model, data)?;
            let ids = images.first_ids(images.len());
            columns(model, scorer, images, &ids, "calibrating")?
        }
    };
    ui::note(format_args!(
        "{} normal images calibrate, {from}",
        columns.first().map_or(0, Vec::len)
    ));
    if model.card.started_from.is_some() {
        ui::note(
            "note: the training began with another model; if that was trained on any of these images, normal images are flagged more often than promised",
        );
    }
    columns.into_iter().map(Calibration::new).collect()
}

/// Returns the scores that `vae calibrate` kept in the run, with their file, or `None` if there are none.
///
/// # Errors
/// Returns an error if the file is of another model, or has other scores.
pub fn kept(
    model: &LoadedModel,
    args: &ScoreArgs,
    protocol: Protocol,
) -> Result<Option<(Vec<f64>, PathBuf)>> {
    let Some(run) = model.run_folder() else {
        return Ok(None);
    };
    let Some(file) = CalibrationFile::read(&run)? else {
        return Ok(None);
    };
    let scores = file.find(model, &run, args, protocol)?;
    Ok(Some((scores, run.calibration())))
}

/// Returns the images that the training set aside.
fn set_aside<'a>(model: &'a LoadedModel, data: &DataArg) -> Result<&'a Split> {
    let (dataset, _) = model.data(data)?;
    dataset.calibration.as_ref().ok_or_else(|| {
        let run = model
            .run_folder()
            .map_or(model.path.clone(), |run| run.path);
        let run = shell_word(run);
        let or_train = match &model.config.data {
            Data::Images(_) => "; or train with `--set data.images.calibration=0.2`",
            _ => "",
        };
        Error::request("no images calibrate this model: none were set aside in its training").with_hint(
            format!(
                "pass normal images that it was not trained on: vae calibrate {run} --normal IMAGES{or_train}"
            ),
        )
    })
}

/// Returns the MD5 of each image of a split, in their order.
///
/// # Errors
/// Returns an error if an image cannot be read.
pub fn image_hashes(split: &Split) -> Result<Vec<String>> {
    let hash = |image| Ok(md5_hex(&[&split.image(image)?]));
    (0..split.len()).map(hash).collect()
}

/// Returns the first score of the images `ids` of a split, with a bar.
///
/// # Errors
/// Returns an error if an image cannot be read, or a score is not finite.
pub fn scored(
    model: &LoadedModel,
    scorer: &Scorer,
    images: &Split,
    ids: &[u32],
    what: &'static str,
) -> Result<Vec<f64>> {
    let columns = columns(model, scorer, images, ids, what)?;
    Ok(columns.into_iter().next().unwrap_or_default())
}

/// Returns each score of the images `ids` of a split, `[scores][images]`, with a bar.
fn columns(
    model: &LoadedModel,
    scorer: &Scorer,
    images: &Split,
    ids: &[u32],
    what: &'static str,
) -> Result<Vec<Vec<f64>>> {
    let bar = ui::image_bar(what, ids.len());
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let scored = scorer.each(images, ids, &mut |image| {
        columns.resize(image.scores.len(), Vec::new());
        let pairs = columns.iter_mut().zip(image.scores);
        pairs.for_each(|(column, score)| column.push(score));
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    scored?;
    if columns.iter().flatten().all(|score| score.is_finite()) {
        Ok(columns)
    } else {
        Err(model.broken("scores are NaN or infinite"))
    }
}
