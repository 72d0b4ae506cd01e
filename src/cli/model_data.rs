//! The data of a trained model. It is read from where training found it, and compared with the data of the training.

use std::path::Path;

use crate::data::{self, Data, DataPaths, Dataset};
use crate::error::{Error, Result};
use crate::model::Features;
use crate::run::remembered_data;
use crate::train::ModelCard;
use crate::ui;

/// Reads the data from `folder`, or from where the training of the run in `run` found it, and returns it with its hash.
/// Prints a note if the images differ from those that the model was trained on.
///
/// # Errors
/// Returns an error if the data cannot be read, or if its shape or classes differ from the model's.
pub fn load(
    config: &Data,
    card: &ModelCard,
    is_conditional: bool,
    run: Option<&Path>,
    folder: Option<&Path>,
) -> Result<(Dataset, String)> {
    data::check_folder(config, folder)?;
    let folder = folder.map(Path::to_path_buf);
    let paths = DataPaths::from_environment(folder.or_else(|| remembered_data(run?)))?;
    let dataset = data::load(config, &paths)?;
    if dataset.train.shape != card.image_shape {
        return Err(Error::request(format!(
            "the model is for images of {}, and the data has {} (channels, height, width)",
            Features::Map(card.image_shape),
            Features::Map(dataset.train.shape)
        )));
    }
    if is_conditional && dataset.classes != card.classes {
        let found = if dataset.classes.is_empty() {
            "no labels".to_owned()
        } else {
            dataset.classes.join(", ")
        };
        let classes = card.classes.join(", ");
        return Err(Error::request(format!(
            "the model is conditional on the classes {classes}, and the data has {found}"
        )));
    }
    let hash = data::hash(&dataset)?;
    if hash != card.data_hash {
        ui::note(format_args!(
            "note: this is not the data that the model was trained on ({hash}, not {})",
            card.data_hash
        ));
    }
    Ok((dataset, hash))
}
