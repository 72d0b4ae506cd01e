//! `vae export --to onnx`: the encoder, the decoder and the score as ONNX models.

use std::path::PathBuf;

use super::exporting::{exported, load, write};
use super::request::ExportRequest;
use crate::cli::calibration::{kept, scored};
use crate::cli::loaded_model::LoadedModel;
use crate::cli::sample_sheet::sample_rng;
use crate::cli::score_args::ScoreArgs;
use crate::cli::scorer::scorer;
use crate::cli::table::write_npy;
use crate::data::Data;
use crate::error::{Error, Result, shell_word};
use crate::eval::LatentSampler;
use crate::eval::anomaly::AnomalyScore;
use crate::export::{ExportedModel, onnx};
use crate::figure::NamedFile;
use crate::model::rows;
use crate::run::exports::{ONNX, PRIOR, USE};
use crate::ui;

/// The number of latents in `prior.npy`: enough for a look at the images.
const FROM_PRIOR: u32 = 256;

/// Writes the models, and returns the paths of all files.
pub fn export(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    let (model, destination) = load(request, ONNX)?;
    let exported = exported(&model)?;
    let calibration = match calibration(request, &model) {
        Ok(scores) => scores,
        // The flags are there for the calibration alone.
        Err(error) if request.data.given().is_some() => return Err(error),
        Err(error) => {
            ui::note(format_args!(
                "note: the files have no scores that calibrate, so `use.py` prints no p-value: {}",
                error.render()
            ));
            None
        }
    };
    let mut files = onnx::files(&exported, calibration.as_deref())?;
    files.extend(prior(&model, &exported)?);
    let paths = write(&destination, ONNX, &files)?;
    if let Some(program) = paths.iter().find(|path| path.ends_with(USE)) {
        ui::note(format_args!(
            "use it with: python3 {} IMAGE{}",
            shell_word(program),
            if model.vae.class_count().is_some() {
                " CLASS"
            } else {
                ""
            }
        ));
    }
    Ok(paths)
}

/// Returns the scores of the normal images that calibrate the score `error`; `None` if there are no such images.
///
/// # Errors
/// Returns an error if the images cannot be read, if their kept scores are others, or if a flag has no effect.
fn calibration(request: &ExportRequest, model: &LoadedModel) -> Result<Option<Vec<f64>>> {
    let args = ScoreArgs::of(AnomalyScore::Error, None);
    let protocol = args.protocol(model)?;
    let kept = kept(model, &args, protocol)?;
    let sets_aside = match &model.config.data {
        Data::Images(images) => images.calibration.unwrap_or_default() > 0.0,
        _ => false,
    };
    if kept.is_some() || !sets_aside {
        return match request.data.given() {
            None => Ok(kept.map(|(scores, _)| scores)),
            Some(given) => Err(Error::request(format!(
                "{given}: has no effect, because no images of the data are read"
            ))
            .with_hint("leave the flag out")),
        };
    }
    let (dataset, _) = model.data(&request.data)?;
    let Some(images) = &dataset.calibration else {
        return Ok(None);
    };
    let scorer = scorer(model, &request.data, protocol, vec![AnomalyScore::Error])?;
    let ids = images.first_ids(images.len());
    scored(model, &scorer, images, &ids, "calibrating").map(Some)
}

/// Returns `prior.npy`, for a prior that is no part of the decoder.
fn prior(model: &LoadedModel, exported: &ExportedModel) -> Result<Option<NamedFile>> {
    let prior = &model.vae.network().prior;
    if !exported.is_variational() {
        ui::note(
            "note: an autoencoder has no prior and no variances: encoder.onnx gives the latent as `mean`, and there is nothing to sample from",
        );
        return Ok(None);
    }
    if prior.is_normal() {
        return Ok(None);
    }
    ui::note(format_args!(
        "note: the {} prior is no part of decoder.onnx; prior.npy has {FROM_PRIOR} latents drawn from it, to be decoded",
        prior.tag()
    ));
    let ids: Vec<u32> = (0..FROM_PRIOR).collect();
    let sampler = LatentSampler::Prior { temperature: 1.0 };
    let latents = rows(sampler.draw(&model.vae, sample_rng(model.config.seed), &ids));
    model.check_finite(&latents)?;
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &latents).map_err(Error::failed)?;
    Ok(Some(NamedFile::new(PRIOR, bytes)))
}
