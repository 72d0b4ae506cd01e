//! The cache of fitted images: what was decoded once is found again by the next command, and by a training that goes on.
//!
//! A folder for each set and fit holds `pixels`, the bytes of one image after another, and `index.json`, which is written
//! last and describes them. A cut, foreign or missing file makes the set be read again. The time of its last change is
//! that of the set's last use.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::cache_limit::{hold, touch};
use super::fitting::{FittedImage, Fitting, ImageSummary, SkippedImage, fit_all};
use super::image_source::ImageSource;
use super::pixels_file::PixelsFile;
use crate::data::bytes::Bytes;
use crate::data::fetch::hex;
use crate::data::image_file::{Fit, luma_of};
use crate::error::{Error, Result};
use crate::files;

/// Raised when the same files give other bytes than before.
pub const READER_VERSION: u32 = 1;

/// The description of the bytes in a cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheIndex {
    pub key: String,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    pub images: Vec<FittedImage>,
    pub skipped: Vec<SkippedImage>,
    pub summary: ImageSummary,
}

/// Fitted images: their bytes, one image after another, and their description.
#[derive(Debug)]
pub struct FittedSet {
    pub index: CacheIndex,
    pub bytes: Bytes,
}

/// A folder for the fitted images of all sets; `None` keeps nothing beyond the command.
#[derive(Clone, Copy, Debug)]
pub struct Cache<'a> {
    pub folder: Option<&'a Path>,
}

/// Returns the key of a set's images in a fit.
pub fn key(source: &dyn ImageSource, fit: &Fit) -> String {
    let mut sum = Md5::new();
    sum.update(READER_VERSION.to_le_bytes());
    sum.update(format!("{fit:?}"));
    sum.update(source.key());
    hex(sum)
}

impl FittedSet {
    /// Returns the description of the images, and their bytes for reading by position; `kept` is the file that the
    /// description was read from or written to, if it is kept.
    pub fn into_parts(self, kept: Option<PathBuf>) -> (CacheIndex, Arc<PixelsFile>) {
        let checksums = self.index.images.iter().map(|image| image.checksum);
        let width = self.index.shape.iter().product();
        let file = PixelsFile::new(self.bytes, width, checksums.collect(), kept);
        (self.index, Arc::new(file))
    }
}

impl Cache<'_> {
    fn place(&self, key: &str) -> Option<PathBuf> {
        self.folder.map(|folder| folder.join(key))
    }

    /// Returns the fitted images with this key, if they are kept and whole.
    pub fn find(&self, key: &str) -> Option<FittedSet> {
        let place = self.place(key)?;
        let described = place.join("index.json");
        let bytes = Bytes::of_file(&place.join("pixels")).ok()?;
        hold(&bytes);
        let index = BufReader::new(File::open(&described).ok()?);
        let index: CacheIndex = serde_json::from_reader(index).ok()?;
        let width: usize = index.shape.iter().product();
        let expected = (index.images.len() as u64).checked_mul(width as u64)?;
        if index.key != key || bytes.length() != expected {
            return None;
        }
        touch(&described);
        Some(FittedSet { index, bytes })
    }

    /// Returns the file that describes the images with this key, or `None` if nothing is kept.
    pub fn index_file(&self, key: &str) -> Option<PathBuf> {
        self.place(key).map(|place| place.join("index.json"))
    }

    /// Keeps fitted images, whose bytes are in `scratch`. `channels` is 1 where `fit` gave three and all are grey.
    ///
    /// # Errors
    /// The disk is full.
    pub fn keep(
        &self,
        key: String,
        fit: &Fit,
        channels: usize,
        fitting: Fitting,
        mut scratch: File,
    ) -> Result<FittedSet> {
        let failed = |error: io::Error| unwritten(self.folder, &error);
        scratch.rewind().map_err(failed)?;
        let [had, height, width] = fit.shape;
        let shape = [channels, height, width];
        let Fitting {
            mut images,
            skipped,
            summary,
        } = fitting;
        let mut copy = |out: &mut dyn Write| -> io::Result<()> {
            let mut from = BufReader::new(&scratch);
            let mut bytes = vec![0; fit.shape.iter().product()];
            for image in &mut images {
                from.read_exact(&mut bytes)?;
                if channels == had {
                    out.write_all(&bytes)?;
                } else {
                    let grey = luma_of(&bytes);
                    out.write_all(&grey)?;
                    image.hash = Md5::digest(&grey).into();
                    image.checksum = crc32fast::hash(&grey);
                }
            }
            Ok(())
        };
        let bytes = match self.place(&key) {
            None => {
                let mut file = tempfile::tempfile().map_err(failed)?;
                let mut out = BufWriter::new(&mut file);
                copy(&mut out).and_then(|()| out.flush()).map_err(failed)?;
                drop(out);
                Bytes::of_open(file).map_err(failed)?
            }
            Some(place) => {
                let pixels = place.join("pixels");
                files::write_with(&pixels, copy)?;
                let bytes = Bytes::of_file(&pixels).map_err(failed)?;
                hold(&bytes);
                bytes
            }
        };
        let index = CacheIndex {
            key,
            shape,
            images,
            skipped,
            summary,
        };
        if let Some(place) = self.place(&index.key) {
            let text = serde_json::to_vec(&index).map_err(Error::failed)?;
            files::write(&place.join("index.json"), &text)?;
        }
        Ok(FittedSet { index, bytes })
    }
}

/// Fits all images of a source into a file without a name, on the disk of the cache if that can be.
///
/// # Errors
/// The disk is full.
pub fn fit_into_scratch(
    source: &dyn ImageSource,
    fit: &Fit,
    folder: Option<&Path>,
) -> Result<(Fitting, File)> {
    let mut file = scratch(folder)?;
    let mut out = BufWriter::new(&mut file);
    let fitting = fit_all(source, fit, &mut out)
        .and_then(|fitting| out.flush().map(|()| fitting))
        .map_err(|error| unwritten(folder, &error))?;
    drop(out);
    Ok((fitting, file))
}

/// Returns a file without a name for bytes that are not needed for long, on the disk of the cache if that can be.
///
/// # Errors
/// There is no place for such a file.
fn scratch(folder: Option<&Path>) -> Result<File> {
    let beside = folder.and_then(|folder| {
        fs::create_dir_all(folder).ok()?;
        tempfile::tempfile_in(folder).ok()
    });
    match beside {
        Some(file) => Ok(file),
        None => tempfile::tempfile().map_err(|error| unwritten(None, &error)),
    }
}

/// Returns the error for a disk that takes no more bytes.
fn unwritten(folder: Option<&Path>, error: &io::Error) -> Error {
    let temporary = std::env::temp_dir();
    let place = folder.unwrap_or(&temporary);
    Error::failed(format!("{}: the fitted images cannot be kept: {error}", place.display()))
        .with_hint("make room there; a smaller `--size` takes less, and `--no-cache` uses the folder for temporary files")
}
