//! Opens what a person names as data: an archive, arrays, or IDX files.

use std::path::{Path, PathBuf};

use super::archive::{Container, TarTree, ZipTree, is_tar, unpack_tar};
use super::arrays::{ArrayPlace, PlainFiles, find, find_in_file};
use super::file_tree::FileTree;
use super::folder_tree::FolderTree;
use super::foreign::{first_refusal, refusal};
use super::idx_images::{open_idx, open_idx_file};
use super::image_source::ImageSource;
use super::scratch::{Scratch, length_and_time};
use crate::data::bytes::Bytes;
use crate::data::gzip::GZIP;
use crate::data::npy;
use crate::error::Result;
use crate::files;

/// The content of a place that is no ordinary folder.
#[derive(Debug)]
pub enum Opened {
    /// An archive of files.
    Files(Box<dyn FileTree>),
    /// Images in arrays or IDX files.
    Images(Box<dyn ImageSource>),
}

/// The bytes at the start of a file that tell its kind.
const FIRST: usize = 512;

/// Opens the archive, the arrays or the IDX files at `path`. Returns `None` for an ordinary folder or a file of another
/// kind. Unpacked files are kept in the folder `scratch`, which is made if it is needed, and are found there the next time.
///
/// # Errors
/// Exit code 2: the archive or an array is damaged, made to do harm, or of a kind that is not read.
pub fn open(path: &Path, scratch: &Path) -> Result<Option<Opened>> {
    let scratch = Scratch::new(scratch);
    if path.is_dir() {
        return open_folder(path, &scratch);
    }
    if let Some(images) = open_idx_file(path, &scratch)? {
        return Ok(Some(Opened::Images(Box::new(images))));
    }
    let bytes = Bytes::of_file(path).map_err(|error| files::unreadable(path, &error))?;
    let (_, modified) = length_and_time(path);
    open_bytes(path, bytes, modified, &scratch)
}

/// Opens what would be in the file `path`, all of it in memory, and reads every file or image. Returns how many can be
/// read.
///
/// # Errors
/// They are those of [`open`].
pub fn read_all(path: &Path, bytes: Vec<u8>, scratch: &Path) -> Result<usize> {
    match open_bytes(path, Bytes::in_memory(bytes), 0, &Scratch::new(scratch))? {
        Some(Opened::Files(tree)) => {
            let read = |index: &usize| tree.read(*index).is_ok();
            Ok((0..tree.files().len()).filter(read).count())
        }
        Some(Opened::Images(images)) => {
            let read = |index: &usize| images.decode(*index).is_ok();
            Ok((0..images.entries().len()).filter(read).count())
        }
        None => Ok(0),
    }
}

/// Opens the file `path`, whose content is `bytes` and which was changed at `modified`.
fn open_bytes(
    path: &Path,
    bytes: Bytes,
    modified: u64,
    scratch: &Scratch,
) -> Result<Option<Opened>> {
    let unreadable = |error| files::unreadable(path, &error);
    let mut first = vec![0; FIRST.min(bytes.length() as usize)];
    bytes.read_at(0, &mut first).map_err(unreadable)?;
    if first.starts_with(npy::MAGIC) {
        let images = find_in_file(path, bytes)?;
        return Ok(Some(Opened::Images(images)));
    }
    if first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06") {
        let tree = ZipTree::new(path, bytes, modified)?;
        let place = if !is_named(path, &["zip"]) && tree.is_npz() {
            ArrayPlace::Npz
        } else {
            ArrayPlace::Files
        };
        return opened(Box::new(tree), place, scratch).map(Some);
    }
    let is_named_tar = is_named(path, &["tar"]);
    let tar = if first.starts_with(&GZIP) {
        unpack_tar(path, &bytes, scratch)?
    } else {
        (is_tar(&first) || is_named_tar).then_some(bytes)
    };
    if let Some(bytes) = tar {
        let tree = TarTree::new(path, bytes, modified)?;
        return opened(Box::new(tree), ArrayPlace::Files, scratch).map(Some);
    }
    refusal(path, &first).map_or(Ok(None), Err)
}

fn open_folder(folder: &Path, scratch: &Scratch) -> Result<Option<Opened>> {
    if let Some(images) = open_idx(&FolderTree::new(folder)?, scratch)? {
        return Ok(Some(Opened::Images(Box::new(images))));
    }
    let files = PlainFiles::of_folder(folder)?;
    if let Some(images) = find(&files, ArrayPlace::Files, scratch)? {
        return Ok(Some(Opened::Images(images)));
    }
    if files.has_folders || files.has_image_files() {
        return Ok(None);
    }
    let paths: Vec<PathBuf> = (0..files.files().len())
        .map(|index| files.full_path(index))
        .collect();
    first_refusal(&paths).map_or(Ok(None), Err)
}

/// Returns the images in the IDX files or the arrays of an archive, or its files if there are none.
fn opened(tree: Box<dyn Container>, place: ArrayPlace, scratch: &Scratch) -> Result<Opened> {
    if let Some(images) = open_idx(&*tree, scratch)? {
        return Ok(Opened::Images(Box::new(images)));
    }
    match find(&*tree, place, scratch)? {
        Some(images) => Ok(Opened::Images(images)),
        None => Ok(Opened::Files(tree)),
    }
}

fn is_named(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&&*ending.to_lowercase()))
}
