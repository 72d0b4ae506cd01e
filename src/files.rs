//! Reads and writes files. A file is written to a sibling and renamed, so that a reader sees the old file or the new
//! one, and never a partial one.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes the file `path` with `fill`, completely or not at all, and makes the missing folders on the way.
///
/// # Errors
/// Returns an error with exit code 2 if `path` cannot be written to, and with exit code 1 if the disk is full. No
/// partial file is left behind.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    if path.is_dir() {
        return Err(Error::file(
            path,
            "this is a folder, and a file was to be written there",
        ));
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let partial = partial_name(path);
    let written = (|| {
        let mut file = BufWriter::new(File::create(&partial)?);
        fill(&mut file)?;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&partial, path)
    })();
    written.map_err(|error| {
        // The partial file may not exist, and then there is nothing to remove.
        let _ = fs::remove_file(&partial);
        unwritable(path, &error)
    })
}

/// Writes `bytes` to the file `path`, completely or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |out| out.write_all(bytes))
}

/// Reads a file that the user named.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unreadable(path, &error))
}

/// Returns the sibling that [`write_with`] fills and then renames. Each path has one, so that a killed program leaves
/// at most one file behind, which the next write replaces.
pub fn partial_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Returns whether both paths name the same existing file.
pub fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Returns the error for a file that cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::file(path, "no such file"),
        _ => Error::file(path, format!("cannot be read: {error}")),
    }
}

/// Returns the error for a file that cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::WriteZero
        | ErrorKind::FileTooLarge => {
            Error::failed(format!("{}: cannot be written: {error}", path.display())).with_hint(
                "make room on that disk, or write elsewhere; what was saved before is untouched",
            )
        }
        _ => Error::file(path, format!("cannot be written: {error}"))
            .with_hint("choose a place that you may write to"),
    }
}
