//! The run whose records are exported.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};

use crate::cli::model_arg::locate;
use crate::error::{Error, Result, shell_word};
use crate::export::{complete, steps_per_epoch};
use crate::files;
use crate::run::{Record, RunFolder, read_whole_records};
use crate::ui;

/// A run with the records of at least one epoch.
pub struct ExportedRun {
    pub folder: RunFolder,
    /// The file of its model.
    pub model: PathBuf,
    /// The records, with their steps and times.
    pub records: Vec<Record>,
}

impl ExportedRun {
    /// Finds the run, the newest if `run` is `None`, and reads its records.
    ///
    /// # Errors
    /// Returns an error if there is no such run, or if it has no records.
    pub fn find(run: Option<&Path>) -> Result<Self> {
        let (model, folder) = locate(run)?;
        if folder.as_os_str().is_empty() {
            return Err(Error::file(
                model,
                "this is a model file; the numbers of every epoch are in the folder of a run",
            )
            .with_hint("name the run, as in `vae export mnist-1`"));
        }
        let folder = RunFolder { path: folder };
        let path = folder.metrics();
        if !files::is_filled(&path) {
            return Err(Error::file(path, "this run has no records").with_hint(format!(
                "copy the file from where the run was trained, or train on: vae train --resume {}",
                shell_word(&folder.path)
            )));
        }
        let mut records = read_whole_records(&path)?;
        let steps = steps_per_epoch(&records).unwrap_or_else(|| {
            ui::note(
                "note: the records of an earlier version do not state their steps: the step is the epoch",
            );
            1
        });
        complete(&mut records, steps, written(&path));
        Ok(Self {
            folder,
            model,
            records,
        })
    }
}

/// Returns the time at which a file was last written, in seconds since 1970; 0 if the system does not tell it.
pub fn written(path: &Path) -> f64 {
    let time = fs::metadata(path).and_then(|file| file.modified());
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).map_err(io::Error::other));
    since.map_or(0.0, |since| since.as_secs_f64())
}
