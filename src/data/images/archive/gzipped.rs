//! The tar archive within a gzip. A gzip has to be read from its start, so it is unpacked once, into a file.

use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use super::member_paths::bomb;
use super::tar_tree::is_tar;
use crate::data::bytes::Bytes;
use crate::data::fault::DAMAGED;
use crate::data::gzip::Gzip;
use crate::data::images::scratch::{Scratch, ScratchName, UnpackFault, is_bomb};
use crate::error::{Error, Result};
use crate::files;

/// The most unpacked bytes that are kept in memory: the file of a small archive is not worth its place.
const SMALL: u64 = 32 << 20;

/// Returns the tar archive within the gzip `path`, whose content is `packed`; `None` if it holds something else.
///
/// # Errors
/// It is damaged or made to do harm, or the disk is full.
pub fn unpack_tar(path: &Path, packed: &Bytes, scratch: &Scratch) -> Result<Option<Bytes>> {
    let unpacked = || Gzip::new(BufReader::with_capacity(1 << 16, packed.reader()));
    let mut first = Vec::new();
    // As much as is kept in memory.
    let read = unpacked().take(SMALL + 1).read_to_end(&mut first);
    if !is_tar(&first) {
        return Ok(None);
    }
    read.map_err(|error| damaged(path, &error))?;
    if first.len() as u64 <= SMALL {
        return Ok(Some(Bytes::in_memory(first)));
    }
    drop(first);
    let mut source = Guarded {
        source: unpacked(),
        packed: packed.length(),
        unpacked: 0,
    };
    let name = ScratchName::new(path, "tar");
    let kept = scratch.keep_in_file(&name, None, &mut source);
    if is_bomb(source.packed, source.unpacked) {
        return Err(bomb(path, source.packed, source.unpacked));
    }
    match kept {
        Ok(bytes) => Ok(Some(bytes)),
        Err(UnpackFault::Kept(error)) => Err(error),
        Err(UnpackFault::Source(error)) => Err(damaged(path, &error)),
    }
}

fn damaged(path: &Path, error: &io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return files::unreadable(path, error);
    }
    let what = match error.kind() {
        ErrorKind::UnexpectedEof => "the gzip ends early".to_owned(),
        _ => error.to_string(),
    };
    Error::file(path, what).with_hint(DAMAGED)
}

/// A source that ends in an error where it turns out to be a bomb.
struct Guarded<R> {
    source: R,
    packed: u64,
    unpacked: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.unpacked += count as u64;
        if is_bomb(self.packed, self.unpacked) {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(count)
    }
}
