//! A training whose name and whole config are given, as by a task of a sweep. It is begun, continued or already done, so
//! that the same request can be made again at any time.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::clock::Clock;
use super::curves::png_path;
use super::resume::resumed;
use super::session;
use super::start::{Start, StartWeights};
use crate::cli::images_args::ImagesArgs;
use crate::cli::run_args::RunArgs;
use crate::config::{self, Config};
use crate::data::Data;
use crate::device::SelectedDevice;
use crate::error::{Error, Result, shell_word};
use crate::files::is_filled;
use crate::model::Model;
use crate::parallel;
use crate::run::{Change, RunFolder, last_records};
use crate::train::Ending;

/// The part that a request had in a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// All epochs were done before.
    WasDone,
    /// The last epoch is done now.
    Trained,
}

/// Trains `config` in the run `name` to the last epoch.
///
/// # Errors
/// Returns an error if the run is there with another config, with exit code 1 if another process trains it, or if the
/// training fails.
pub fn train_planned(
    config: &Config,
    name: &str,
    run_args: &RunArgs,
    selected: &SelectedDevice,
    began: Instant,
) -> Result<Planned> {
    let folder = RunFolder {
        path: run_args.out.join(name),
    };
    if folder.is_in_training() {
        return Err(Error::failed(format!(
            "{}: another process is training this run",
            folder.path.display()
        ))
        .with_hint("wait for it, or stop it; the same command then goes on"));
    }
    let mut start = Start::new(config.clone(), Some(name.to_owned()), name.to_owned(), None);
    if folder.is_there() && is_blank(&folder) {
        let lock = folder.lock()?;
        start.folder = Some((folder, lock));
    } else if folder.is_there() {
        start = resumed(Some(&folder.path), &run_args.out, &[], None)?;
        check_same_config(config, &start.config, &folder.path)?;
        if is_done(&start, &folder)? {
            return Ok(Planned::WasDone);
        }
    }
    let images = ImagesArgs::default();
    let clock = Clock { began, limit: None };
    let finished =
        parallel::alone(|| session::train(start, run_args, &images, selected, None, clock))?;
    if let Some(finished) = finished {
        finished.figures.draw(&finished.model)?;
    }
    Ok(Planned::Trained)
}

/// Checks that the run in `folder`, if it is there, has the planned config.
///
/// # Errors
/// Returns an error that names the keys that differ.
pub fn check_run(planned: &Config, folder: &RunFolder) -> Result<()> {
    if !folder.config().is_file() {
        return Ok(());
    }
    check_same_config(planned, &config::read(&folder.config())?, &folder.path)
}

fn check_same_config(planned: &Config, kept: &Config, folder: &Path) -> Result<()> {
    let changes = config::changes(planned, kept, 0)?;
    let differences: Vec<String> = changes
        .iter()
        .filter(|change| !is_chosen_by_training(change, planned))
        .map(|Change { key, from, to, .. }| {
            let [planned, kept] = [from, to].map(Change::words);
            format!("`{key}` is {kept}, and {planned} in the plan")
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::file(
        folder,
        format!("this run has another config: {}", differences.join("; ")),
    )
    .with_hint(format!(
        "keep the runs of the plan elsewhere with `--out DIR`, make the plan again with another `--name`, or remove the run: vae rm {}",
        shell_word(folder)
    )))
}

/// Returns whether a training itself makes this change of its config: it chooses the model and the fit of images where
/// the config leaves them open.
fn is_chosen_by_training(change: &Change, planned: &Config) -> bool {
    let is_model = matches!(planned.model, Model::Auto(_)) && change.key.starts_with("model");
    let is_fit = matches!(planned.data, Data::Images(_))
        && change.key.starts_with("data.images.")
        && change.from.is_null();
    is_model || is_fit
}

/// Returns whether nothing is in the folder yet that a training could go on with, as after a kill right after it was made.
pub fn is_blank(folder: &RunFolder) -> bool {
    let files = [
        folder.config(),
        folder.state(),
        folder.model(),
        folder.best(),
        folder.metrics(),
    ];
    !files.iter().any(|path| path.exists())
}

/// Returns whether the training has ended, with all files written that it leaves.
fn is_done(start: &Start, folder: &RunFolder) -> Result<bool> {
    let StartWeights::State(checkpoint, _) = &start.weights else {
        return Ok(false);
    };
    let progress = &checkpoint.progress;
    let length = fs::metadata(folder.metrics()).map_or(0, |file| file.len());
    // Later records are those of an epoch whose end was not saved.
    if length != progress.metrics_length {
        return Ok(false);
    }
    let records = last_records(&folder.metrics())?;
    let epochs = records.last().map_or(0, |record| record.epoch);
    let ending = Ending::of(&start.config.train, epochs, progress.epochs_since_best);
    let mut files = vec![folder.model(), png_path(folder)];
    files.extend(progress.best.map(|_| folder.best()));
    files.extend(start.config.train.average_decay().map(|_| folder.last()));
    Ok(ending.is_some() && files.iter().all(|path| is_filled(path)))
}
