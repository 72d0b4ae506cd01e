//! Bytes that are read by position, from memory or from a part of a file, by many threads at once.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Bytes in memory or in a part of a file. Clones share them.
#[derive(Clone, Debug)]
pub enum Bytes {
    Memory(Arc<Vec<u8>>),
    File {
        file: Arc<File>,
        start: u64,
        length: u64,
    },
}

impl Bytes {
    pub fn in_memory(bytes: Vec<u8>) -> Self {
        Self::Memory(Arc::new(bytes))
    }

    /// Opens the whole file `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_open(File::open(path)?)
    }

    /// Returns the bytes of a file that is open.
    ///
    /// # Errors
    /// Its length is not known.
    pub fn of_open(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::File {
            file: Arc::new(file),
            start: 0,
            length,
        })
    }

    /// Returns the number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Returns the part of `length` bytes that begins at `start`, or `None` if it would end after the last byte.
    pub fn part(&self, start: u64, length: u64) -> Option<Self> {
        if start.checked_add(length)? > self.length() {
            return None;
        }
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(start).ok()?;
                let part = bytes.get(start..start + usize::try_from(length).ok()?)?;
                Some(Self::in_memory(part.to_vec()))
            }
            Self::File {
                file,
                start: before,
                ..
            } => Some(Self::File {
                file: Arc::clone(file),
                start: before + start,
                length,
            }),
        }
    }

    /// Fills `into` with the bytes from position `at` on.
    ///
    /// # Errors
    /// There are fewer bytes, or they cannot be read.
    pub fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.length()) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match self {
            Self::Memory(bytes) => {
                // Within the length, which is a `usize`.
                let at = at as usize;
                into.copy_from_slice(&bytes[at..at + into.len()]);
                Ok(())
            }
            Self::File { file, start, .. } => read_file_at(file, start + at, into),
        }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// The bytes cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.reader().read_to_end(&mut all)?;
        Ok(all)
    }

    /// Returns everything as one vector; bytes in memory that nobody shares are not copied.
    ///
    /// # Errors
    /// The bytes cannot be read.
    pub fn into_vec(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => Ok(Arc::unwrap_or_clone(bytes)),
            Self::File { .. } => self.read(),
        }
    }

    /// Returns a reader at the first byte.
    pub fn reader(&self) -> BytesReader {
        BytesReader {
            bytes: self.clone(),
            at: 0,
        }
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, at: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

#[cfg(windows)]
fn read_file_at(file: &File, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, at)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => {
                at += count as u64;
                into = &mut into[count..];
            }
        }
    }
    Ok(())
}

/// Reads [`Bytes`] one after another.
#[derive(Clone, Debug)]
pub struct BytesReader {
    bytes: Bytes,
    at: u64,
}

impl Read for BytesReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.length().saturating_sub(self.at);
        let count = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 {
            return Ok(0);
        }
        self.bytes.read_at(self.at, &mut into[..count])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for BytesReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_files_give_the_same_bytes() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("bytes");
        let all: Vec<u8> = (0..100).collect();
        std::fs::write(&path, &all).unwrap();
        for bytes in [
            Bytes::in_memory(all.clone()),
            Bytes::of_file(&path).unwrap(),
        ] {
            assert_eq!((bytes.length(), bytes.read().unwrap()), (100, all.clone()));
            let part = bytes.part(10, 20).unwrap().part(5, 3).unwrap();
            assert_eq!(part.read().unwrap(), [15, 16, 17]);
            assert!(part.part(1, 3).is_none() && bytes.part(u64::MAX, 2).is_none());
            let mut two = [0; 2];
            part.read_at(1, &mut two).unwrap();
            assert_eq!(two, [16, 17]);
            assert!(part.read_at(2, &mut two).is_err());
            assert!(part.read_at(u64::MAX, &mut two).is_err());
            let mut reader = bytes.reader();
            reader.seek(SeekFrom::End(-1)).unwrap();
            assert_eq!(reader.read(&mut two).unwrap(), 1);
            assert!(reader.seek(SeekFrom::Current(-101)).is_err());
            reader.seek(SeekFrom::Start(1000)).unwrap();
            assert_eq!(reader.read(&mut two).unwrap(), 0);
        }
    }
}
