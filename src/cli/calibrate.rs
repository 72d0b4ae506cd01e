//! `vae calibrate`: keeps the scores of normal images in the run, by which `vae score` promises a rate of false alarms.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;

use super::calibration::{CalibrationFile, CalibrationScores, image_hashes, scored};
use super::data_arg::DataArg;
use super::loaded_model::LoadedModel;
use super::model_arg::ModelArg;
use super::model_data;
use super::next::{next, run_word};
use super::score_args::ScoreArgs;
use super::scorer::scorer;
use crate::data::images::NewImages;
use crate::data::{Split, also_in};
use crate::error::{Error, Result};
use crate::eval::anomaly::{AnomalyScore, Calibration};
use crate::run::RunFolder;
use crate::words::counted;
use crate::{files, ui};

/// The explanation, for `--help`.
const LONG_HELP: &str = "\
The images must be normal, come from where the images to be scored come from, and neither have trained the model nor chosen it: \
images with the pixels of training or validation images are refused. The scores are kept in the run as calibration.json, and take \
the place of the images that the training set aside. A false-alarm rate of 1 % needs 99 images, and 299 with `--confidence \
0.95`; 5 % needs 19 and 59.

Examples:
  vae calibrate screws-1 --normal more-good
  vae calibrate screws-1 --normal more-good --score reconstruction --samples 64";

/// Calibrate `vae score` with normal images that did not train the model
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Calibrate {
    #[command(flatten)]
    model: ModelArg,

    /// Normal images: files, folders or archives, fitted as in training (repeatable)
    #[arg(long = "normal", value_name = "PATH", required = true)]
    normal: Vec<PathBuf>,

    #[command(flatten)]
    scoring: ScoreArgs,

    #[command(flatten)]
    data: DataArg,
}

impl Calibrate {
    pub fn run(self) -> Result<()> {
        let model = self.model.open()?;
        let Some(run) = model.run_folder() else {
            return Err(Error::file(
                &model.path,
                "a model file has no folder to keep a calibration in",
            )
            .with_hint("name the folder of the run"));
        };
        check_distinct(&self.normal)?;
        files::check_writable(&run.calibration())?;
        let protocol = self.scoring.protocol(&model)?;
        let scorer = scorer(&model, &self.data, protocol, vec![self.scoring.score])?;
        let NewImages { images, skipped } =
            model_data::find_images(&model.config, &model.card, &self.normal)?
                .read_all(&self.normal, true)?;
        for image in &skipped {
            ui::note(format_args!("skipped {}: {}", image.name, image.reason));
        }
        self.refuse_known(&model, &images)?;
        let (ids, hashes) = distinct(&images)?;
        let scores = scored(&model, &scorer, &images, &ids, "calibrating")?;
        let calibration = Calibration::new(scores.clone())?;
        let kept = CalibrationScores {
            samples: protocol.samples,
            seed: protocol.seed,
            scores,
        };
        write(&model, &run, hashes, self.scoring.score, kept)?;
        let count = calibration.count();
        ui::note(format_args!(
            "the score {} is calibrated with {}: the lowest false-alarm rate is 1/{} = {:.2} %",
            self.scoring.score.name(),
            counted(count, "normal image"),
            count + 1,
            100.0 / (count as f64 + 1.0)
        ));
        if let Some(set_aside) = &model.data(&self.data)?.0.calibration {
            ui::note(format_args!(
                "they take the place of the {} that the training set aside; remove {} to have those back",
                counted(set_aside.len(), "image"),
                run.calibration().display()
            ));
        }
        ui::data(run.calibration().display())?;
        next(format_args!("score {} IMAGES", run_word(&run.path)));
        Ok(())
    }

    /// Refuses images that trained or chose the model.
    fn refuse_known(&self, model: &LoadedModel, images: &Split) -> Result<()> {
        let (dataset, _) = model.data(&self.data)?;
        let seen: Vec<&Split> = [Some(&dataset.train), dataset.validation.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        let compare = || also_in(&seen, images);
        let known = ui::working("comparing with the training images", compare)?;
        let Some(&first) = known.first() else {
            return Ok(());
        };
        let name = images.names.as_ref().map_or("", |names| &names[first]);
        Err(Error::file(
            &self.normal[0],
            format!(
                "{} of these {} have the pixels of images that trained or chose the model; the first one: {name}",
                known.len(),
                counted(images.len(), "image")
            ),
        )
        .with_hint("calibrate with other images: the model knows these too well"))
    }
}

/// Checks that no image is named twice: it would count as two.
///
/// # Errors
/// Returns an error if a path is another one, or lies in it.
pub fn check_distinct(paths: &[PathBuf]) -> Result<()> {
    let real: Vec<PathBuf> = paths
        .iter()
        .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()))
        .collect();
    for (i, path) in real.iter().enumerate() {
        let others = real.iter().enumerate().filter(|(j, _)| *j != i);
        if let Some((j, _)) = others
            .into_iter()
            .find(|(_, other)| path.starts_with(other))
        {
            return Err(Error::file(
                &paths[i],
                format!(
                    "these images are named a second time by {}",
                    paths[j].display()
                ),
            )
            .with_hint("name each image once: the promise counts different images"));
        }
    }
    Ok(())
}

/// Returns the images with different pixels, and their MD5, and says if copies are left out: they would count as further images.
fn distinct(images: &Split) -> Result<(Vec<u32>, Vec<String>)> {
    let (mut ids, mut hashes) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (id, hash) in image_hashes(images)?.into_iter().enumerate() {
        if seen.insert(hash.clone()) {
            ids.push(id as u32);
            hashes.push(hash);
        }
    }
    if ids.len() < images.len() {
        ui::note(format_args!(
            "{} left out, with the pixels of another one: the promise counts different images",
            counted(images.len() - ids.len(), "image")
        ));
    }
    Ok((ids, hashes))
}

/// Writes the scores beside those of other scores of the same images.
fn write(
    model: &LoadedModel,
    run: &RunFolder,
    images: Vec<String>,
    score: AnomalyScore,
    kept: CalibrationScores,
) -> Result<()> {
    let empty = CalibrationFile {
        model: model.hash.clone(),
        images,
        scores: Default::default(),
    };
    // A file that cannot be read, or is of other images or another model, is replaced.
    let before = CalibrationFile::read(run).unwrap_or_default();
    let is_same =
        |file: &CalibrationFile| (&file.model, &file.images) == (&empty.model, &empty.images);
    if let Some(before) = before.as_ref().filter(|file| !is_same(file)) {
        let names: Vec<&str> = before.scores.keys().map(String::as_str).collect();
        ui::note(format_args!(
            "the scores {} of the calibration before are removed: they are of other images or of another model",
            names.join(", ")
        ));
    }
    let mut file = before.filter(is_same).unwrap_or(empty);
    file.scores.insert(score.name().to_owned(), kept);
    let text = serde_json::to_string(&file).map_err(Error::failed)?;
    files::write_inside(&run.calibration(), format!("{text}\n").as_bytes())
}
