//! Whether a folder may be written to.

use std::io;
use std::path::Path;

/// Checks that files may be made in `folder`, without making one.
///
/// # Errors
/// Returns the system's error: the permissions forbid it, or the disk is read-only.
#[cfg(unix)]
pub fn check_access(folder: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes())?;
    // SAFETY: the call only reads `path`, which ends in a zero byte.
    match unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Checks that files may be made in `folder`, without making one.
///
/// # Errors
/// Returns an error if the folder is marked as read-only.
#[cfg(not(unix))]
pub fn check_access(folder: &Path) -> io::Result<()> {
    if folder.metadata()?.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}
