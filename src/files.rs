//! Reads and writes files. A file is written to a sibling and renamed, so that a reader sees the old file or the new
//! one, and never a partial one.

mod faults;
mod folder_lock;
mod occupied;
mod partial;
mod place;
mod text;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use self::partial::Partial;
use crate::error::{Error, Result};
use crate::os::check_access;

pub use faults::{unopenable, unreadable, unwritable};
pub use occupied::{OccupiedFolder, occupy};
pub use partial::is_hidden;
pub use place::{folder_of, is_at, is_same_place};
pub use text::decode;

/// Writes the file `path` with `fill`, completely or not at all, and makes the missing folders on the way. Several
/// processes may write the same path at once: the file is that of one of them.
///
/// # Errors
/// Returns an error with exit code 2 if `path` cannot be written to, and with exit code 1 if the disk is full. No
/// partial file is left behind.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    finished(path, fill)?.publish()
}

/// Does the same as [`write_with`] for a `fill` that can fail for reasons other than writing. It maps its own errors of
/// writing with [`unwritable`].
///
/// # Errors
/// Returns the error of `fill`, or an error in the same cases as [`write_with`].
pub fn write_streamed(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    if !path.is_dir() {
        make_folder(folder_of(path))?;
    }
    finished_by(path, fill)?.publish()
}

/// Writes one of very many small files: completely or not at all for every reader, but without waiting until the disk has
/// it, which takes a thousand times as long. A loss of power can lose it.
pub fn write_without_waiting(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = Partial::new(path).map_err(|error| unwritable(path, &error))?;
    let written = partial.file().write_all(bytes);
    written.map_err(|error| unwritable(path, &error))?;
    partial.publish()
}

/// Writes `bytes` to the file `path`, completely or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| out.write_all(bytes))
}

/// Writes `bytes` to the file `path`, completely or not at all, into a folder that is there. A folder that somebody has
/// removed is not made again: what was in it would be missing.
///
/// # Errors
/// Returns an error in the same cases as [`write_with`], and one with exit code 1 if the folder is missing.
pub fn write_inside(path: &Path, bytes: &[u8]) -> Result<()> {
    finished_inside(path, |out| out.write_all(bytes))?.publish()
}

/// Writes files that belong together, each by its name and contents, into `folder`, which must be there. If several
/// processes do so at once, all the files are those of one of them.
///
/// # Errors
/// Returns an error in the same cases as [`write_inside`]. If one of the files cannot be written, none is replaced.
pub fn write_together(folder: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let finished = files
        .iter()
        .map(|(name, bytes)| finished_inside(&folder.join(name), |out| out.write_all(bytes)))
        .collect::<Result<Vec<_>>>()?;
    let _turn = folder_lock::lock(folder)?;
    finished.into_iter().try_for_each(Partial::publish)
}

/// Makes a folder and the missing ones on the way.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))
}

/// Writes the whole file beside its final name, in a folder that is made if it is missing.
fn finished(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Partial> {
    if !path.is_dir() {
        make_folder(folder_of(path))?;
    }
    finished_inside(path, fill)
}

/// Writes the whole file beside its final name, in a folder that must be there.
fn finished_inside(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Partial> {
    finished_by(path, |out| {
        fill(out).map_err(|error| unwritable(path, &error))
    })
}

/// Does the same as [`finished_inside`], with any error of what is written.
fn finished_by(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Partial> {
    if path.is_dir() {
        return Err(Error::file(
            path,
            "this is a folder, and a file was to be written there",
        ));
    }
    let partial = Partial::new(path).map_err(|error| {
        let folder = folder_of(path);
        match is_there(folder) {
            Ok(false) => Error::failed(format!(
                "{}: this folder was removed before a file was written into it",
                folder.display()
            )),
            _ => unwritable(path, &error),
        }
    })?;
    let mut file = BufWriter::new(partial.file());
    fill(&mut file)?;
    let synced = file
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all());
    synced.map_err(|error| unwritable(path, &error))?;
    Ok(partial)
}

/// Checks, before a long computation, that a file can be written at `path` afterwards. Nothing is left behind.
///
/// # Errors
/// Returns an error in the same cases as [`write_with`].
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return finished(path, |_| Ok(())).map(drop);
    }
    check(folder_of(path), path)
}

/// Checks, before a long computation, that files can be written into `folder` afterwards. Nothing is left behind.
///
/// # Errors
/// Returns an error in the same cases as [`write_with`].
pub fn check_folder_writable(folder: &Path) -> Result<()> {
    // A file in it, so that an empty path stands for the current folder.
    let folder = folder_of(&folder.join("file")).to_path_buf();
    check(&folder, &folder)
}

/// Checks that a file can be written into `folder`, which need not exist. Messages name `place`.
fn check(folder: &Path, place: &Path) -> Result<()> {
    if folder.is_dir() {
        return check_access(folder).map_err(|error| unwritable(place, &error));
    }
    // The folders are made when the file is written. Here it counts whether the first of them can be made.
    let missing = folder
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .last();
    let holder = missing.map_or(folder, folder_of);
    match missing {
        Some(missing) if holder.is_dir() => {
            check_access(holder).map_err(|error| unwritable(missing, &error))
        }
        _ => {
            let what = format!("cannot be written: {} is not a folder", holder.display());
            Err(Error::file(place, what).with_hint("choose a place that you may write to"))
        }
    }
}

/// Reads a file that the user named.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

/// Returns whether there is a file or a folder at `path`.
///
/// # Errors
/// Returns an error if that cannot be told, as where a folder on the way may not be entered. What is there must not be
/// called missing.
pub fn is_there(path: &Path) -> Result<bool> {
    use io::ErrorKind::{InvalidFilename, NotADirectory};
    match path.try_exists() {
        Ok(found) => Ok(found),
        // Nothing can have such a path.
        Err(error) if matches!(error.kind(), NotADirectory | InvalidFilename) => Ok(false),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Returns whether a file is there and holds anything.
pub fn is_filled(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Returns whether a file with this name is one that is being written or replaced, or was when a process was killed.
pub fn is_temporary(name: &str) -> bool {
    partial::is_partial(name) || name == folder_lock::NAME
}

/// Returns whether both paths name the same existing file.
pub fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Returns the names in `folder`, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn several_writers_of_one_file_leave_the_whole_file_of_one_of_them() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("grid.png");
        thread::scope(|scope| {
            for writer in 0..8_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write(path, &vec![writer; 10_000 + usize::from(writer)]).unwrap();
                        let seen = read(path).unwrap();
                        assert_eq!(seen.len(), 10_000 + usize::from(seen[0]));
                        assert!(seen.iter().all(|byte| *byte == seen[0]));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["grid.png"]);
    }

    #[test]
    fn files_that_belong_together_are_those_of_one_writer() {
        let folder = tempfile::TempDir::new().unwrap();
        let folder = folder.path();
        thread::scope(|scope| {
            for writer in 0..8_u8 {
                scope.spawn(move || {
                    for _ in 0..20 {
                        let content = vec![writer; 1000];
                        let files = ["a.npy", "a.csv", "a.png"].map(|name| (name, &*content));
                        write_together(folder, &files).unwrap();
                    }
                });
            }
        });
        let first = read(&folder.join("a.npy")).unwrap();
        assert_eq!(first, read(&folder.join("a.csv")).unwrap());
        assert_eq!(first, read(&folder.join("a.png")).unwrap());
        assert_eq!(names(folder), ["a.csv", "a.npy", "a.png"]);
    }

    #[test]
    fn a_check_for_writing_leaves_nothing_behind_and_names_what_is_wrong() {
        let folder = tempfile::TempDir::new().unwrap();
        let folder = folder.path();
        check_writable(&folder.join("grid.png")).unwrap();
        check_writable(&folder.join("new/deep/grid.png")).unwrap();
        assert_eq!(names(folder), [""; 0]);
        write(&folder.join("file"), b"text").unwrap();
        let under_a_file = check_writable(&folder.join("file/grid.png")).unwrap_err();
        assert!(
            under_a_file.to_string().contains("is not a folder"),
            "{under_a_file}"
        );
        let a_folder = check_writable(folder).unwrap_err();
        assert!(
            a_folder.to_string().contains("this is a folder"),
            "{a_folder}"
        );
        assert_eq!(names(folder), ["file"]);
    }

    #[test]
    fn a_folder_that_was_removed_is_not_made_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let gone = folder.path().join("gone");
        let tries = [
            write_inside(&gone.join("model"), b"weights"),
            write_together(&gone, &[("a.png", b"image"), ("a.csv", b"table")]),
        ];
        for tried in tries {
            let error = tried.unwrap_err();
            assert_eq!(error.code(), 1);
            assert!(error.to_string().contains("was removed"), "{error}");
        }
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn what_a_killed_writer_left_behind_is_removed_by_the_next() {
        let folder = tempfile::TempDir::new().unwrap();
        let folder = folder.path();
        fs::write(folder.join(".grid.png.71-0.partial"), "half").unwrap();
        fs::write(folder.join(".mine.partial"), "of somebody else").unwrap();
        write(&folder.join("table.csv"), b"whole").unwrap();
        assert_eq!(names(folder), [".mine.partial", "table.csv"]);
    }
}
