//! Files of a zip archive, each unpacked when it is read.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::read::ZipArchiveMetadata;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::container::{Container, readable_length};
use super::member_paths::{ArchiveMembers, Member, bomb, check_count, checked_path};
use crate::data::bytes::{Bytes, BytesReader};
use crate::data::fault::DAMAGED;
use crate::data::images::file_tree::{FileEntry, FileTree};
use crate::data::images::scratch::{IN_MEMORY, Scratch, ScratchName, UnpackFault, is_bomb};
use crate::error::{Error, Result};
use crate::files;

/// The hint for an archive that other programs read.
const PACK_AGAIN: &str = "unpack it and name the folder, or pack it again with `zip -r`";

/// A zip archive.
#[derive(Debug)]
pub struct ZipTree {
    path: PathBuf,
    bytes: Bytes,
    directory: Arc<ZipArchiveMetadata>,
    members: ArchiveMembers<usize>,
}

impl ZipTree {
    /// Reads the directory of the archive `path`, whose content is `bytes` and which was changed at `modified`.
    ///
    /// # Errors
    /// It is damaged, encrypted, packed in an unknown way, or made to do harm.
    pub fn new(path: &Path, bytes: Bytes, modified: u64) -> Result<Self> {
        let archive = ZipArchive::new(BufReader::new(bytes.reader()));
        let archive = archive.map_err(|error| failed(path, "", error))?;
        let directory = archive.metadata();
        check_count(path, directory.len())?;
        let mut found = Vec::new();
        let mut unpacked = 0_u64;
        for place in 0..directory.len() {
            let entry = directory
                .entry(place)
                .map_err(|error| failed(path, "", error))?;
            let name = entry.name().map_err(|error| failed(path, "", error))?;
            let Some(name) = checked_path(path, &name)? else {
                continue;
            };
            // A link inside an archive leads to a place outside it, or to a file that is there anyway.
            if !entry.is_file() {
                continue;
            }
            if is_bomb(entry.compressed_size(), entry.size()) {
                return Err(bomb(path, entry.compressed_size(), entry.size()));
            }
            unpacked = unpacked.saturating_add(entry.size());
            if entry.encrypted() {
                return Err(failed(path, &name, ZipError::InvalidPassword));
            }
            let known = [CompressionMethod::Stored, CompressionMethod::Deflated];
            if !known.contains(&entry.compression()) {
                let what = format!(
                    "{name} is packed by the method {}; expected stored or deflated",
                    entry.compression()
                );
                return Err(Error::file(path, what).with_hint(PACK_AGAIN));
            }
            found.push(Member {
                path: name,
                length: entry.size(),
                place,
            });
        }
        // Several members may share their packed bytes.
        if is_bomb(bytes.length(), unpacked) {
            return Err(bomb(path, bytes.length(), unpacked));
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            directory,
            members: ArchiveMembers::new(found, modified),
        })
    }

    /// Returns whether the archive is a set of NumPy's arrays (`.npz`) by what it holds.
    pub fn is_npz(&self) -> bool {
        let files = self.files();
        !files.is_empty() && files.iter().all(|file| file.path.ends_with(".npy"))
    }

    /// Unpacks file `index` with `read`.
    fn unpack<T>(
        &self,
        index: usize,
        read: impl FnOnce(&mut dyn Read) -> Result<T, UnpackFault>,
    ) -> Result<T> {
        let name = self.members.stored_path(index);
        let failed = |error| failed(&self.path, &name, error);
        let mut reader: BytesReader = self.bytes.reader();
        let entry = self.directory.entry(self.members.places[index]);
        let opened = entry.and_then(|entry| entry.with_reader(&mut reader, ZipReadOptions::new()));
        match read(&mut opened.map_err(failed)?) {
            Ok(read) => Ok(read),
            Err(UnpackFault::Source(error)) => Err(failed(ZipError::Io(error))),
            Err(UnpackFault::Kept(error)) => Err(error),
        }
    }

    /// Returns file `index` where it lies in the archive, if it is not packed.
    fn stored(&self, index: usize) -> Result<Option<Bytes>> {
        let name = self.members.stored_path(index);
        let failed = |error| failed(&self.path, &name, error);
        let entry = self.directory.entry(self.members.places[index]);
        let entry = entry.map_err(failed)?;
        if entry.compression() != CompressionMethod::Stored
            || entry.size() != entry.compressed_size()
        {
            return Ok(None);
        }
        let length = entry.size();
        let mut reader = self.bytes.reader();
        let opened = entry.with_reader(&mut reader, ZipReadOptions::new());
        let start = opened.map_err(failed)?.data_start();
        let part = start.and_then(|start| self.bytes.part(start, length));
        part.map(Some)
            .ok_or_else(|| failed(ZipError::Io(io::ErrorKind::UnexpectedEof.into())))
    }
}

impl FileTree for ZipTree {
    fn root(&self) -> &Path {
        &self.path
    }

    fn files(&self) -> &[FileEntry] {
        &self.members.files
    }

    fn read(&self, index: usize) -> Result<Vec<u8>> {
        let length = readable_length(self, index)?;
        self.unpack(index, |source| {
            let mut bytes = Vec::new();
            let read = source.take(length + 1).read_to_end(&mut bytes);
            read.map_err(UnpackFault::Source)?;
            if bytes.len() as u64 == length {
                Ok(bytes)
            } else {
                Err(UnpackFault::Source(io::ErrorKind::UnexpectedEof.into()))
            }
        })
    }

    fn full_path(&self, index: usize) -> PathBuf {
        self.path.join(self.members.stored_path(index))
    }
}

impl Container for ZipTree {
    fn open(&self, index: usize, scratch: &Scratch) -> Result<Bytes> {
        let length = self.members.files[index].length;
        // The checksum of a shorter one is checked on the way.
        if length > IN_MEMORY
            && let Some(bytes) = self.stored(index)?
        {
            return Ok(bytes);
        }
        let name = ScratchName::new(&self.path, &self.members.stored_path(index));
        self.unpack(index, |source| scratch.keep(&name, length, source))
    }
}

/// Returns the error for the member `name` of the archive `path`, or for all of it.
fn failed(path: &Path, name: &str, error: ZipError) -> Error {
    let (what, hint) = match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => (
            "the zip archive is damaged: it ends early".to_owned(),
            DAMAGED,
        ),
        // The library's words, which a test holds.
        ZipError::Io(error) if error.to_string() == "Invalid checksum" => (
            "the zip archive is damaged: its checksum is wrong".to_owned(),
            DAMAGED,
        ),
        ZipError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            (format!("the zip archive is damaged: {error}"), DAMAGED)
        }
        ZipError::Io(error) if error.raw_os_error().is_some() => {
            return files::unreadable(path, &error);
        }
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => (
            "is encrypted".to_owned(),
            "unpack it with its password, and name the folder",
        ),
        ZipError::UnsupportedArchive(what) => (
            format!("the zip archive is of a kind that is not read: {what}"),
            PACK_AGAIN,
        ),
        other => {
            let text = other.to_string();
            let text = text.trim_start_matches("invalid Zip archive: ");
            let text = text.trim_start_matches("i/o error: ");
            (format!("the zip archive is damaged: {text}"), DAMAGED)
        }
    };
    Error::file(path.join(name), what).with_hint(hint)
}
