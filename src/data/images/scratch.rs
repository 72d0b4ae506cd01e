//! Unpacked bytes: in memory as long as they are few, else in a file of a cache folder, which the next start finds again.
//!
//! Beside an unpacked file lies a record of its length and of the time of its last change. It is written last, so that a file
//! that was cut or changed afterwards is not trusted: it is unpacked again.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::cache_limit::{hold, touch};
use crate::data::bytes::Bytes;
use crate::data::fetch::md5_hex;
use crate::error::Result;
use crate::files;

/// The most bytes that all unpacked files together take in memory.
pub const IN_MEMORY: u64 = 256 << 20;

/// The most unpacked bytes of one packed byte ([`BOMB_LENGTH`] and more).
pub const BOMB_RATIO: u64 = 1000;
/// Anything smaller is no bomb, whatever its ratio.
pub const BOMB_LENGTH: u64 = 100 << 20;

/// Returns whether packed bytes that grow this much are meant to fill a disk or the memory.
pub fn is_bomb(packed: u64, unpacked: u64) -> bool {
    unpacked > BOMB_LENGTH && unpacked / BOMB_RATIO > packed
}

/// A place for unpacked bytes.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    in_memory: AtomicU64,
}

/// A reason why bytes were not unpacked.
pub enum UnpackFault {
    /// The packed bytes cannot be read.
    Source(io::Error),
    /// The unpacked bytes cannot be kept.
    Kept(crate::error::Error),
}

impl Scratch {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            in_memory: AtomicU64::new(0),
        }
    }

    /// Keeps the `length` bytes of `source`, in memory if there is room.
    ///
    /// # Errors
    /// The source has another length or is damaged, or the disk is full.
    pub fn keep(
        &self,
        name: &ScratchName,
        length: u64,
        source: impl Read,
    ) -> Result<Bytes, UnpackFault> {
        let taken = |held: u64| held.checked_add(length).filter(|held| *held <= IN_MEMORY);
        let room = self
            .in_memory
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        if room.is_err() {
            return self.keep_in_file(name, Some(length), source);
        }
        // Nothing is reserved: the length is what a directory claims.
        let mut bytes = Vec::new();
        let read = source.take(length + 1).read_to_end(&mut bytes);
        read.map_err(UnpackFault::Source)?;
        if bytes.len() as u64 != length {
            return Err(UnpackFault::Source(other_length(length)));
        }
        Ok(Bytes::in_memory(bytes))
    }

    /// Keeps the bytes of `source` in a file; `length` is their number, if it is known. If it is there already,
    /// nothing is unpacked.
    ///
    /// # Errors
    /// The source has another length or is damaged, or the disk is full.
    pub fn keep_in_file(
        &self,
        name: &ScratchName,
        length: Option<u64>,
        mut source: impl Read,
    ) -> Result<Bytes, UnpackFault> {
        let path = self.folder.join(&name.0);
        let record = path.with_extension("record");
        if !is_whole(&path, &record, length) {
            let mut fault = None;
            let limit = length.map_or(u64::MAX, |length| length.saturating_add(1));
            let written = files::write_with(&path, |out| {
                let result = copy(&mut (&mut source).take(limit), out, &mut fault)?;
                if fault.is_none() && length.is_some_and(|length| length != result) {
                    fault = Some(other_length(length.unwrap_or_default()));
                }
                match fault {
                    // Any error, so that no file is left.
                    Some(_) => Err(ErrorKind::InvalidData.into()),
                    None => Ok(()),
                }
            });
            if let Some(fault) = fault {
                return Err(UnpackFault::Source(fault));
            }
            written.map_err(UnpackFault::Kept)?;
            files::write(&record, record_of(&path).as_bytes()).map_err(UnpackFault::Kept)?;
        }
        let bytes = Bytes::of_file(&path)
            .map_err(|error| UnpackFault::Kept(files::unreadable(&path, &error)))?;
        hold(&bytes);
        touch(&record);
        Ok(bytes)
    }
}

/// Returns whether the unpacked file `path` is as its record says, and has `length` bytes if that is known.
fn is_whole(path: &Path, record: &Path, length: Option<u64>) -> bool {
    let found = fs::metadata(path).ok().map(|about| about.len());
    found.is_some()
        && (length.is_none() || found == length)
        && fs::read_to_string(record).is_ok_and(|kept| kept == record_of(path))
}

/// Returns the record of an unpacked file.
fn record_of(path: &Path) -> String {
    let (length, modified) = length_and_time(path);
    format!("{length} {modified}\n")
}

/// Copies everything and returns the number of bytes. A fault of the source is put into `fault`, because the error that
/// is returned is understood as one of the disk.
fn copy(
    source: &mut impl Read,
    out: &mut dyn Write,
    fault: &mut Option<io::Error>,
) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut all = 0;
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(all),
            Ok(count) => {
                out.write_all(&buffer[..count])?;
                all += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                *fault = Some(error);
                return Ok(all);
            }
        }
    }
}

fn other_length(expected: u64) -> io::Error {
    let what = format!("expected {expected} bytes, found another number of them");
    io::Error::new(ErrorKind::InvalidData, what)
}

/// The name of an unpacked file, which changes when the packed one does.
#[derive(Clone, Debug)]
pub struct ScratchName(String);

impl ScratchName {
    /// Returns the name for the file `member` within the archive `path`, which may itself lie within another archive.
    pub fn new(path: &Path, member: &str) -> Self {
        // An archive within another is no file: the outer one tells whether it changed.
        let file = path.ancestors().find(|path| path.is_file());
        let file = file.unwrap_or(path);
        let within = path.strip_prefix(file).unwrap_or(Path::new(""));
        let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let (length, modified) = length_and_time(file);
        let key = md5_hex(&[
            whole.as_os_str().as_encoded_bytes(),
            b"\0",
            &length.to_le_bytes(),
            &modified.to_le_bytes(),
            within.as_os_str().as_encoded_bytes(),
            b"\0",
            member.as_bytes(),
        ]);
        Self(format!("{key}.unpacked"))
    }
}

/// Returns the length of a file and the time of its last change in nanoseconds since 1970; zeros if they are unknown.
pub fn length_and_time(path: &Path) -> (u64, u64) {
    let Ok(about) = fs::metadata(path) else {
        return (0, 0);
    };
    let since = about.modified().ok();
    let since = since.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (
        about.len(),
        since.map_or(0, |since| since.as_nanos() as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_in_an_inner_archive_changes_with_the_outer_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let outer = folder.path().join("outer.zip");
        fs::write(&outer, "first").unwrap();
        let name = |inner: &str, member: &str| ScratchName::new(&outer.join(inner), member).0;
        let first = name("set/a.npz", "x.npy");
        assert_eq!(first, name("set/a.npz", "x.npy"));
        let through = folder.path().join(".").join("outer.zip/set/a.npz");
        assert_eq!(first, ScratchName::new(&through, "x.npy").0);
        assert_ne!(first, name("set/b.npz", "x.npy"));
        assert_ne!(first, name("set/a.npz", "y.npy"));
        fs::write(&outer, "second").unwrap();
        assert_ne!(first, name("set/a.npz", "x.npy"));
    }

    #[test]
    fn a_file_that_was_cut_or_has_no_record_is_unpacked_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let scratch = Scratch::new(folder.path());
        let name = ScratchName("x.unpacked".to_owned());
        let keep = |length, content: &[u8]| {
            let Ok(bytes) = scratch.keep_in_file(&name, length, content) else {
                panic!("expected unpacked bytes")
            };
            bytes.read().unwrap()
        };
        assert_eq!(keep(None, b"whole"), b"whole");
        assert_eq!(keep(None, b"other"), b"whole");
        assert_eq!(keep(Some(5), b"other"), b"whole");
        fs::write(folder.path().join("x.unpacked"), "who").unwrap();
        assert_eq!(keep(None, b"again"), b"again");
        fs::remove_file(folder.path().join("x.record")).unwrap();
        assert_eq!(keep(Some(6), b"third."), b"third.");
    }
}
