//! The lock of a run's folder: one training at a time, and no removal of a run in training.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::Duration;

use super::RunFolder;
use crate::error::{Error, Result};

/// The number of attempts to lock a folder, and the time between two of them. [`RunFolder::is_in_training`] holds the
/// lock for an instant, which must not make a training fail.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(10);

impl RunFolder {
    /// Locks the folder for one training, until the handle is dropped. Returns `None` if a folder cannot be locked
    /// (Windows, some network disks).
    ///
    /// # Errors
    /// Returns an error if another process trains in the folder.
    pub fn lock(&self) -> Result<Option<File>> {
        let Ok(handle) = File::open(&self.path) else {
            return Ok(None);
        };
        for _ in 0..ATTEMPTS {
            match handle.try_lock() {
                Ok(()) => return Ok(Some(handle)),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
        Err(
            Error::file(&self.path, "another process is training this run")
                .with_hint("wait for it or stop it, or name another run"),
        )
    }

    /// Returns whether a process trains in the folder now; false if a folder cannot be locked.
    pub fn is_in_training(&self) -> bool {
        // A shared lock, so that several processes can ask at once.
        File::open(&self.path)
            .is_ok_and(|handle| matches!(handle.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
