//! The calibration of each score: the scores that `vae calibrate` kept, or those of the images that the training set aside.

use super::measuring::Measuring;
use crate::cli::calibration::kept;
use crate::cli::data_arg::DataArg;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::score_args::ScoreArgs;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::eval::Protocol;
use crate::eval::anomaly::{AnomalyScore, Calibration, FalseAlarmPromise, FlaggingRule};
use crate::report::anomalies::CalibrationSource;

/// The rule of each score, where there is a calibration.
#[derive(Debug, Default)]
pub struct Thresholds {
    /// In the order of the scores.
    pub calibrations: Vec<Option<Calibration>>,
    pub source: Option<CalibrationSource>,
    pub notes: Vec<String>,
}

impl Thresholds {
    /// Calibrates the scores of the model, and beside them those that need none if there are images for it.
    ///
    /// # Errors
    /// Returns an error if the calibration images or the kept scores cannot be read.
    pub fn read(
        model: &LoadedModel,
        data: &DataArg,
        scores: &[AnomalyScore],
        samples: Option<usize>,
        protocol: Protocol,
        measuring: &Measuring,
    ) -> Result<Self> {
        let mut found = Self::default();
        if model
            .run_folder()
            .is_some_and(|run| run.calibration().is_file())
        {
            for &score in scores {
                let args = ScoreArgs::of(score, samples);
                match kept(model, &args, protocol) {
                    Ok(Some((scores, path))) => {
                        found.source = Some(CalibrationSource {
                            count: scores.len(),
                            from: format!("those of {}", path.display()),
                        });
                        found.calibrations.push(Some(Calibration::new(scores)?));
                    }
                    Ok(None) => found.calibrations.push(None),
                    // The score is measured all the same.
                    Err(error) => {
                        found.calibrations.push(None);
                        let hint = error.hint().map(|hint| format!("; {hint}"));
                        found.notes.push(format!(
                            "no threshold of {}: {error}{}",
                            score.name(),
                            hint.unwrap_or_default()
                        ));
                    }
                }
            }
            return Ok(found);
        }
        let (dataset, _) = model.data(data)?;
        let Some(images) = &dataset.calibration else {
            let or_train = match &model.config.data {
                Data::Images(_) => ", or train with `--set data.images.calibration=0.2`",
                _ => "",
            };
            found.notes.push(format!(
                "no threshold: no normal images were set aside in training, so nothing is promised; calibrate with `vae calibrate`{or_train}"
            ));
            return Ok(found);
        };
        let ids = images.first_ids(images.len());
        let columns = measuring.columns(images, &ids, &mut |_| {})?;
        for column in columns {
            found.calibrations.push(Some(Calibration::new(column)?));
        }
        found.source = Some(CalibrationSource {
            count: images.len(),
            from: "those that the training set aside".to_owned(),
        });
        Ok(found)
    }

    /// Returns the calibration of a score, by its place.
    pub fn of(&self, score: usize) -> Option<&Calibration> {
        self.calibrations.get(score)?.as_ref()
    }

    /// Returns which scores are flagged, by the place of the score. `is_asked`: a promise that a person asked for and that cannot be
    /// given is an error, and no note.
    ///
    /// # Errors
    /// Returns an error if the promise needs more calibration images.
    pub fn rules(
        &mut self,
        count: usize,
        promise: FalseAlarmPromise,
        is_asked: bool,
    ) -> Result<Vec<Option<FlaggingRule>>> {
        if is_asked && self.of(0).is_none() {
            let why = self.notes.last().cloned().unwrap_or_default();
            return Err(Error::request(why));
        }
        let mut rules = Vec::new();
        let mut wrong = None;
        for score in 0..count {
            let rule = match self.of(score).map(|calibration| calibration.rule(promise)) {
                Some(Err(error)) if is_asked => return Err(error),
                Some(Err(error)) => {
                    wrong = Some(error);
                    None
                }
                Some(Ok(rule)) => Some(rule),
                None => None,
            };
            rules.push(rule);
        }
        if let Some(error) = wrong {
            let hint = error.hint().map(|hint| format!("; {hint}"));
            let hint = hint.unwrap_or_default();
            self.notes.push(format!("no threshold: {error}{hint}"));
        }
        Ok(rules)
    }
}
