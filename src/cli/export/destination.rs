//! The folder that an export is written into.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shell_word};
use crate::files::{self, OccupiedFolder, is_same_place, occupy, unreadable};
use crate::run::{Contents, RunFolder};

/// A folder that holds nothing that an export could destroy, claimed for this process.
pub struct Destination {
    pub path: PathBuf,
    _claim: OccupiedFolder,
}

impl Destination {
    /// Claims the folder that `--out` names, or else the one named `format` in the folder of the run. That one may hold an
    /// earlier export, which the caller replaces.
    ///
    /// # Errors
    /// Returns an error if the folder holds anything else, if another process is writing into it, or if it cannot be made.
    pub fn claim(out: Option<&Path>, run: &Path, format: &str) -> Result<Self> {
        let own = run.join(format);
        let path = match out {
            Some(out) if !is_same_place(out, &own) => {
                check_empty(out, &own)?;
                out.to_path_buf()
            }
            _ => {
                check_own(run, format)?;
                own
            }
        };
        Ok(Self {
            _claim: occupy(&path)?,
            path,
        })
    }
}

/// Checks that a folder that a person named is missing or empty.
fn check_empty(path: &Path, own: &Path) -> Result<()> {
    if !files::is_there(path)? {
        return Ok(());
    }
    if !path.is_dir() {
        return Err(Error::file(path, "this is a file; `--out` takes a folder")
            .with_hint("name a new folder"));
    }
    let mut entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let Some(entry) = entries.next() else {
        return Ok(());
    };
    let name = entry.map_err(|error| unreadable(path, &error))?.file_name();
    let what = format!(
        "this folder is not empty: it holds {}",
        name.to_string_lossy()
    );
    Err(Error::file(path, what).with_hint(format!(
        "name a new folder, or leave `--out` out: an export into {} replaces the one before",
        own.display()
    )))
}

/// Checks that the folder named `format` in the folder of a run is missing, or holds only what this program wrote.
///
/// # Errors
/// Returns an error that names what is in the way.
pub fn check_own(run: &Path, format: &str) -> Result<()> {
    let own = run.join(format);
    if own.is_file() {
        return Err(Error::file(&own, "this is a file; expected a folder")
            .with_hint("move it away, or name another folder: `--out DIR`"));
    }
    if !own.is_dir() {
        return Ok(());
    }
    let contents = Contents::of(&RunFolder {
        path: run.to_path_buf(),
    })?;
    let foreign = contents.foreign(&[]);
    match foreign.iter().find(|path| path.starts_with(format)) {
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
