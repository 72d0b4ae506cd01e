//! The seam for places that hold a person's files: a folder or an archive.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use crate::error::Result;

/// A file of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The path below the folder, or within the archive, with `/` between the names: `train/cat/1.png`.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// The time of the last change in nanoseconds since 1970; 0 if it is unknown.
    pub modified: u64,
}

/// A folder or an archive of files.
pub trait FileTree: Debug + Send + Sync {
    /// Returns the path that the person named, for messages.
    fn root(&self) -> &Path;

    /// Returns the files, sorted by path. Hidden files and those that only a system reads are left out.
    fn files(&self) -> &[FileEntry];

    /// Reads file `index` of [`FileTree::files`].
    ///
    /// # Errors
    /// It is gone, cannot be read, or is damaged.
    fn read(&self, index: usize) -> Result<Vec<u8>>;

    /// Returns the path of file `index` for messages.
    fn full_path(&self, index: usize) -> PathBuf {
        self.root().join(&self.files()[index].path)
    }
}

/// Whether nobody means the file with this path: it is hidden, or a system put it there.
pub fn is_ignored(path: &str) -> bool {
    path.split('/').any(|name| {
        name.starts_with('.') || ["__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"].contains(&name)
    })
}
