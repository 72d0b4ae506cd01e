//! The data of a trained model. It is read from where training found it, and compared with the data of the training.

use super::data_arg::DataArg;
use crate::config::Config;
use crate::data::{self, DataPaths, Dataset, NamedBy, NamedFolder};
use crate::error::{Error, Result};
use crate::run::{RememberedData, RunFolder, remembered_data};
use crate::train::ModelCard;
use crate::ui;

/// Returns the folder that the `--data` of a run's training named, or `None` if it named none.
///
/// # Errors
/// Returns an error if the run's `about.json` cannot be read.
pub fn named_by_run(run: &RunFolder) -> Result<Option<NamedFolder>> {
    let path = remembered_data(run)?.data_folder;
    Ok(path.map(|path| NamedFolder {
        path,
        by: NamedBy::Run(run.about()),
    }))
}

/// Reads the data that `argument` names, or that the training of the run in `run` named, and returns it with its hash.
///
/// # Errors
/// Returns an error if the data cannot be read, if its shape or classes differ from the model's, or if it is not the
/// data that the model was trained on and `--other-data` was not passed.
pub fn load(
    config: &Config,
    card: &ModelCard,
    run: &RunFolder,
    argument: &DataArg,
) -> Result<(Dataset, String)> {
    let folder = argument.folder.as_ref();
    data::check_folder(&config.data, folder.map(|folder| folder.as_path()))?;
    let named = match folder {
        Some(folder) => Some(NamedFolder::by_flag(folder)),
        None if config.data.kind().reads_files() => named_by_run(run)?,
        None => None,
    };
    let paths = DataPaths::from_environment(named)?;
    let dataset = ui::working("reading the data", || data::load(&config.data, &paths))?;
    card.check_data(&dataset, config.condition.is_some())?;
    let hash = data::hash(&dataset)?;
    if hash != card.data_hash {
        if !argument.other_data {
            return Err(other_data(&dataset, &hash, card, run));
        }
        ui::note(format_args!(
            "note: this is not the data that the model was trained on ({hash}, not {})",
            card.data_hash
        ));
    }
    Ok((dataset, hash))
}

/// Returns the error for data that the model was not trained on.
fn other_data(dataset: &Dataset, hash: &str, card: &ModelCard, run: &RunFolder) -> Error {
    // A training before that file was kept, or a model file alone, does not say where the data was.
    let RememberedData {
        data_folder,
        data_found_in,
    } = remembered_data(run).unwrap_or_default();
    let trained_in = data_found_in
        .or(data_folder)
        .map(|folder| format!(", then in {}", folder.display()))
        .unwrap_or_default();
    let what = format!(
        "this is not the data that the model was trained on: expected {}{trained_in}, found {hash}",
        card.data_hash
    );
    match &dataset.folder {
        Some(folder) => Error::file(folder, what).with_hint(
            "pass `--data DIR` with the folder of the training's data, or `--other-data` to go on with this data",
        ),
        None => Error::request(format!("`{}`: {what}", dataset.name)).with_hint(
            "another version of vae generates this data set otherwise: pass `--other-data` to go on with this data",
        ),
    }
}
