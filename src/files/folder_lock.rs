//! A lock that lets one process at a time replace several files of a folder.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::faults::unwritable;
use super::place::is_at;
use crate::error::Result;

/// The name of the file that is locked.
pub const NAME: &str = ".replacing";

/// The lock, which is released when this is dropped.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    _file: File,
}

/// Waits until no other process replaces several files of `folder`. Returns `None` if files cannot be locked there (some
/// network disks).
///
/// The lock is a file of its own, because a training locks the folder itself for hours.
///
/// # Errors
/// Returns an error if the file cannot be made.
pub fn lock(folder: &Path) -> Result<Option<FolderLock>> {
    let path = folder.join(NAME);
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))?;
        if file.lock().is_err() {
            let _ = fs::remove_file(&path);
            return Ok(None);
        }
        // The process before may have removed the file between the two calls. Then the lock holds nobody off.
        if is_at(&file, &path) {
            return Ok(Some(FolderLock { path, _file: file }));
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // If it stays, the next process uses it.
        let _ = fs::remove_file(&self.path);
    }
}
