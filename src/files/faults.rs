//! The errors for files that cannot be read or written.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::Error;

/// The advice when too many files are open.
const MORE_HANDLES: &str =
    "raise the limit on open files (`ulimit -n 1024`), or close other programs";

/// The advice when the system refuses memory.
const MORE_MEMORY: &str =
    "raise the limit on memory (`ulimit -a` shows it), or close other programs";

/// Returns the error for a file that cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::file(path, "no such file"),
        ErrorKind::PermissionDenied => Error::file(path, format!("cannot be read: {error}"))
            .with_hint("change its permissions, or those of the folders on the way to it"),
        _ if is_out_of_handles(error) => out_of_handles(path, error),
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
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            Error::file(path, format!("cannot be written: {error}"))
                .with_hint("a file is in the way: choose another name, or move it away")
        }
        _ if is_out_of_handles(error) => out_of_handles(path, error),
        _ => Error::file(path, format!("cannot be written: {error}"))
            .with_hint("choose a place that you may write to"),
    }
}

/// Returns whether the process, or the system, has as many files open as it may.
fn is_out_of_handles(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
    }
    #[cfg(not(unix))]
    {
        // ERROR_TOO_MANY_OPEN_FILES of Windows.
        error.raw_os_error() == Some(4)
    }
}

fn out_of_handles(path: &Path, error: &io::Error) -> Error {
    let what = format!("{}: cannot be opened: {error}", path.display());
    Error::failed(what).with_hint(MORE_HANDLES)
}

/// Returns the error for something other than a file, such as a signal handler, that could not be opened. `what` is the
/// whole message, without the cause.
pub fn unopenable(what: &str, error: &io::Error) -> Error {
    let failed = Error::failed(format!("{what}: {error}"));
    if is_out_of_handles(error) {
        failed.with_hint(MORE_HANDLES)
    } else if error.kind() == ErrorKind::OutOfMemory {
        failed.with_hint(MORE_MEMORY)
    } else {
        failed
    }
}
