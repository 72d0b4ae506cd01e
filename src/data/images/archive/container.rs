//! The seam for trees whose files need not fit into memory.

use std::path::Path;

use crate::data::bytes::Bytes;
use crate::data::images::file_tree::FileTree;
use crate::data::images::scratch::{IN_MEMORY, Scratch};
use crate::error::{Error, Result};

/// A tree whose files can be read by position.
pub trait Container: FileTree {
    /// Opens file `index` of [`FileTree::files`]. One that is packed is unpacked into `scratch`.
    ///
    /// # Errors
    /// It is damaged, or the disk is full.
    fn open(&self, index: usize, scratch: &Scratch) -> Result<Bytes>;
}

/// Returns the error of a file that no image needs.
pub fn too_long(path: &Path, length: u64) -> Error {
    let what = format!(
        "has {length} bytes, more than the {IN_MEMORY} that a file within an archive may have"
    );
    Error::file(path, what).with_hint("unpack the archive and name the folder")
}
