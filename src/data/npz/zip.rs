//! The members of a zip archive, plain or deflated, as `numpy.savez` and `numpy.savez_compressed` write them.
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>
//!
//! No bytes make the reader panic, or keep more than the archive can hold.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::super::fault::{ANOTHER_FILE, DAMAGED, Fault};

/// The signatures of the end of the directory, of an entry in it and of a member.
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const MEMBER: &[u8] = b"PK\x03\x04";

/// The lengths of these without names, extra fields and comments.
const END_LENGTH: usize = 22;
const ENTRY_LENGTH: usize = 46;
const MEMBER_LENGTH: usize = 30;

/// The longest comment after the directory.
const LONGEST_COMMENT: usize = 0xffff;

/// Deflate makes at most 1032 bytes of one.
const MOST_FROM_ONE_BYTE: usize = 1032;

/// A member, as the directory describes it.
#[derive(Clone, Debug)]
struct ZipEntry {
    name: Vec<u8>,
    is_encrypted: bool,
    /// 0 is plain, 8 is deflated.
    method: u16,
    crc: u32,
    packed: usize,
    length: usize,
    /// The place of the member in the archive.
    start: usize,
}

/// An archive in memory.
pub struct Zip<'a> {
    bytes: &'a [u8],
    entries: Vec<ZipEntry>,
}

impl<'a> Zip<'a> {
    /// Reads the directory of an archive.
    ///
    /// # Errors
    /// The bytes are no zip archive, or a damaged one.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        if !bytes.starts_with(MEMBER) && !bytes.starts_with(END) {
            return Err(Fault::content(
                "expected a zip archive, as numpy.savez writes, found other bytes",
                ANOTHER_FILE,
            ));
        }
        let earliest = bytes.len().saturating_sub(END_LENGTH + LONGEST_COMMENT);
        let end = (earliest..bytes.len())
            .rev()
            .find(|&at| bytes[at..].starts_with(END))
            .ok_or_else(|| cut("its directory is missing"))?;
        let count = number(bytes, end + 10, 2)?;
        let mut at = number(bytes, end + 16, 4)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let (entry, length) = entry(bytes, at)?;
            entries.push(entry);
            at += length;
        }
        Ok(Self { bytes, entries })
    }

    /// Unpacks the member called `name`.
    ///
    /// # Errors
    /// There is no such member, or it is damaged, encrypted or packed in another way.
    pub fn member(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.name == name.as_bytes());
        let entry = entry.ok_or_else(|| {
            let names: Vec<_> = self
                .entries
                .iter()
                .take(8)
                .map(|entry| String::from_utf8_lossy(&entry.name))
                .collect();
            Fault::content(
                format!("has no {name}; it holds {}", names.join(", ")),
                ANOTHER_FILE,
            )
        })?;
        if entry.is_encrypted {
            return Err(Fault::content(format!("{name} is encrypted"), ANOTHER_FILE));
        }
        if !self
            .bytes
            .get(entry.start..)
            .is_some_and(|bytes| bytes.starts_with(MEMBER))
        {
            return Err(cut(&format!("{name} is not where the directory says")));
        }
        // The extra fields differ from those in the directory.
        let [name_length, extra] = [26, 28].map(|at| number(self.bytes, entry.start + at, 2));
        let start = entry.start + MEMBER_LENGTH + name_length? + extra?;
        let packed = self.bytes.get(start..start.saturating_add(entry.packed));
        let packed = packed.ok_or_else(|| cut(&format!("{name} ends early")))?;
        let values = match entry.method {
            0 => packed.to_vec(),
            8 => inflated(packed, entry.length, name)?,
            other => {
                return Err(Fault::content(
                    format!(
                        "{name} is packed by method {other}; expected 0 (plain) or 8 (deflated)"
                    ),
                    "write it again: `numpy.savez_compressed`",
                ));
            }
        };
        let mut crc = Crc::new();
        crc.update(&values);
        if values.len() != entry.length {
            let (expected, found) = (entry.length, values.len());
            return Err(cut(&format!(
                "{name}: expected {expected} bytes, found {found}"
            )));
        }
        if crc.sum() != entry.crc {
            return Err(cut(&format!("{name}: its checksum is wrong")));
        }
        Ok(values)
    }
}

fn inflated(packed: &[u8], length: usize, name: &str) -> Result<Vec<u8>, Fault> {
    // The directory may claim any length.
    let most = length.min(packed.len().saturating_mul(MOST_FROM_ONE_BYTE));
    let mut values = Vec::new();
    if values.try_reserve_exact(most).is_err() {
        return Err(Fault::content(
            format!("{name}: {length} bytes, more than there is memory for"),
            "use fewer images, or a machine with more memory",
        ));
    }
    let mut decoder = DeflateDecoder::new(packed).take(length as u64 + 1);
    match decoder.read_to_end(&mut values) {
        Ok(_) => Ok(values),
        Err(error) => Err(cut(&format!("{name} is corrupt ({error})"))),
    }
}

/// Reads an entry of the directory; also returns its length.
fn entry(bytes: &[u8], at: usize) -> Result<(ZipEntry, usize), Fault> {
    if !bytes
        .get(at..)
        .is_some_and(|bytes| bytes.starts_with(ENTRY))
    {
        return Err(cut("its directory is damaged"));
    }
    let field = |offset: usize, length: usize| number(bytes, at + offset, length);
    let name_length = field(28, 2)?;
    let name = bytes.get(at + ENTRY_LENGTH..at + ENTRY_LENGTH + name_length);
    let entry = ZipEntry {
        name: name
            .ok_or_else(|| cut("its directory is damaged"))?
            .to_vec(),
        is_encrypted: field(8, 2)? & 1 == 1,
        method: field(10, 2)? as u16,
        crc: field(16, 4)? as u32,
        packed: field(20, 4)?,
        length: field(24, 4)?,
        start: field(42, 4)?,
    };
    if [entry.packed, entry.length, entry.start].contains(&0xffff_ffff) {
        return Err(Fault::content(
            "is an archive of more than 4 GB (zip64), which is not read",
            "use the four IDX files instead",
        ));
    }
    let length = ENTRY_LENGTH + name_length + field(30, 2)? + field(32, 2)?;
    Ok((entry, length))
}

/// Reads a little-endian number of `length` bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize, Fault> {
    let digits = bytes
        .get(at..at + length)
        .ok_or_else(|| cut("it ends early"))?;
    Ok(digits
        .iter()
        .rev()
        .fold(0, |all, &byte| all << 8 | usize::from(byte)))
}

fn cut(what: &str) -> Fault {
    Fault::content(format!("the zip archive is damaged: {what}"), DAMAGED)
}
