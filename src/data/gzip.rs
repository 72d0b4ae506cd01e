//! A gzip as one stream, as `gzip` reads it: one member after another, and zeros after the last one, which tapes and
//! some disks add.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The first bytes of a gzip.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The unpacked bytes of every member.
pub struct Gzip<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<R>>,
}

/// The ways in which a gzip is damaged, beside one that ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GzipFault {
    /// The unpacked bytes do not have the checksum or the length that the gzip says.
    Checksum,
    /// Other bytes follow the last member.
    Trailing,
    /// The packed bytes are no gzip.
    Corrupt,
}

impl<R: BufRead> Gzip<R> {
    pub fn new(input: R) -> Self {
        Self {
            member: Some(GzDecoder::new(input)),
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let (Some(member), false) = (&mut self.member, buffer.is_empty()) {
            let count = member.read(buffer).map_err(named)?;
            if count > 0 {
                return Ok(count);
            }
            self.member = match self.member.take() {
                Some(ended) => next(ended.into_inner())?,
                None => None,
            };
        }
        Ok(0)
    }
}

/// Returns the next member, or `None` if only zeros are left.
fn next<R: BufRead>(mut input: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let bytes = input.fill_buf()?;
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        if first == GZIP[0] {
            return Ok(Some(GzDecoder::new(input)));
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Err(GzipFault::Trailing.into());
        }
        input.consume(zeros);
    }
}

/// Returns the error of a damaged gzip with its fault inside; other errors stay as they are.
fn named(error: io::Error) -> io::Error {
    match error.kind() {
        // The library has one kind for both; a test below holds its words.
        ErrorKind::InvalidInput if error.to_string().contains("checksum") => {
            GzipFault::Checksum.into()
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData => GzipFault::Corrupt.into(),
        _ => error,
    }
}

impl fmt::Display for GzipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "the gzip's checksum is wrong",
            Self::Trailing => "other bytes follow the end of the gzip data",
            Self::Corrupt => "the gzip is corrupt",
        })
    }
}

impl Error for GzipFault {}

impl From<GzipFault> for io::Error {
    fn from(fault: GzipFault) -> Self {
        Self::new(ErrorKind::InvalidData, fault)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        // A small buffer, so that members and zeros begin and end anywhere in it.
        let input = io::BufReader::with_capacity(3, bytes);
        match Gzip::new(input).read_to_end(&mut all) {
            Ok(_) => Ok(all),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err("ends early".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn members_and_zeros_are_read_as_gzip_reads_them() {
        let [one, two, zeros] = [gzip(b"one "), gzip(b"two"), vec![0; 517]];
        for (parts, text) in [
            (vec![&one], "one "),
            (vec![&one, &two], "one two"),
            (vec![&one, &zeros], "one "),
            (vec![&one, &zeros, &two, &zeros], "one two"),
        ] {
            let bytes: Vec<u8> = parts.into_iter().flatten().copied().collect();
            assert_eq!(unpacked(&bytes).unwrap(), text.as_bytes());
        }
        assert_eq!(unpacked(&gzip(b"")).unwrap(), b"");
    }

    #[test]
    fn each_kind_of_damage_is_called_by_its_name() {
        let whole = gzip(b"some text that is packed");
        let at = |place: usize| {
            let mut changed = whole.clone();
            changed[place] ^= 0x55;
            unpacked(&changed).unwrap_err()
        };
        let end = whole.len();
        // The last eight bytes are the checksum and the length.
        for place in end - 8..end {
            assert_eq!(at(place), "the gzip's checksum is wrong");
        }
        assert_eq!(at(1), "the gzip is corrupt");
        for length in 1..end {
            assert_eq!(unpacked(&whole[..length]).unwrap_err(), "ends early");
        }
        for more in [&b"more"[..], b"\0\0more", b"\x1f and more than a header"] {
            let error = unpacked(&[&whole, more].concat()).unwrap_err();
            let expected = if more[0] == GZIP[0] {
                "the gzip is corrupt"
            } else {
                "other bytes follow the end of the gzip data"
            };
            assert_eq!(error, expected);
        }
    }
}
