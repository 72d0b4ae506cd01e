//! `vae rm`: removes runs, and nothing else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::Args;
use toml::Value;

use super::candidates::runs;
use super::interrupt;
use super::model_arg::{RUNS, find_run};
use super::next::{list_runs, next};
use crate::config::{self, Config};
use crate::error::{Error, Result, shell_word};
use crate::files::{unreadable, unwritable};
use crate::os::check_access;
use crate::report::byte_size;
use crate::run::{About, Contents, RunFolder, remove, remove_abandoned};
use crate::ui;

/// The most names in an error.
const MOST_NAMES: usize = 5;

/// The explanation of what is removed, for `--help`.
const LONG_HELP: &str = "\
Removes whole runs, after a question that names them with their sizes. Without a terminal there is nobody to ask, and --yes is \
needed. Either all the runs that are named are removed or none: a run in training, a folder that is not a run, and a run with \
files that vae did not write are errors, before anything is removed. Links are never followed. A run that is being removed has a \
hidden name; the next `vae rm` in that folder removes what a killed one left behind.

Examples:
  vae rm mnist-1 mnist-2
  vae rm --yes runs/try-*";

/// Remove runs, after asking
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Rm {
    /// The folders or names of the runs
    #[arg(required = true, value_name = "RUN", add = runs())]
    runs: Vec<PathBuf>,

    /// Remove them without asking
    #[arg(long, short)]
    yes: bool,
}

/// A run that can be removed.
struct Removable {
    /// The folder, as it was named.
    named: PathBuf,
    /// The folder without links on the way to it.
    folder: RunFolder,
    contents: Contents,
    /// Keeps every training away until the run is gone.
    _lock: Option<File>,
}

impl Rm {
    pub fn run(self) -> Result<()> {
        let mut runs: Vec<Removable> = Vec::new();
        for run in &self.runs {
            let (named, folder) = find(run)?;
            // A run that is named twice is removed once.
            if runs.iter().all(|known| known.folder != folder) {
                let removable = Removable::new(&named, &folder);
                runs.push(removable.map_err(|error| or_gone(error, &named, &folder))?);
            }
        }
        if !self.yes && !confirmed(&runs)? {
            return Err(Error::failed("nothing was removed"));
        }
        let folders: Vec<RunFolder> = runs.iter().map(|run| run.folder.clone()).collect();
        let mut parents: Vec<&Path> = folders.iter().filter_map(|run| run.path.parent()).collect();
        parents.dedup();
        parents.into_iter().for_each(remove_abandoned);
        // A signal does not stop a removal in its middle.
        interrupt::watch()?;
        remove(&folders)?;
        for run in &runs {
            ui::data(run.named.display())?;
        }
        if let Some(parent) = runs.first().and_then(|run| run.named.parent()) {
            next(list_runs(parent));
        }
        Ok(())
    }
}

/// Returns the error for a run that another process has removed meanwhile, or else `error`.
fn or_gone(error: Error, named: &Path, folder: &RunFolder) -> Error {
    if folder.path.exists() {
        return error;
    }
    Error::file(named, "no such run: another process has removed it")
}

/// Asks whether to remove the runs.
///
/// # Errors
/// Returns an error if there is nobody to ask.
fn confirmed(runs: &[Removable]) -> Result<bool> {
    let lines: String = runs
        .iter()
        .map(
            |Removable {
                 named, contents, ..
             }| {
                let (count, bytes) = (contents.file_count, byte_size(contents.bytes));
                format!("{}: {count} files, {bytes}\n", named.display())
            },
        )
        .collect();
    let all = byte_size(runs.iter().map(|run| run.contents.bytes).sum());
    let what = match runs.len() {
        1 => "this run".to_owned(),
        count => format!("these {count} runs, {all}"),
    };
    ui::confirm(format_args!("{lines}remove {what}? [y/N] ")).ok_or_else(|| {
        Error::request("there is no terminal to ask on whether the runs may be removed")
            .with_hint("pass `--yes` to remove them without a question")
    })
}

/// Finds the folder that `run` names: as it is to be called in messages, and without links on the way to it.
///
/// # Errors
/// Returns an error if there is no such folder, or if it is a link.
fn find(run: &Path) -> Result<(PathBuf, RunFolder)> {
    if run.is_file() {
        return Err(Error::file(run, "this is a file, not the folder of a run")
            .with_hint(format!("name a run's folder, or its name below `{RUNS}`")));
    }
    // With a slash at its end a path names what a link leads to.
    let named: PathBuf = find_run(run, Path::new(RUNS))?.path.components().collect();
    let kind = fs::symlink_metadata(&named).map_err(|error| unreadable(&named, &error))?;
    let path = named
        .canonicalize()
        .map_err(|error| unreadable(&named, &error))?;
    if kind.is_symlink() {
        let what = format!(
            "this is a link to {}, and links are not followed",
            path.display()
        );
        return Err(Error::file(&named, what).with_hint(format!(
            "remove the run that it leads to: vae rm {}; and the link by hand: rm {}",
            shell_word(&path),
            shell_word(&named)
        )));
    }
    Ok((named, RunFolder { path }))
}

impl Removable {
    /// Checks that the folder is a run that nobody trains, with nothing else in it, and locks it.
    ///
    /// # Errors
    /// Returns an error if it is not, or if a folder in it may not be written to.
    fn new(named: &Path, folder: &RunFolder) -> Result<Self> {
        let by_hand = format!(
            "look into it, and remove it by hand: rm -r {}",
            shell_word(named)
        );
        let config = config::read(&folder.config()).ok();
        if config.is_none() && About::read(&folder.about()).is_err() {
            return Err(Error::file(
                named,
                "not the folder of a run: it has no config.toml and no about.json that `vae train` wrote",
            )
            .with_hint(by_hand));
        }
        let lock = folder.lock().map_err(|_| {
            Error::file(
                named,
                "another process is training this run, or removing it",
            )
            .with_hint("wait for it or stop it")
        })?;
        let contents = Contents::of(folder)?;
        let foreign = contents.foreign(&config.as_ref().map(figures).unwrap_or_default());
        if !foreign.is_empty() {
            let names = foreign.iter().take(MOST_NAMES);
            let names: Vec<String> = names.map(|path| path.display().to_string()).collect();
            let more = match foreign.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let what = format!("holds what vae did not write: {}{more}", names.join(", "));
            return Err(Error::file(named, what).with_hint(format!(
                "move that elsewhere, or remove the run by hand: rm -r {}",
                shell_word(named)
            )));
        }
        // The folder that holds the run loses a name, and each folder of the run all that is in it.
        let parent = folder.path.parent().map(Path::to_path_buf);
        let inner = contents.folders().map(|inner| named.join(inner));
        let all = parent.into_iter().chain([named.to_path_buf()]).chain(inner);
        for place in all {
            check_access(&place).map_err(|error| unwritable(&place, &error))?;
        }
        Ok(Self {
            named: named.to_path_buf(),
            folder: folder.clone(),
            contents,
            _lock: lock,
        })
    }
}

/// Returns the files and folders in the run's folder that the config's figures are written to.
fn figures(config: &Config) -> Vec<PathBuf> {
    let tables = config.figures.0.iter();
    let names = tables.filter_map(|table| table.get("out").and_then(Value::as_str));
    names
        .map(|name| Path::new(name).components().collect())
        .collect()
}
