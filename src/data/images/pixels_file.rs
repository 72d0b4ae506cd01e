//! The bytes of fitted images, one image after another in a file that is read by position: a set may be far larger than
//! memory, and the system keeps what is used often.

use std::fs::File;
use std::io;

use crate::error::{Error, Result};

/// The bytes of `N` images in a file, with a checksum of each.
#[derive(Debug)]
pub struct PixelsFile {
    file: File,
    /// The bytes of an image.
    width: usize,
    /// The CRC-32 of each image.
    checksums: Vec<u32>,
}

impl PixelsFile {
    pub fn new(file: File, width: usize, checksums: Vec<u32>) -> Self {
        Self {
            file,
            width,
            checksums,
        }
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.checksums.len()
    }

    /// Reads image `row`.
    ///
    /// # Errors
    /// The file was changed or damaged since it was written.
    pub fn read(&self, row: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.width];
        let place = row as u64 * self.width as u64;
        let changed = |what: &str| {
            Error::failed(format!("the cache of the images: image {row} {what}"))
                .with_hint("run the command again with `--no-cache`, or remove the folder `images` from the cache of vae")
        };
        read_at(&self.file, &mut bytes, place)
            .map_err(|error| changed(&format!("cannot be read: {error}")))?;
        if crc32fast::hash(&bytes) == self.checksums[row] {
            Ok(bytes)
        } else {
            Err(changed("was changed after it was written"))
        }
    }
}

/// Fills `bytes` from the position `place` of a file, whose own position does not matter.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}

/// Fills `bytes` from the position `place` of a file.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut place: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let count = file.seek_read(bytes, place)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[count..];
        place += count as u64;
    }
    Ok(())
}
