//! The steps that the exports of models share: loading the model, and writing the files.

use std::fs;
use std::path::PathBuf;

use super::request::ExportRequest;
use crate::cli::destination::Destination;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::model_arg::locate;
use crate::error::{Error, Result};
use crate::export::{ExportedModel, MeasuredElbo};
use crate::figure::NamedFile;
use crate::model::export as weights;
use crate::run::About;
use crate::run::exports::unwritten_exports;
use crate::train::ModelFile;
use crate::{device, files};

/// Loads the model that an export is of, and claims the folder that it is written into: the one that `--out` names, or the one
/// of the `format` in the run's folder.
///
/// # Errors
/// Returns an error if there is no such model, or if the export cannot be written there.
pub fn load(request: &ExportRequest, format: &str) -> Result<(LoadedModel, Destination)> {
    let device = device::select(request.device.as_deref().unwrap_or("auto"))?;
    let (path, folder) = locate(request.run.as_deref())?;
    if folder.as_os_str().is_empty() && request.out.is_none() {
        return Err(Error::file(
            path,
            "this is a model file, and the default place of an export is the folder of a run",
        )
        .with_hint("name a folder: `--out DIR`"));
    }
    // A folder that is wrong is found before the work.
    let destination = Destination::claim(request.out.as_deref(), &folder, format)?;
    Ok((LoadedModel::new(path, folder, device)?, destination))
}

/// Returns the model with what the formats say about it.
pub fn exported(model: &LoadedModel) -> Result<ExportedModel> {
    let run = model.run_folder();
    let elbo = match &run {
        Some(run) => MeasuredElbo::read(run, &model.hash)?,
        None => None,
    };
    let file = ModelFile {
        config: model.config.clone(),
        card: model.card.clone(),
        tensors: weights(&model.vae),
    };
    // A model that was moved away from its run does not know it.
    let about = run.and_then(|run| About::read(&run.about()).ok());
    let data = about.map_or(model.config.data.tag().to_owned(), |about| about.data);
    ExportedModel::new(&model.name(), &data, file, elbo)
}

/// Writes the files of an export in this format, which replace those of an earlier one. Returns their paths.
pub fn write(
    destination: &Destination,
    format: &str,
    contents: &[NamedFile],
) -> Result<Vec<PathBuf>> {
    let named: Vec<(&str, &[u8])> = contents
        .iter()
        .map(|file| (&*file.name, &*file.bytes))
        .collect();
    files::write_together(&destination.path, &named)?;
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    for name in unwritten_exports(format, &names) {
        // The file of an earlier export, which is of another model.
        let path = destination.path.join(name);
        if files::is_there(&path)? {
            fs::remove_file(&path).map_err(|error| files::unwritable(&path, &error))?;
        }
    }
    Ok(names
        .iter()
        .map(|name| destination.path.join(name))
        .collect())
}
