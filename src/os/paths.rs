//! Paths as bytes.

use std::path::PathBuf;

/// Returns the path that bytes name, whatever their encoding. On systems whose paths are text, what is no UTF-8 is replaced.
pub fn path(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
