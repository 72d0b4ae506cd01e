//! The folder that an export is written into.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shell_word};
use crate::files::{self, OccupiedFolder, is_same_place, occupy, unreadable};
use crate::run::{Contents, RunFolder};
use crate::ui;

/// A folder that holds nothing that an export could destroy, claimed for this process. A folder that was made for the export
/// is removed again if nothing is written into it.
pub struct Destination {
    pub path: PathBuf,
    _claim: OccupiedFolder,
}

impl Destination {
    /// Claims the folder that `--out` names, or else the one named `format` in the folder of the run. That one may hold an
    /// earlier export, which the caller replaces. `run` is empty for a model file.
    ///
    /// # Errors
    /// Returns an error if the folder holds anything else, if another process is writing into it, or if it cannot be made.
    pub fn claim(out: Option<&Path>, run: &Path, format: &str) -> Result<Self> {
        let own = run.join(format);
        let is_in_run = !run.as_os_str().is_empty();
        let out = out.filter(|out| !is_in_run || !is_same_place(out, &own));
        if let Some(out) = out
            && files::is_there(out)?
            && !out.is_dir()
        {
            let what = "this is a file; `--out` takes a folder";
            return Err(Error::file(out, what).with_hint("name a new folder"));
        }
        let path = out.map_or_else(|| own.clone(), Path::to_path_buf);
        if out.is_none() {
            check_own(run, format)?;
        }
        // The claim comes before the look into the folder, in which another process may be writing.
        let claim = occupy(&path)?;
        match out {
            Some(out) => check_empty(out, is_in_run.then_some(&own)),
            None => check_own(run, format),
        }?;
        Ok(Self {
            path,
            _claim: claim,
        })
    }
}

/// Checks that a folder that a person named is empty. `own` is the one in the folder of the run.
fn check_empty(path: &Path, own: Option<&PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let Some(entry) = entries.next() else {
        return Ok(());
    };
    let name = entry.map_err(|error| unreadable(path, &error))?.file_name();
    let what = format!(
        "this folder is not empty: it holds {}",
        name.to_string_lossy()
    );
    let or_none = own.map(|own| {
        let own = own.display();
        format!(", or leave `--out` out: an export into {own} replaces the one before")
    });
    let hint = format!("name a new folder{}", or_none.unwrap_or_default());
    Err(Error::file(path, what).with_hint(hint))
}

/// Checks that the folder named `format` in the folder of a run is missing, or holds only what this program wrote.
///
/// # Errors
/// Returns an error that names what is in the way.
pub fn check_own(run: &Path, format: &str) -> Result<()> {
    let own = run.join(format);
    if own.is_file() {
        return Err(Error::file(&own, "this is a file; expected a folder")
            .with_hint(format!("move it elsewhere: mv {} DIR", shell_word(&own))));
    }
    if !own.is_dir() {
        return Ok(());
    }
    let folder = RunFolder {
        path: run.to_path_buf(),
    };
    match Contents::below(&folder, format)?.foreign(&[]).first() {
        None => Ok(()),
        Some(other) => Err(Error::file(
            &own,
            format!("holds what vae did not write: {}", other.display()),
        )
        .with_hint(format!(
            "move it elsewhere: mv {} DIR",
            shell_word(run.join(other))
        ))),
    }
}

/// Says how to look at a folder with TensorBoard.
pub fn note_viewer(folder: &Path) {
    ui::note(format_args!(
        "look at it with: tensorboard --logdir {}",
        shell_word(folder)
    ));
}
