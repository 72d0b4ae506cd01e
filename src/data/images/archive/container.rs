//! The seam for trees whose files need not fit into memory.

use crate::data::bytes::Bytes;
use crate::data::image_file::FileKind;
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

    /// Returns whether a file is an image by its ending, also one of a kind that cannot be read. Arrays beside images are
    /// not the images of the set.
    fn has_image_files(&self) -> bool {
        let mut files = self.files().iter();
        files.any(|file| FileKind::of(&file.path) != FileKind::Other)
    }
}

/// Returns the length of file `index` of an archive, which is to be read into memory.
///
/// # Errors
/// It is longer than an image can be.
pub fn readable_length(tree: &dyn FileTree, index: usize) -> Result<u64> {
    let length = tree.files()[index].length;
    if length <= IN_MEMORY {
        return Ok(length);
    }
    let what = format!(
        "has {length} bytes, more than the {IN_MEMORY} that a file within an archive may have"
    );
    Err(Error::file(tree.full_path(index), what)
        .with_hint("unpack the archive and name the folder"))
}
