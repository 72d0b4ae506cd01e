//! The data of a trained model. It is read from where training found it, and compared with the data of the training.

use std::path::{Path, PathBuf};

use super::data_arg::DataArg;
use crate::config::Config;
use crate::data::images::{FoundImages, LabelsFrom, NewImages};
use crate::data::{self, Data, DataPaths, Dataset, NamedBy, NamedFolder};
use crate::error::{Error, Result};
use crate::report::{KNOWN_IMAGES, NEW_IMAGES};
use crate::run::{RememberedData, RunFolder, remembered_data};
use crate::train::ModelCard;
use crate::ui;

/// Returns the folder that the `--data` of a run's training named, or `None` if it named none or if the data set of
/// `config` reads no files.
///
/// # Errors
/// Returns an error if the data set reads files and the run's `about.json` cannot be read.
pub fn named_by_run(run: &RunFolder, config: &Config) -> Result<Option<NamedFolder>> {
    if !config.data.kind().reads_files() {
        return Ok(None);
    }
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
        None => named_by_run(run, config)?,
    };
    let paths = DataPaths {
        keeps_images: !argument.no_cache,
        ..DataPaths::from_environment(named)?
    };
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

/// Reads new images, fitted as the images of the training, and returns them as the test images of a data set, with its
/// hash.
///
/// # Errors
/// Returns an error if an image cannot be read, or if a conditional model is not told the class of each image.
pub fn new_images(
    config: &Config,
    card: &ModelCard,
    run: &RunFolder,
    paths: &[PathBuf],
) -> Result<(Dataset, String)> {
    let name = name_of(paths, run);
    let NewImages { images, skipped } = find_images(config, card, paths)?.read_all(paths, true)?;
    for image in &skipped {
        ui::note(format_args!("skipped {}: {}", image.name, image.reason));
    }
    let classes = match images.labels {
        Some(_) => card.classes.clone(),
        None => Vec::new(),
    };
    let dataset = Dataset {
        name: name.to_owned(),
        folder: None,
        classes,
        train: images.slice(0..0),
        validation: None,
        calibration: None,
        test: images,
    };
    let hash = data::hash(&dataset)?;
    Ok((dataset, hash))
}

/// Says if the model of this file may have been trained on these images.
pub fn note_known(paths: &[PathBuf], model: &Path) {
    name_of(paths, &RunFolder::of_file(model));
}

/// Returns what a report calls these images, and says if the model may have been trained on them.
fn name_of(paths: &[PathBuf], run: &RunFolder) -> &'static str {
    match paths.iter().find(|path| is_of_training(path, run)) {
        None => NEW_IMAGES,
        Some(path) => {
            ui::note(format_args!(
                "note: {} holds the images of the training, or lies in or around their folder, and the model may have been trained on some of these; without IMAGES, the images that it was not trained on are taken",
                path.display()
            ));
            KNOWN_IMAGES
        }
    }
}

/// Finds new images, to be fitted as the images of the training.
///
/// # Errors
/// Returns an error if a path names nothing that can hold an image, or if a conditional model is not told the class of each
/// image.
pub fn find_images(config: &Config, card: &ModelCard, paths: &[PathBuf]) -> Result<FoundImages> {
    let labels = match &config.data {
        Data::Images(settings) => settings.labels,
        _ => LabelsFrom::default(),
    };
    let fit = config.data.fit(card.image_shape);
    let places = DataPaths::from_environment(None)?;
    let unpacked = places.unpacked_images();
    let found = FoundImages::find(paths, &fit, labels, &card.classes, &unpacked)?;
    if config.condition.is_some() && !found.are_labelled() {
        return Err(Error::file(
            &paths[0],
            "the model is conditional, and the class of an image is not known",
        )
        .with_hint(format!(
            "put the images into folders named after their classes: {}",
            card.classes.join(", ")
        )));
    }
    Ok(found)
}

/// Returns whether `path` is the place of the data that the run was trained on, or lies in it, or around it.
fn is_of_training(path: &Path, run: &RunFolder) -> bool {
    let RememberedData {
        data_folder,
        data_found_in,
    } = remembered_data(run).unwrap_or_default();
    data_found_in.or(data_folder).is_some_and(|place| {
        match (place.canonicalize(), path.canonicalize()) {
            (Ok(place), Ok(path)) => path.starts_with(&place) || place.starts_with(&path),
            _ => false,
        }
    })
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
            "another version of vae may have generated this data set differently: pass `--other-data` to use it anyway",
        ),
    }
}
