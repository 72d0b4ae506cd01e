//! The run that `--resume` names, as far as its files are there. Nothing that the saved state cannot bring back is
//! written over.

use std::path::{Path, PathBuf};

use super::start::{Start, StartWeights};
use crate::cli::end_figures::sets_figures;
use crate::cli::model_arg::{RUNS, find_run};
use crate::cli::model_data::named_by_run;
use crate::config::{self, Config};
use crate::error::{Error, Result, shell_word};
use crate::run::{RunFolder, newest};
use crate::train::{Checkpoint, Progress, check_resumable};
use crate::{files, parallel, ui};

/// Finds the run to continue: `run`, or the newest in `runs`. Its config is the one in its folder, as a person may have
/// edited it, with `overrides` and `epochs`. A run that was killed before it saved a first state starts again from its
/// config.
///
/// # Errors
/// Returns an error if there is no such run, if another process trains it, if its files cannot be read, if it has
/// records or a model and no state, or if a value of its config has changed that must stay.
pub fn resumed(
    run: Option<&Path>,
    runs: &Path,
    overrides: &[String],
    epochs: Option<usize>,
) -> Result<Start> {
    let folder = match run {
        Some(path) if path.is_dir() && runs != Path::new(RUNS) && !path.starts_with(runs) => {
            return Err(Error::request(format!(
                "--out {}: has no effect, because --resume names the folder {}",
                runs.display(),
                path.display()
            ))
            .with_hint("leave `--out` out: a run goes on in its own folder"));
        }
        Some(path) if path.is_file() => return Err(not_a_folder(path)),
        Some(path) => find_run(path, runs)?,
        None => {
            let folder = newest(runs)?;
            ui::note(format_args!("the newest run: {}", folder.path.display()));
            folder
        }
    };
    // Where several processes train together, the first one holds the lock.
    let lock = match parallel::is_first() {
        true => folder.lock()?,
        false => None,
    };
    let change = |config: &Config| -> Result<Config> {
        let mut config = config::set_all(config, overrides)?;
        config.train.epochs = epochs.unwrap_or(config.train.epochs);
        Ok(config)
    };
    let path = folder.state();
    let (config, weights) = if files::is_there(&path)? && path.is_file() {
        let checkpoint = Checkpoint::read(&path).map_err(|error| or_begin_anew(error, &folder))?;
        name_missing_files(&folder, &checkpoint.progress);
        let kept = kept_config(&folder, &checkpoint.config)?;
        let changed = change(&kept)?;
        check(&checkpoint.config, &changed).map_err(|error| {
            error.with_hint(format!(
                "leave it out, or train a new run: {}",
                new_run(&folder)
            ))
        })?;
        (changed, StartWeights::State(checkpoint, path))
    } else {
        refuse_to_write_over(&folder)?;
        let is_there = files::is_there(&folder.config())?;
        let config = config::read(&folder.config()).map_err(|error| match is_there {
            true => error,
            false => error.with_hint("expected the folder of a run that `vae train` made"),
        })?;
        (change(&config)?, StartWeights::Seed)
    };
    Ok(Start {
        loaded: None,
        figures_file: (!sets_figures(overrides)).then(|| folder.config()),
        data_folder: named_by_run(&folder, &config)?,
        config,
        name: None,
        config_name: String::new(),
        weights,
        folder: Some((folder, lock)),
    })
}

/// Returns the error for a file in place of a run's folder.
fn not_a_folder(path: &Path) -> Error {
    let is_weights = path
        .extension()
        .is_some_and(|ending| ending == "safetensors")
        && path.file_stem().is_some_and(|stem| stem != "state");
    let kind = if is_weights { "a model file" } else { "a file" };
    let error = Error::file(
        path,
        format!("this is {kind}; `--resume` takes the run's folder"),
    );
    let folder = RunFolder::of_file(path);
    if folder.config().is_file() || folder.state().is_file() {
        let folder = match folder.path.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => shell_word(&folder.path),
        };
        error.with_hint(format!("go on with its run: vae train --resume {folder}"))
    } else if is_weights {
        error.with_hint(format!(
            "begin a new run with its weights: vae train --from {}",
            shell_word(path)
        ))
    } else {
        error.with_hint("expected a run's folder, or a run's name")
    }
}

/// Returns the config in the run's folder, or `saved`, that of its state, if the file is missing.
fn kept_config(folder: &RunFolder, saved: &Config) -> Result<Config> {
    let path = folder.config();
    if !files::is_there(&path)? {
        ui::note(format_args!(
            "{} is missing: it is written again from the saved state",
            path.display()
        ));
        return Ok(saved.clone());
    }
    let config = config::read(&path).map_err(|error| match error.hint() {
        Some(_) => error,
        None => error.with_hint("mend it, or delete it: the saved state has the run's config too"),
    })?;
    check(saved, &config).map_err(|error| {
        error.inside(&path.display().to_string()).with_hint(format!(
            "put it back, or train a new run with it: {}",
            new_run(folder)
        ))
    })?;
    Ok(config)
}

fn check(saved: &Config, wanted: &Config) -> Result<()> {
    check_resumable(&config::changes(saved, wanted, 0)?)
}

fn new_run(folder: &RunFolder) -> String {
    format!("vae train --config {}", shell_word(folder.config()))
}

/// Names the files that the saved state is without, and says what becomes of them.
fn name_missing_files(folder: &RunFolder, progress: &Progress) {
    // A run that has no records yet has no model either.
    if progress.metrics_length == 0 {
        return;
    }
    if !files::is_filled(&folder.metrics()) {
        ui::note(format_args!(
            "warning: {} is missing, and with it the records of the epochs so far; records and curves begin anew after step {}",
            folder.metrics().display(),
            progress.step
        ));
    }
    if !files::is_filled(&folder.model()) {
        ui::note(format_args!(
            "{} is missing: it is written again from the saved state, or after the next epoch",
            folder.model().display()
        ));
    }
    if progress.best.is_some() && !files::is_filled(&folder.best()) {
        ui::note(format_args!(
            "{} is missing: it is written again if the last model is the best one, or once a better one is found",
            folder.best().display()
        ));
    }
}

/// Refuses to train from the start in a folder that holds the results of a training.
fn refuse_to_write_over(folder: &RunFolder) -> Result<()> {
    let results = [folder.model(), folder.best(), folder.metrics()];
    let found: Vec<PathBuf> = results
        .into_iter()
        .filter(|path| files::is_filled(path))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    let names = found.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    let error = Error::file(
        folder.state(),
        format!(
            "no such file, so this run cannot go on; training from its start would write over {}",
            names.join(" and ")
        ),
    );
    Err(or_begin_anew(
        error.with_hint("copy the state from where the run was trained"),
        folder,
    ))
}

/// Adds the ways out of a run without a usable state to the hint of `error`.
fn or_begin_anew(error: Error, folder: &RunFolder) -> Error {
    let run = shell_word(&folder.path);
    let way = if files::is_filled(&folder.model()) {
        format!("begin a new run with this one's weights: vae train --from {run}")
    } else if files::is_filled(&folder.best()) {
        let best = folder.best();
        format!(
            "begin a new run with the best weights: vae train --from {}",
            shell_word(best)
        )
    } else if files::is_filled(&folder.config()) {
        format!("train a new run: {}", new_run(folder))
    } else {
        return error;
    };
    let hint = match error.hint() {
        Some(hint) => format!("{hint}, or {way}"),
        None => way,
    };
    error.with_hint(hint)
}
