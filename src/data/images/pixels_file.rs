//! The bytes of fitted images, one image after another, read by position: a set may be far larger than memory, and the
//! system keeps what is used often.

use std::fs;
use std::path::PathBuf;

use crate::data::bytes::Bytes;
use crate::error::{Error, Result};

/// The bytes of `N` images, with a checksum of each.
#[derive(Debug)]
pub struct PixelsFile {
    bytes: Bytes,
    /// The bytes of an image.
    width: usize,
    /// The CRC-32 of each image.
    checksums: Vec<u32>,
    /// The file that describes the bytes: without it they are made anew. `None` if they are not kept.
    index: Option<PathBuf>,
}

impl PixelsFile {
    pub fn new(bytes: Bytes, width: usize, checksums: Vec<u32>, index: Option<PathBuf>) -> Self {
        Self {
            bytes,
            width,
            checksums,
            index,
        }
    }

    /// Returns the bytes of an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Reads image `row`.
    ///
    /// # Errors
    /// The file was changed or damaged since it was written.
    pub fn read(&self, row: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.width];
        let changed = |what: String| {
            if let Some(index) = &self.index {
                // What cannot be removed is found damaged again.
                let _ = fs::remove_file(index);
            }
            Error::failed(format!("the cache of the images: image {row} {what}"))
                .with_hint("run the command again: a damaged cache is made anew")
        };
        self.bytes
            .read_at(row as u64 * self.width as u64, &mut bytes)
            .map_err(|error| changed(format!("cannot be read: {error}")))?;
        if crc32fast::hash(&bytes) == self.checksums[row] {
            Ok(bytes)
        } else {
            Err(changed("was changed after it was written".into()))
        }
    }
}
