//! `vae list runs`: reads the small files of every run in a folder. A file that cannot be read makes a row, not an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::eval::Estimate;
use crate::files::{decode, unreadable};
use crate::report::runs::{RunState, RunSummary};
use crate::run::{
    Contents, KeptEvaluation, Record, RunFolder, is_hidden_run, last_records, read_whole_records,
    record_of_model,
};
use crate::train::{Ending, Progress, chosen_model};

/// Reads every run in `parent`, those trained last first.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub fn read(parent: &Path) -> Result<Vec<RunSummary>> {
    let entries = fs::read_dir(parent).map_err(|error| unreadable(parent, &error))?;
    let folders = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        entry.path().is_dir() && !is_hidden_run(&name.to_string_lossy())
    });
    let mut runs: Vec<RunSummary> = folders.map(|entry| summary(entry.path())).collect();
    runs.sort_by(|a, b| (b.trained, &a.name).cmp(&(a.trained, &b.name)));
    Ok(runs)
}

/// Reads what the files of a run say.
pub fn summary(path: PathBuf) -> RunSummary {
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let folder = RunFolder { path };
    let config = read_config(&folder);
    let records = last_records(&folder.metrics());
    let (known, last) = (config.as_ref().ok(), records.as_deref().unwrap_or_default());
    let (elbo, measured) = elbo(&folder, known, last);
    RunSummary {
        name,
        data: data(&folder).or_else(|| known.map(|config| config.data.tag().to_owned())),
        model: known.map(|config| config.model.tag().to_owned()),
        latents: known.map(|config| config.model.kind().latent_count()),
        elbo,
        measured,
        epochs_done: last.last().map_or(0, |record| record.epoch),
        epochs: known.map(|config| config.train.epochs),
        trained: trained(&folder),
        bytes: Contents::of(&folder).map_or(0, |contents| contents.bytes),
        state: state(&folder, &config, &records).unwrap_or_else(|error| {
            let what = error.to_string();
            RunState::Broken(what.lines().next().unwrap_or_default().to_owned())
        }),
    }
}

/// Reads the config of a run. Messages name the file without its folder, which the row has already.
fn read_config(folder: &RunFolder) -> Result<Config> {
    let name = Path::new("config.toml");
    let bytes = fs::read(folder.config()).map_err(|error| unreadable(name, &error))?;
    Config::parse(&decode(name, &bytes)?, name)
}

/// Returns the name of the data, as `about.json` states it, or of the folder of one's own images.
fn data(folder: &RunFolder) -> Option<String> {
    let about: Value = serde_json::from_slice(&fs::read(folder.about()).ok()?).ok()?;
    let name = about["data"].as_str()?;
    // Images of one's own are told apart by their folder.
    let place = about["data_found_in"].as_str().filter(|_| name == "images");
    let place = place.and_then(|place| Path::new(place).file_name());
    Some(place.map_or_else(
        || name.to_owned(),
        |place| place.to_string_lossy().into_owned(),
    ))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Returns the time at which the run was last trained: that of its state, or of what is left of it.
fn trained(folder: &RunFolder) -> Option<SystemTime> {
    [folder.state(), folder.model(), folder.config()]
        .iter()
        .find_map(|path| modified(path))
}

/// Returns the newest ELBO of the run's model and what measured it: `vae eval` if it measured the model as it is, or else
/// the model's epoch.
fn elbo(
    folder: &RunFolder,
    config: Option<&Config>,
    last: &[Record],
) -> (Option<Estimate>, Option<String>) {
    let model = config.map_or_else(
        || folder.model(),
        |config| chosen_model(&config.train, folder),
    );
    let is_newer = modified(&folder.report()) >= modified(&model);
    if let Some(found) = is_newer.then(|| evaluated(folder)).flatten() {
        return found;
    }
    let all = if model == folder.model() {
        Vec::new()
    } else {
        read_whole_records(&folder.metrics()).unwrap_or_default()
    };
    let of_best = record_of_model(&all, "test", true);
    let Some(test) = of_best.or_else(|| record_of_model(last, "test", false)) else {
        return (None, None);
    };
    let elbo = test.elbo.map(|mean| Estimate {
        mean,
        se: test.elbo_se,
    });
    (elbo, Some(format!("epoch {}", test.epoch)))
}

/// Returns the ELBO of the last evaluation and its images in words, or `None` if there was none on the run's own data.
fn evaluated(folder: &RunFolder) -> Option<(Option<Estimate>, Option<String>)> {
    let kept = KeptEvaluation::read(folder).ok()??;
    if kept.other_data || kept.elbo.or(kept.reconstruction).is_none() {
        return None;
    }
    let elbo = kept.elbo.map(|mean| Estimate {
        mean,
        se: kept.elbo_se,
    });
    let split = match kept.split.as_deref() {
        Some(split) if split != "test" => format!(", {split}"),
        _ => String::new(),
    };
    let images = match (kept.images, kept.images_in_split) {
        (Some(images), Some(all)) if images != all => format!(", {images} of {all} images"),
        _ => String::new(),
    };
    Some((elbo, Some(format!("eval{split}{images}"))))
}

/// Returns the state of a run whose config and last records are those.
///
/// # Errors
/// Returns an error with what is broken.
fn state(
    folder: &RunFolder,
    config: &Result<Config>,
    records: &Result<Vec<Record>>,
) -> Result<RunState> {
    let missing = |name: &str, what: &str| Err(Error::file(name, format!("no such file{what}")));
    let config = config.as_ref().map_err(restated)?;
    if folder.is_in_training() {
        return Ok(RunState::Running);
    }
    let records = records.as_ref().map_err(restated)?;
    let done = records.last().map_or(0, |record| record.epoch);
    if done > 0 && !folder.model().is_file() {
        return missing("model.safetensors", ", and there are records of it");
    }
    let since_best = match config.train.patience {
        0 => 0,
        _ => epochs_since_best(&read_whole_records(&folder.metrics()).unwrap_or_default()),
    };
    Ok(match Ending::of(&config.train, done, since_best) {
        Some(Ending::AllEpochs) => RunState::Finished,
        Some(Ending::OutOfPatience(_)) => RunState::Stopped,
        None if done > 0 && !folder.state().is_file() => {
            return missing("state.safetensors", ", and epochs are left to do");
        }
        None => RunState::Unfinished,
    })
}

fn restated(error: &Error) -> Error {
    Error::request(error)
}

/// Returns the number of epochs since the best validation score, as the training counts them.
fn epochs_since_best(records: &[Record]) -> usize {
    let mut progress = Progress::default();
    for record in records.iter().filter(|record| record.split == "validation") {
        progress.is_best(record.score());
    }
    progress.epochs_since_best
}
