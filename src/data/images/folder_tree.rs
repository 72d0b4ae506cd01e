//! A folder of files, with the folders in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use walkdir::{DirEntry, WalkDir};

use super::archive::Container;
use super::file_tree::{FileEntry, FileTree, is_ignored};
use super::scratch::Scratch;
use crate::data::bytes::Bytes;
use crate::error::{Error, Result};
use crate::files::unreadable;

/// The most bytes of a file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// A folder, listed once. Links to files are followed, and links to folders are not: they may lead in a circle.
#[derive(Debug)]
pub struct FolderTree {
    root: PathBuf,
    files: Vec<FileEntry>,
    /// The path of each file as the system knows it: a name may be no text.
    paths: Vec<PathBuf>,
}

impl FolderTree {
    /// Lists the files of a folder and of the folders in it.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be read.
    pub fn new(root: &Path) -> Result<Self> {
        let named = |entry: &DirEntry| {
            entry.depth() == 0 || !is_ignored(&entry.file_name().to_string_lossy())
        };
        let mut files = Vec::new();
        for entry in WalkDir::new(root).into_iter().filter_entry(named) {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_path_buf();
                match error.into_io_error() {
                    Some(error) => unreadable(&path, &error),
                    None => Error::file(path, "this link leads back to a folder above it"),
                }
            })?;
            let found = file_entry(root, entry.path());
            files.extend(found.map(|file| (file, entry.into_path())));
        }
        files.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (files, paths) = files.into_iter().unzip();
        Ok(Self {
            root: root.to_owned(),
            files,
            paths,
        })
    }
}

/// Returns the entry of a file, or `None` for a folder, a device, or a link to a folder or to nothing.
fn file_entry(root: &Path, path: &Path) -> Option<FileEntry> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let below = path.strip_prefix(root).ok()?;
    let names: Vec<_> = below
        .components()
        .map(|name| name.as_os_str().to_string_lossy())
        .collect();
    let modified = found
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some(FileEntry {
        path: names.join("/"),
        length: found.len(),
        modified: modified.map_or(0, |time| time.as_nanos() as u64),
    })
}

impl FileTree for FolderTree {
    fn root(&self) -> &Path {
        &self.root
    }

    fn files(&self) -> &[FileEntry] {
        &self.files
    }

    fn full_path(&self, index: usize) -> PathBuf {
        self.paths[index].clone()
    }

    fn read(&self, index: usize) -> Result<Vec<u8>> {
        let path = self.full_path(index);
        if self.files[index].length > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(Error::file(
                path,
                format!("too large: at most {most} MiB are read"),
            ));
        }
        fs::read(&path).map_err(|error| unreadable(&path, &error))
    }
}

impl Container for FolderTree {
    fn open(&self, index: usize, _scratch: &Scratch) -> Result<Bytes> {
        let path = &self.paths[index];
        Bytes::of_file(path).map_err(|error| unreadable(path, &error))
    }
}
