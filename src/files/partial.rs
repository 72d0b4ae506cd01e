//! A file that is being written beside its final name.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::faults::unwritable;
use super::place::{folder_of, is_at};
use crate::error::{Error, Result};

/// A file `.NAME.PROCESS-NUMBER.partial`, which is renamed to `NAME` when it is complete, and removed when it is
/// dropped before. Its name is unique, so that several processes can write the same `NAME`.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    destination: PathBuf,
    file: File,
    is_published: bool,
}

impl Partial {
    /// Makes the empty file for `destination`, and removes those that killed processes left behind there.
    pub fn new(destination: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        remove_abandoned(folder_of(destination));
        let name = name_of(destination);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let process = std::process::id();
            let path = destination.with_file_name(format!(".{name}.{process}-{number}.partial"));
            match File::create_new(&path) {
                // Processes in two containers can have one number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    // Another process may have taken the file for an abandoned one before it was locked. On a disk
                    // without locks nobody does.
                    if file.lock().is_ok() && !is_at(&file, &path) {
                        continue;
                    }
                    return Ok(Self {
                        path,
                        destination: destination.to_path_buf(),
                        file,
                        is_published: false,
                    });
                }
            }
        }
    }

    /// Returns the open file, which is empty at first.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its final name.
    pub fn publish(mut self) -> Result<()> {
        fs::rename(&self.path, &self.destination).map_err(|error| match error.kind() {
            // The partial file is gone: somebody removes the folder at this moment.
            ErrorKind::NotFound => Error::failed(format!(
                "{}: its folder was removed or moved while the file was written",
                self.destination.display()
            ))
            .with_hint("run the command again, and leave the folder where it is"),
            _ => unwritable(&self.destination, &error),
        })?;
        self.is_published = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_published {
            // If it cannot be removed, the next writer tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Removes the partial files in `folder` that no living process has locked, once for each folder. Nothing depends on it,
/// so it fails silently.
fn remove_abandoned(folder: &Path) {
    static DONE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let is_first = |mut done: MutexGuard<'_, BTreeSet<PathBuf>>| done.insert(folder.to_path_buf());
    if !DONE.lock().is_ok_and(is_first) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_partial(&entry.file_name().to_string_lossy())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // The lock is held until the file is gone, so that a process that has just made it notices.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns whether a file with this name was made by [`Partial::new`].
pub fn is_partial(name: &str) -> bool {
    is_hidden(name, ".partial")
}

/// Returns whether a name is one that this program hides its work under: `.NAME.PROCESS-NUMBER` and then `ending`.
pub fn is_hidden(name: &str, ending: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix('.')
        .and_then(|name| name.strip_suffix(ending))
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(_, numbers)| numbers.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_this_program_gives_is_a_partial_file() {
        for (name, is) in [
            (".grid.png.71-0.partial", true),
            (".a.b.c.1-22.partial", true),
            (".grid.png.partial", false),
            (".mine.7.partial", false),
            ("grid.png.71-0.partial", false),
            (".grid.png.71-x.partial", false),
        ] {
            assert_eq!(is_partial(name), is, "{name}");
        }
    }
}
