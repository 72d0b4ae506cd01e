//! A folder that one process fills.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::faults::unwritable;
use super::place::is_at;
use crate::error::{Error, Result};

/// The claim on a folder, which ends when this is dropped. A folder that was made for it, and is still empty then, is removed.
/// It does not stop other processes if a folder cannot be locked (Windows, some network disks).
#[derive(Debug)]
pub struct OccupiedFolder {
    /// The folders that were made, the innermost first.
    made: Vec<PathBuf>,
    _handle: Option<File>,
}

/// Makes the folder if it is missing, and claims it for this process.
///
/// # Errors
/// Returns an error if the folder cannot be made, or if another process fills it.
pub fn occupy(folder: &Path) -> Result<OccupiedFolder> {
    loop {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing = folder.ancestors().take_while(is_missing);
        let made: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let handle = match File::open(folder).map(|handle| (handle.try_lock(), handle)) {
            // The process before has removed the empty folder that it had made.
            Ok((Ok(()), handle)) if !is_at(&handle, folder) => continue,
            Ok((Ok(()), handle)) => Some(handle),
            Ok((Err(TryLockError::WouldBlock), _)) => {
                let what = "another process is writing into this folder";
                return Err(Error::file(folder, what)
                    .with_hint("wait for it or stop it, or name another folder"));
            }
            // The process before has removed it just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Ok((Err(TryLockError::Error(_)), _)) | Err(_) => None,
        };
        return Ok(OccupiedFolder {
            made,
            _handle: handle,
        });
    }
}

impl Drop for OccupiedFolder {
    fn drop(&mut self) {
        // A folder that is not empty stays, and those around it.
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_that_was_made_is_removed_again() {
        let place = tempfile::TempDir::new().unwrap();
        let [outer, folder] = ["a", "a/b"].map(|name| place.path().join(name));
        let claim = occupy(&folder).unwrap();
        let error = occupy(&folder).unwrap_err();
        assert_eq!(error.code(), 2, "{error}");
        drop(claim);
        assert!(!outer.exists());
        fs::create_dir(&outer).unwrap();
        drop(occupy(&folder).unwrap());
        assert!(outer.exists() && !folder.exists());
        let claim = occupy(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        drop(claim);
        assert!(folder.exists());
    }
}
