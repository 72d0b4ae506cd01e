//! Files of a tar archive. They are not packed, so that each is read where it lies.

use std::io;
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

use super::container::{Container, readable_length};
use super::member_paths::{ArchiveMembers, Member, check_count, checked_path};
use crate::data::bytes::Bytes;
use crate::data::fault::DAMAGED;
use crate::data::images::file_tree::{FileEntry, FileTree};
use crate::data::images::scratch::Scratch;
use crate::error::{Error, Result};
use crate::files;

/// The length of the units that a tar archive consists of.
const BLOCK: u64 = 512;

/// The place and the content of the mark that every format of tar but the oldest has.
const MARK: (usize, &[u8]) = (257, b"ustar");

/// Returns whether a tar archive begins like this.
pub fn is_tar(first: &[u8]) -> bool {
    first
        .get(MARK.0..)
        .is_some_and(|bytes| bytes.starts_with(MARK.1))
}

/// A tar archive.
#[derive(Debug)]
pub struct TarTree {
    path: PathBuf,
    bytes: Bytes,
    /// The position of each file.
    members: ArchiveMembers<u64>,
}

impl TarTree {
    /// Lists the files of the archive `path`, whose unpacked content is `bytes` and which was changed at `modified`.
    ///
    /// # Errors
    /// It is damaged, or made to do harm.
    pub fn new(path: &Path, bytes: Bytes, modified: u64) -> Result<Self> {
        let failed = |error| failed(path, &error);
        let mut archive = Archive::new(bytes.reader());
        let mut found = Vec::new();
        let mut end = 0;
        for entry in archive.entries_with_seek().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let stored = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let (place, length) = (entry.raw_file_position(), entry.size());
            let kind = entry.header().entry_type();
            if kind.is_gnu_sparse() {
                let what =
                    format!("{stored} is stored with holes (a sparse file), which is not read");
                return Err(Error::file(path, what).with_hint(
                    "unpack the archive and name the folder, or pack it without --sparse",
                ));
            }
            let after = length.checked_next_multiple_of(BLOCK);
            end = after
                .and_then(|length| place.checked_add(length))
                .unwrap_or(u64::MAX);
            // Links lead out of the archive, or to a file that is there anyway.
            if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
                continue;
            }
            if bytes.part(place, 0).is_none() || end > bytes.length() {
                return Err(cut(path, &stored));
            }
            let Some(name) = checked_path(path, &stored)? else {
                continue;
            };
            found.push(Member {
                path: name,
                length,
                place,
            });
            check_count(path, found.len())?;
        }
        if end >= bytes.length() {
            return Err(cut(path, "the mark at the end"));
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            members: ArchiveMembers::new(found, modified),
        })
    }

    fn part(&self, index: usize) -> Result<Bytes> {
        let length = self.members.files[index].length;
        let part = self.bytes.part(self.members.places[index], length);
        part.ok_or_else(|| cut(&self.path, &self.members.stored_path(index)))
    }
}

impl FileTree for TarTree {
    fn root(&self) -> &Path {
        &self.path
    }

    fn files(&self) -> &[FileEntry] {
        &self.members.files
    }

    fn read(&self, index: usize) -> Result<Vec<u8>> {
        readable_length(self, index)?;
        self.part(index)?
            .into_vec()
            .map_err(|error| failed(&self.path, &error))
    }

    fn full_path(&self, index: usize) -> PathBuf {
        self.path.join(self.members.stored_path(index))
    }
}

impl Container for TarTree {
    fn open(&self, index: usize, _scratch: &Scratch) -> Result<Bytes> {
        self.part(index)
    }
}

fn cut(path: &Path, at: &str) -> Error {
    let what = format!("the tar archive is cut short: it ends before the end of {at}");
    Error::file(path, what).with_hint(DAMAGED)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return files::unreadable(path, error);
    }
    Error::file(path, format!("the tar archive is damaged: {error}")).with_hint(DAMAGED)
}
