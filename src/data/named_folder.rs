//! A folder of data that the user named. It is the place of the data or an error, never one of several places.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// A folder of data that the user named, and the place that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFolder {
    pub path: PathBuf,
    pub by: NamedBy,
}

/// The place that names a folder of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `--data DIR`.
    Flag,
    /// `$VAE_DATA`.
    Environment,
    /// The `--data DIR` of a run's training, which the run remembers in this file.
    Run(PathBuf),
}

impl NamedFolder {
    /// Returns the folder that `--data` names.
    pub fn by_flag(path: impl Into<PathBuf>) -> Self {
        let (path, by) = (path.into(), NamedBy::Flag);
        Self { path, by }
    }

    /// Returns the folder that `$VAE_DATA` names.
    pub fn by_environment(path: impl Into<PathBuf>) -> Self {
        let (path, by) = (path.into(), NamedBy::Environment);
        Self { path, by }
    }

    /// Checks that the folder is there. `files` says which files it should hold, for the hint: "four files".
    ///
    /// # Errors
    /// Returns an error with the folder and what names it.
    pub fn check(&self, files: &str) -> Result<()> {
        let what = match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => "expected a folder, found a file".to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => "no such folder".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(self.error(&format!("{what}; {} names it", self.by), files))
    }

    /// Returns the error that the folder is not what it should be, with what to do.
    pub fn error(&self, what: &str, files: &str) -> Error {
        Error::file(&self.path, what).with_hint(self.hint(files))
    }

    fn hint(&self, files: &str) -> String {
        match self.by {
            NamedBy::Flag => format!("`--data` takes the folder that holds the {files}"),
            NamedBy::Environment => format!(
                "set VAE_DATA to the folder that holds the {files}, or pass `--data DIR`; unset it to look in data/ and in the user's cache"
            ),
            NamedBy::Run(_) => format!(
                "the training read its data there: pass `--data DIR` with the folder that holds the {files} now"
            ),
        }
    }
}

impl Display for NamedBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--data"),
            Self::Environment => f.write_str("$VAE_DATA"),
            Self::Run(file) => write!(f, "{}", file.display()),
        }
    }
}
