//! Images that a model decodes, as files: one sheet, one array, or one file an image.

mod array;
mod decoded_images;
mod folder;

use std::path::{Path, PathBuf};

use crate::check::count;
use crate::error::{Error, Result};

pub use decoded_images::DecodedImages;
pub use folder::check_folder;

/// The most images that are written at once. An image has the number of its latent, which is a word of 32 bits.
const MOST_IN_FILES: usize = 1_000_000_000;

/// The endings that a person expects another kind of file of. A folder with such a name would be a surprise.
const OTHER_FILES: &[&str] = &[
    "jpg", "jpeg", "gif", "svg", "bmp", "webp", "tif", "tiff", "qoi", "ppm", "pgm", "pdf", "npz",
    "csv", "json", "txt", "zip", "tar", "gz", "mp4", "h5", "hdf5", "pt", "pkl", "mat", "html",
];

/// The place that `--out` names, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePlace<'a> {
    /// A sheet, a `.png`; in the run's folder if it is `None`.
    Sheet(Option<&'a Path>),
    /// A NumPy array, a `.npy`.
    Array(&'a Path),
    /// A folder with a file for each image.
    Folder(&'a Path),
}

impl<'a> ImagePlace<'a> {
    /// Returns the place with this path.
    ///
    /// # Errors
    /// Returns an error if the ending is that of another kind of file.
    pub fn of(path: Option<&'a Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Sheet(None));
        };
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        match ending.as_str() {
            "png" => Ok(Self::Sheet(Some(path))),
            "npy" => Ok(Self::Array(path)),
            other if OTHER_FILES.contains(&other) => {
                let what = "expected a name that ends in `.png` (a sheet) or `.npy` (an array), or a folder";
                Err(Error::file(path, what))
            }
            _ => Ok(Self::Folder(path)),
        }
    }

    /// Checks the number of images that `flag` asks for. `fit` checks it for a sheet.
    pub fn check_count(
        self,
        flag: &str,
        images: usize,
        fit: impl FnOnce(usize) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Sheet(_) => fit(images).map_err(|error| {
                if images == 0 {
                    return error;
                }
                error.with_hint("for more, write files: `--out FOLDER` or `--out FILE.npy`")
            }),
            Self::Array(_) | Self::Folder(_) => count(flag, images, MOST_IN_FILES),
        }
    }
}

/// Writes images to an array or a folder, and returns the paths of what was written.
///
/// # Errors
/// Returns an error if a decoded value is not finite, if the files cannot be written, or if the program is interrupted.
pub fn write_array(images: &DecodedImages, path: &Path) -> Result<Vec<PathBuf>> {
    array::write(images, path)
}

/// Writes images to a folder, one file each, and returns its path. `about` says what they are.
///
/// # Errors
/// Returns an error in the same cases as [`write_array`], and if the folder holds other files.
pub fn write_folder(
    images: &DecodedImages,
    path: &Path,
    about: &serde_json::Value,
) -> Result<Vec<PathBuf>> {
    folder::write(images, path, about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_what_is_written() {
        let of = |text: &'static str| ImagePlace::of(Some(Path::new(text)));
        assert_eq!(
            of("a/b.PNG").unwrap(),
            ImagePlace::Sheet(Some(Path::new("a/b.PNG")))
        );
        assert_eq!(of("a.npy").unwrap(), ImagePlace::Array(Path::new("a.npy")));
        for folder in ["samples", "samples/", "my.samples", "a.png/b"] {
            assert_eq!(of(folder).unwrap(), ImagePlace::Folder(Path::new(folder)));
        }
        for other in ["a.jpg", "a.GIF", "a.npz"] {
            assert!(of(other).is_err(), "{other}");
        }
    }
}
