//! The IDX format of the MNIST files: a magic number, the sizes as big-endian 32-bit numbers, the bytes.
//!
//! Plain or gzipped, any count and any size. Total: no bytes make it panic, or allocate more than the file can hold.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::Split;
use crate::error::{Error, Result};
use crate::files;

pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Deflate makes at most 1032 bytes of one (a match of 258 bytes in two bits), which bounds what a gzip can hold.
const MOST_FROM_ONE_BYTE: u64 = 1032;

/// Reserved at first where the input's length is not known, a pipe.
const UNKNOWN_RESERVE: u64 = 1 << 20;

/// Images of one channel: `[N, 1, H, W]`, without labels.
///
/// # Errors
/// Exit code 2, naming the file, what was expected and what was found.
pub fn images(path: &Path) -> Result<Split> {
    open(path)
        .and_then(|(input, stored)| into_images(decode(input, stored, Kind::Images)?))
        .map_err(|f| f.at(path))
}

/// The class of each image, `[N]`.
///
/// # Errors
/// Exit code 2, naming the file, what was expected and what was found.
pub fn labels(path: &Path) -> Result<Vec<u8>> {
    open(path)
        .and_then(|(input, stored)| decode(input, stored, Kind::Labels))
        .map(|content| content.values)
        .map_err(|fault| fault.at(path))
}

/// [`images`], of bytes in memory.
///
/// # Errors
/// What was expected and what was found.
pub fn parse_images(bytes: &[u8]) -> Result<Split, Fault> {
    into_images(decode(bytes, Some(bytes.len() as u64), Kind::Images)?)
}

/// [`labels`], of bytes in memory.
///
/// # Errors
/// What was expected and what was found.
pub fn parse_labels(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(decode(bytes, Some(bytes.len() as u64), Kind::Labels)?.values)
}

/// The first bytes of the plain file that holds `count` images of `height` x `width`.
pub fn image_header(count: u32, height: u32, width: u32) -> [u8; 16] {
    let mut header = [0; 16];
    for (slot, value) in
        header
            .chunks_exact_mut(4)
            .zip([Kind::Images.magic(), count, height, width])
    {
        slot.copy_from_slice(&value.to_be_bytes());
    }
    header
}

/// Why bytes are not what was asked for.
#[derive(Debug)]
pub enum Fault {
    /// They were read, and are something else.
    Content { what: String, hint: &'static str },
    /// They could not be read.
    Read(io::Error),
}

impl Fault {
    pub(super) fn content(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Content {
            what: what.into(),
            hint,
        }
    }

    /// Of an error in reading, which in a gzip may be one of the gzip; `context` tells how far it came.
    pub(super) fn reading(
        error: io::Error,
        zipped: bool,
        context: impl FnOnce() -> String,
    ) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof if zipped => {
                Self::content(format!("the gzip ends early: {}", context()), DAMAGED)
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidData if zipped => Self::content(
                format!("the gzip is corrupt ({error}): {}", context()),
                DAMAGED,
            ),
            _ => Self::Read(error),
        }
    }

    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Content { what, hint } => Error::file(path, what).with_hint(hint),
            Self::Read(error) => files::unreadable(path, &error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { what, .. } => f.write_str(what),
            Self::Read(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

pub(super) const DAMAGED: &str = "the file was cut short or damaged on its way: get it again";
pub(super) const ANOTHER_FILE: &str =
    "this is another kind of file: put the one that is meant in its place";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Images,
    Labels,
}

impl Kind {
    fn magic(self) -> u32 {
        match self {
            Self::Images => 0x0803,
            Self::Labels => 0x0801,
        }
    }

    /// Numbers in the header after the magic one.
    fn rank(self) -> usize {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// What a file holds: its sizes, and as many bytes as they ask for.
struct Content {
    sizes: Vec<u32>,
    values: Vec<u8>,
}

fn into_images(Content { sizes, values }: Content) -> Result<Split, Fault> {
    match sizes[..] {
        [_, height, width] => Ok(Split::in_memory(
            values,
            [1, height as usize, width as usize],
        )),
        _ => Err(Fault::content(
            format!("expected 3 sizes, found {}", sizes.len()),
            ANOTHER_FILE,
        )),
    }
}

/// The file, and its length where it has one.
fn open(path: &Path) -> Result<(BufReader<File>, Option<u64>), Fault> {
    let file = File::open(path).map_err(Fault::Read)?;
    let about = file.metadata().map_err(Fault::Read)?;
    Ok((
        BufReader::with_capacity(1 << 16, file),
        about.is_file().then_some(about.len()),
    ))
}

/// `stored` is the length of `input`, where it is known.
fn decode(mut input: impl BufRead, stored: Option<u64>, kind: Kind) -> Result<Content, Fault> {
    let first = up_to(&mut input, GZIP.len()).map_err(Fault::Read)?;
    let zipped = first == GZIP;
    let whole = first.as_slice().chain(input);
    if zipped {
        let bound = stored.map(|bytes| bytes.saturating_mul(MOST_FROM_ONE_BYTE));
        DataKind {
            input: MultiGzDecoder::new(whole),
            length: None,
            bound,
            zipped,
        }
        .content(kind)
    } else {
        DataKind {
            input: whole,
            length: stored,
            bound: stored,
            zipped,
        }
        .content(kind)
    }
}

/// Decompressed bytes on their way in.
struct DataKind<R> {
    input: R,
    /// How many there are, where that is known beforehand.
    length: Option<u64>,
    /// More than this there cannot be.
    bound: Option<u64>,
    zipped: bool,
}

impl<R: Read> DataKind<R> {
    fn content(mut self, kind: Kind) -> Result<Content, Fault> {
        let sizes = self.header(kind)?;
        let total = total(&sizes, kind)?;
        let described = format!("{}, {total} bytes", described(&sizes, kind));
        let header = 4 + 4 * kind.rank() as u64;
        if let Some(length) = self.length {
            // Before anything is allocated: a header may claim any number.
            let found = length.saturating_sub(header);
            if found < total {
                return Err(self.truncated(&described, found));
            }
        }
        let values = self.values(total, &described)?;
        match up_to(&mut self.input, 1) {
            Ok(rest) if rest.is_empty() => Ok(Content { sizes, values }),
            Ok(_) => Err(self.trailing(&described, header + total)),
            Err(error) => Err(self.failed(error, || "trailing bytes that are no gzip".to_owned())),
        }
    }

    /// The sizes that the header names.
    fn header(&mut self, kind: Kind) -> Result<Vec<u32>, Fault> {
        let wanted = 4 + 4 * kind.rank();
        let bytes = up_to(&mut self.input, wanted)
            .map_err(|error| self.failed(error, || "no header".to_owned()))?;
        let magic = kind.magic().to_be_bytes();
        if bytes.is_empty() {
            return Err(Fault::content(
                format!("expected {}, found an empty file", kind.name()),
                DAMAGED,
            ));
        }
        if !bytes.starts_with(&magic[..bytes.len().min(4)]) {
            let looks = look_of(&bytes, self.zipped);
            return Err(Fault::content(
                format!(
                    "expected {} (IDX, magic 0x{:08x}), found {looks}",
                    kind.name(),
                    kind.magic()
                ),
                hint_for(&bytes, kind),
            ));
        }
        if bytes.len() < wanted {
            let what = format!(
                "expected a header of {wanted} bytes, found {} bytes",
                bytes.len()
            );
            return Err(Fault::content(what, DAMAGED));
        }
        let (words, _) = bytes[4..].as_chunks::<4>();
        Ok(words.iter().map(|word| u32::from_be_bytes(*word)).collect())
    }

    /// `total` bytes, straight into the vector that is returned.
    fn values(&mut self, total: u64, described: &str) -> Result<Vec<u8>, Fault> {
        let mut values = Vec::new();
        let reserve = total.min(self.bound.unwrap_or(UNKNOWN_RESERVE));
        let room =
            usize::try_from(reserve).is_ok_and(|bytes| values.try_reserve_exact(bytes).is_ok());
        if !room {
            let what = format!("{described}: more than there is memory for");
            return Err(Fault::content(
                what,
                "use fewer images, or a machine with more memory",
            ));
        }
        match (&mut self.input).take(total).read_to_end(&mut values) {
            Ok(_) if values.len() as u64 == total => Ok(values),
            Ok(_) => Err(self.truncated(described, values.len() as u64)),
            Err(error) => Err(self.failed(error, || {
                format!("expected {described}, found {} bytes", values.len())
            })),
        }
    }

    fn truncated(&self, described: &str, found: u64) -> Fault {
        Fault::content(
            format!(
                "expected {described}, found {found} bytes{}",
                self.unpacked()
            ),
            DAMAGED,
        )
    }

    fn trailing(&self, described: &str, end: u64) -> Fault {
        let what = format!(
            "expected {described} and then nothing, found more after byte {end}{}",
            self.unpacked()
        );
        Fault::content(
            what,
            "the header and the content disagree: get the file again, or write it with the true count",
        )
    }

    fn failed(&self, error: io::Error, context: impl FnOnce() -> String) -> Fault {
        Fault::reading(error, self.zipped, context)
    }

    fn unpacked(&self) -> &'static str {
        if self.zipped { " after unpacking" } else { "" }
    }
}

/// At most `count` bytes: fewer only where the input ends.
fn up_to(input: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    input.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that sizes ask for.
fn total(sizes: &[u32], kind: Kind) -> Result<u64, Fault> {
    if let Some(zero) = sizes.iter().position(|size| *size == 0) {
        let what = match zero {
            0 => format!("holds no {}: its header says 0", kind.name()),
            _ => format!(
                "holds {}: nothing can be learned from these",
                described(sizes, kind)
            ),
        };
        return Err(Fault::content(what, ANOTHER_FILE));
    }
    let product = sizes
        .iter()
        .try_fold(1_u64, |product, size| product.checked_mul(u64::from(*size)));
    product.ok_or_else(|| {
        let what = format!(
            "its header claims {}, more than any file can hold",
            described(sizes, kind)
        );
        Fault::content(what, DAMAGED)
    })
}

fn described(sizes: &[u32], kind: Kind) -> String {
    match sizes {
        [count, height, width] => format!("{count} {} of {height} x {width}", kind.name()),
        [count, ..] => format!("{count} {}", kind.name()),
        [] => kind.name().to_owned(),
    }
}

fn hint_for(bytes: &[u8], kind: Kind) -> &'static str {
    let other = if kind == Kind::Images {
        Kind::Labels
    } else {
        Kind::Images
    };
    if bytes.starts_with(&other.magic().to_be_bytes()) {
        "the files of images and of labels have each other's name: exchange them"
    } else if bytes.starts_with(b"<") {
        "a web page was saved in place of the file: download it again and look at what comes"
    } else if bytes.starts_with(&GZIP) {
        "unpack it once (`gunzip`) and try again"
    } else {
        ANOTHER_FILE
    }
}

/// What bytes with another magic number are, as far as they show it.
fn look_of(bytes: &[u8], zipped: bool) -> String {
    const KNOWN: [(&[u8], &str); 11] = [
        (&[0, 0, 8, 1], "labels (IDX, magic 0x00000801)"),
        (&[0, 0, 8, 3], "images (IDX, magic 0x00000803)"),
        (
            &[3, 8, 0, 0],
            "an IDX file with its bytes in the wrong order",
        ),
        (
            &[1, 8, 0, 0],
            "an IDX file with its bytes in the wrong order",
        ),
        (b"<", "a web page (HTML or XML)"),
        (b"\x89PNG", "a PNG image"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"PAR1", "a Parquet table"),
        (
            b"version https://",
            "a Git LFS pointer in place of the file",
        ),
        (b"\xfd7zXZ", "an xz archive"),
    ];
    if bytes.starts_with(&GZIP) && zipped {
        return "a gzip inside the gzip".to_owned();
    }
    if let Some((_, name)) = KNOWN.iter().find(|(start, _)| bytes.starts_with(start)) {
        return (*name).to_owned();
    }
    match bytes {
        [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, rank, ..] => {
            format!("an IDX file of type 0x{:02x} with {rank} sizes", bytes[2])
        }
        _ => format!(
            "bytes that begin with {}",
            hex(&bytes[..bytes.len().min(4)])
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}
