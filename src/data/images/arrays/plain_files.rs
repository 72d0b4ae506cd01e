//! The files directly in a folder, or a single file, read by position.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::data::bytes::Bytes;
use crate::data::image_file::FileKind;
use crate::data::images::archive::Container;
use crate::data::images::file_tree::{FileEntry, FileTree, is_ignored};
use crate::data::images::scratch::{Scratch, length_and_time};
use crate::error::Result;
use crate::files;

/// Files of one folder, without its subfolders.
#[derive(Debug)]
pub struct PlainFiles {
    folder: PathBuf,
    files: Vec<FileEntry>,
    /// Whether there are folders beside the files.
    pub has_folders: bool,
}

impl PlainFiles {
    /// Lists the files of `folder`. A single folder in it that holds everything is looked into instead.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let (files, folders) = listed(folder)?;
        if let (true, [inner]) = (files.is_empty(), &folders[..]) {
            let (files, folders) = listed(inner)?;
            return Ok(Self::new(inner, files, !folders.is_empty()));
        }
        Ok(Self::new(folder, files, !folders.is_empty()))
    }

    /// Returns the file `path` alone.
    pub fn of_file(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::new(folder, vec![path.to_owned()], false)
    }

    fn new(folder: &Path, paths: Vec<PathBuf>, has_folders: bool) -> Self {
        let entry = |path: PathBuf| {
            let (length, modified) = length_and_time(&path);
            Some(FileEntry {
                path: path.file_name()?.to_str()?.to_owned(),
                length,
                modified,
            })
        };
        let mut files: Vec<FileEntry> = paths.into_iter().filter_map(entry).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            folder: folder.to_owned(),
            files,
            has_folders,
        }
    }
}

/// Returns the files and the folders in `folder`, without those that nobody means.
fn listed(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let unreadable = |error| files::unreadable(folder, &error);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if is_ignored(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if path.is_file() {
            files.push(path);
        } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(path);
        }
    }
    Ok((files, folders))
}

impl FileTree for PlainFiles {
    fn root(&self) -> &Path {
        &self.folder
    }

    fn files(&self) -> &[FileEntry] {
        &self.files
    }

    fn read(&self, index: usize) -> Result<Vec<u8>> {
        files::read(&self.full_path(index))
    }
}

impl Container for PlainFiles {
    fn open(&self, index: usize, _scratch: &Scratch) -> Result<Bytes> {
        let path = self.full_path(index);
        Bytes::of_file(&path).map_err(|error| files::unreadable(&path, &error))
    }

    /// Looks into all folders below as well: class folders may hold the images.
    fn has_image_files(&self) -> bool {
        let is_meant = |name: &std::ffi::OsStr| !is_ignored(&name.to_string_lossy());
        WalkDir::new(&self.folder)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || is_meant(entry.file_name()))
            .filter_map(Result::ok)
            .any(|entry| {
                FileKind::of(&entry.file_name().to_string_lossy()) != FileKind::Other
                    && entry.path().is_file()
            })
    }
}
