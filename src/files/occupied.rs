//! A folder that one process fills.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::faults::unwritable;
use crate::error::{Error, Result};

/// The claim on a folder, which ends when this is dropped. It holds nothing if a folder cannot be locked (Windows, some
/// network disks).
#[derive(Debug)]
pub struct OccupiedFolder {
    _handle: Option<File>,
}

/// Makes the folder if it is missing, and claims it for this process.
///
/// # Errors
/// Returns an error if the folder cannot be made, or if another process fills it.
pub fn occupy(folder: &Path) -> Result<OccupiedFolder> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let Ok(handle) = File::open(folder) else {
        return Ok(OccupiedFolder { _handle: None });
    };
    match handle.try_lock() {
        Ok(()) => Ok(OccupiedFolder {
            _handle: Some(handle),
        }),
        Err(TryLockError::WouldBlock) => Err(Error::file(
            folder,
            "another process is writing into this folder",
        )
        .with_hint("wait for it or stop it, or name another folder")),
        Err(TryLockError::Error(_)) => Ok(OccupiedFolder { _handle: None }),
    }
}
