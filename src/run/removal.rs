//! The removal of runs: each folder gets a hidden name first, so that a removal that is stopped in its middle leaves no
//! half run behind.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::RunFolder;
use super::hidden_name::{hidden_name, is_hidden_run};
use crate::error::{Error, Result};
use crate::files::unwritable;

/// Removes the folders of runs, which the caller has locked. Links in them are removed, and not followed.
///
/// # Errors
/// Returns an error if a folder cannot be renamed; all runs are as before then. Returns an error with exit code 1 if a
/// folder cannot be removed after it was renamed.
pub fn remove(runs: &[RunFolder]) -> Result<()> {
    let mut hidden: Vec<(&Path, PathBuf)> = Vec::new();
    for RunFolder { path } in runs {
        match hide(path) {
            Ok(aside) => hidden.push((path, aside)),
            Err(error) => {
                for (path, aside) in hidden {
                    // A folder that was just renamed can be renamed back.
                    let _ = fs::rename(aside, path);
                }
                return Err(error);
            }
        }
    }
    for (path, aside) in hidden {
        fs::remove_dir_all(&aside).map_err(|error| {
            Error::failed(format!(
                "{}: a part of it cannot be removed: {error}",
                path.display()
            ))
            .with_hint(format!("remove what is left by hand: {}", aside.display()))
        })?;
    }
    Ok(())
}

/// Gives a folder a hidden name beside its own, and returns that.
fn hide(path: &Path) -> Result<PathBuf> {
    let aside = hidden_name(path);
    match fs::rename(path, &aside) {
        Ok(()) => Ok(aside),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::file(
            path,
            "no such run: another process has removed it",
        )),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Removes the hidden folders in `parent` that a killed process has left behind. Nothing depends on it, so it fails
/// silently.
pub fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder
            && is_hidden_run(&entry.file_name().to_string_lossy())
            // A process that still removes it holds the lock.
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(parent: &Path, name: &str) -> RunFolder {
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("config.toml"), "seed = 1").unwrap();
        RunFolder { path }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn either_all_runs_are_removed_or_none() {
        let place = tempfile::TempDir::new().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder(place.path(), name));
        let gone = RunFolder {
            path: place.path().join("gone"),
        };
        let failed = remove(&[first.clone(), gone, second.clone()]).unwrap_err();
        assert!(failed.to_string().contains("no such run"), "{failed}");
        assert_eq!(names(place.path()), ["first", "second"]);
        assert!(first.config().is_file());
        remove(&[first, second]).unwrap();
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn what_a_killed_process_left_behind_is_removed_and_nothing_else() {
        let place = tempfile::TempDir::new().unwrap();
        for name in [
            ".mine.71-0.removed",
            ".a.b.7-1.removed",
            ".own.removed",
            "mine",
        ] {
            folder(place.path(), name);
        }
        let in_use = folder(place.path(), ".other.72-0.removed");
        let _lock = in_use.lock().unwrap().unwrap();
        remove_abandoned(place.path());
        let left = [".other.72-0.removed", ".own.removed", "mine"];
        assert_eq!(names(place.path()), left);
    }
}
