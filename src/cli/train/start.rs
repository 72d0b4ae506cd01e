//! The start of a training: a new run, or one that was stopped.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::model_arg::{RUNS, find_run};
use crate::cli::model_data::named_by_run;
use crate::config::Config;
use crate::data::NamedFolder;
use crate::error::{Error, Result};
use crate::files;
use crate::run::{RunFolder, newest};
use crate::train::Checkpoint;

/// A run before its data is loaded.
pub struct Start {
    pub config: Config,
    /// The name of a new run, if the user gave one.
    pub name: Option<String>,
    /// The config's name. A new run without a name is called after it.
    pub config_name: String,
    /// The folder of a resumed run, and its lock.
    pub folder: Option<(RunFolder, Option<File>)>,
    /// The saved state of a resumed run, and the file that it was read from.
    pub checkpoint: Option<(Checkpoint, PathBuf)>,
    /// The folder that a resumed run's `--data` named.
    pub data_folder: Option<NamedFolder>,
}

impl Start {
    /// Starts a new run.
    pub fn new(config: Config, name: Option<String>, config_name: String) -> Self {
        Self {
            config,
            name,
            config_name,
            folder: None,
            checkpoint: None,
            data_folder: None,
        }
    }
}

/// Finds the run to continue: `run`, or the newest in `runs`. A run that was killed before it saved a first state
/// starts again from its config.
///
/// # Errors
/// Returns an error if there is no such run, if another process trains it, or if its files cannot be read.
pub fn resumed(run: Option<&Path>, runs: &Path) -> Result<Start> {
    let folder = match run {
        Some(path) if path.is_dir() && runs != Path::new(RUNS) && !path.starts_with(runs) => {
            return Err(Error::request(format!(
                "--out {}: has no effect, because --resume names the folder {}",
                runs.display(),
                path.display()
            ))
            .with_hint("leave `--out` out: a run goes on in its own folder"));
        }
        Some(path) => find_run(path, runs)?,
        None => newest(runs)?,
    };
    let lock = folder.lock()?;
    let state = folder.state();
    let (config, checkpoint) = if state.is_file() {
        let checkpoint = Checkpoint::read(&state)?;
        (checkpoint.config.clone(), Some((checkpoint, state)))
    } else {
        let text = files::read(&folder.config()).map_err(|error| {
            error.with_hint("expected the folder of a run that `vae train` made")
        })?;
        let text = String::from_utf8_lossy(&text);
        (Config::parse(&text, &folder.config())?, None)
    };
    Ok(Start {
        config,
        name: None,
        config_name: String::new(),
        data_folder: named_by_run(&folder)?,
        folder: Some((folder, lock)),
        checkpoint,
    })
}
