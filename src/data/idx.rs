//! The IDX format of the MNIST files: a magic number, the sizes as big-endian 32-bit numbers, the bytes.
//!
//! Plain or gzipped, any count and any size. Total: no bytes make it panic, or allocate more than the file can hold.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::Split;
use super::bytes::Bytes;
use super::fault::{ANOTHER_FILE, DAMAGED, Fault};
use super::gzip::{GZIP, Gzip};
use crate::error::Result;
use crate::words::counted;

mod look;
mod role;

use look::{hint_for, look_of};
use role::Role;

/// Deflate makes at most 1032 bytes of one (a match of 258 bytes in two bits), which bounds what a gzip can hold.
const MOST_FROM_ONE_BYTE: u64 = 1032;

/// Reserved at first if the input's length is not known, as of a pipe.
const UNKNOWN_RESERVE: u64 = 1 << 20;

/// Reads images of one channel, `[N, 1, H, W]`, without labels.
///
/// # Errors
/// Exit code 2, naming the file, what was expected and what was found.
pub fn images(path: &Path) -> Result<Split> {
    open(path)
        .and_then(|(input, stored)| into_images(decode(input, stored, Role::Images)?))
        .map_err(|f| f.at(path))
}

/// Reads the class of each image, `[N]`.
///
/// # Errors
/// Exit code 2, naming the file, what was expected and what was found.
pub fn labels(path: &Path) -> Result<Vec<u8>> {
    open(path)
        .and_then(|(input, stored)| decode(input, stored, Role::Labels))
        .map(|content| content.values)
        .map_err(|fault| fault.at(path))
}

/// Does what [`images`] does with bytes that may lie within an archive.
///
/// # Errors
/// They say what was expected and what was found.
pub fn images_in(bytes: &Bytes) -> Result<Split, Fault> {
    into_images(decode_bytes(bytes, Role::Images)?)
}

/// Does what [`labels`] does with bytes that may lie within an archive.
///
/// # Errors
/// They say what was expected and what was found.
pub fn labels_in(bytes: &Bytes) -> Result<Vec<u8>, Fault> {
    Ok(decode_bytes(bytes, Role::Labels)?.values)
}

/// Does what [`images`] does with bytes in memory.
///
/// # Errors
/// They say what was expected and what was found.
pub fn parse_images(bytes: &[u8]) -> Result<Split, Fault> {
    into_images(decode(bytes, Some(bytes.len() as u64), Role::Images)?)
}

/// Does what [`labels`] does with bytes in memory.
///
/// # Errors
/// They say what was expected and what was found.
pub fn parse_labels(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(decode(bytes, Some(bytes.len() as u64), Role::Labels)?.values)
}

/// Returns the first bytes of the plain file that holds `count` images of `height` x `width`.
pub fn image_header(count: u32, height: u32, width: u32) -> [u8; 16] {
    let mut header = [0; 16];
    for (slot, value) in
        header
            .chunks_exact_mut(4)
            .zip([Role::Images.magic(), count, height, width])
    {
        slot.copy_from_slice(&value.to_be_bytes());
    }
    header
}

/// The content of a file: its sizes, and as many bytes as they ask for.
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

/// Opens a file; also returns its length if it has one.
fn open(path: &Path) -> Result<(BufReader<File>, Option<u64>), Fault> {
    let file = File::open(path).map_err(Fault::Read)?;
    let about = file.metadata().map_err(Fault::Read)?;
    Ok((
        BufReader::with_capacity(1 << 16, file),
        about.is_file().then_some(about.len()),
    ))
}

fn decode_bytes(bytes: &Bytes, role: Role) -> Result<Content, Fault> {
    let input = BufReader::with_capacity(1 << 16, bytes.reader());
    decode(input, Some(bytes.length()), role)
}

/// `stored` is the length of `input`, if it is known.
fn decode(mut input: impl BufRead, stored: Option<u64>, kind: Role) -> Result<Content, Fault> {
    let first = up_to(&mut input, GZIP.len()).map_err(Fault::Read)?;
    let zipped = first == GZIP;
    let whole = first.as_slice().chain(input);
    if zipped {
        let bound = stored.map(|bytes| bytes.saturating_mul(MOST_FROM_ONE_BYTE));
        Decoder {
            input: Gzip::new(whole),
            length: None,
            bound,
            zipped,
        }
        .content(kind)
    } else {
        Decoder {
            input: whole,
            length: stored,
            bound: stored,
            zipped,
        }
        .content(kind)
    }
}

/// Decompressed bytes on their way in.
struct Decoder<R> {
    input: R,
    /// How many there are, if that is known beforehand.
    length: Option<u64>,
    /// There cannot be more than this.
    bound: Option<u64>,
    zipped: bool,
}

impl<R: Read> Decoder<R> {
    fn content(mut self, kind: Role) -> Result<Content, Fault> {
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
            Err(error) => Err(self.failed(error, || format!("after {described}"))),
        }
    }

    /// Reads the sizes that the header names.
    fn header(&mut self, kind: Role) -> Result<Vec<u32>, Fault> {
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

    /// Reads `total` bytes straight into the vector that is returned.
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

/// Reads `count` bytes, or fewer if the input ends.
fn up_to(input: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    input.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns how many bytes the sizes ask for.
fn total(sizes: &[u32], kind: Role) -> Result<u64, Fault> {
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

fn described(sizes: &[u32], kind: Role) -> String {
    match sizes {
        [count, height, width] => {
            format!(
                "{} of {height} x {width}",
                counted(*count as usize, kind.one())
            )
        }
        [count, ..] => counted(*count as usize, kind.one()),
        [] => kind.name().to_owned(),
    }
}
