//! A folder of maps: for every image the strange pixels in colour over the image, a PNG, and the map itself, a `.npy`.
//!
//! The files are named after the images, so that a folder that holds anything else is refused: the maps of `new` in the folder
//! `new` would take the place of the images. A file `maps.json` says what the maps are; only more maps of the same model,
//! with the same threshold, are added to a folder.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::image_blocks::ImageBlock;
use super::table::write_npy_header;
use crate::error::{Error, Result};
use crate::eval::anomaly::{Calibration, FlaggingRule};
use crate::figure::{Raster, encode_raster, overlay};
use crate::files::{self, OccupiedFolder};
use crate::parallel;

/// The file that says what the maps are.
const ABOUT: &str = "maps.json";

/// A folder that maps are written into, and what their pixels are compared with.
pub struct MapFolder {
    path: PathBuf,
    pub calibration: Calibration,
    pub rule: FlaggingRule,
    /// The hashes of the names that are taken.
    taken: RefCell<HashSet<u64>>,
    /// `None` where another of several processes writes the maps.
    claim: Option<OccupiedFolder>,
}

impl MapFolder {
    /// Makes the folder, or adds to one that holds such maps. `about` says what the maps are.
    ///
    /// # Errors
    /// Returns an error if the folder holds anything else, or cannot be written.
    pub fn open(
        path: &Path,
        calibration: Calibration,
        rule: FlaggingRule,
        about: &Value,
    ) -> Result<Self> {
        let text = format!("{about:#}\n");
        let mut claim = None;
        if parallel::is_first() {
            check_folder(path, &text)?;
            claim = Some(files::occupy(path)?);
            files::write(&path.join(ABOUT), text.as_bytes())?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            calibration,
            rule,
            taken: RefCell::default(),
            claim,
        })
    }

    /// Writes the maps of the images of a block.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or a file cannot be written.
    pub fn write(&self, block: &ImageBlock, maps: &[Vec<f32>]) -> Result<()> {
        if self.claim.is_none() {
            return Ok(());
        }
        let places: Vec<PathBuf> = block
            .ids
            .iter()
            .map(|&id| self.place(&block.images.name(id)))
            .collect();
        for folder in places.iter().filter_map(|place| place.parent()) {
            files::make_folder(folder)?;
        }
        let (shape, threshold) = (block.images.shape, self.rule.threshold);
        let write = |((place, map), &id): ((&PathBuf, &Vec<f32>), &u32)| -> Result<()> {
            let image = Raster {
                shape,
                pixels: block.images.image(id as usize)?.into_owned(),
            };
            let drawn = overlay(&image, map, threshold);
            files::write_without_waiting(&with_ending(place, "png"), &encode_raster(&drawn)?)?;
            let array = with_ending(place, "npy");
            let mut bytes = Vec::with_capacity(128 + 4 * map.len());
            write_npy_header(&mut bytes, "<f4", &shape[1..])
                .map_err(|error| files::unwritable(&array, &error))?;
            bytes.extend(map.iter().flat_map(|value| value.to_le_bytes()));
            files::write_without_waiting(&array, &bytes)
        };
        places
            .par_iter()
            .zip(maps)
            .zip(&block.ids)
            .try_for_each(write)
    }

    /// Returns the path of an image's files, without their endings: its own path below the folder. Where two images of a command
    /// would share it, the later one gets a number.
    fn place(&self, name: &str) -> PathBuf {
        let inside = inside(name);
        let mut taken = self.taken.borrow_mut();
        let mut free = inside.clone();
        let mut number = 2;
        while !taken.insert(hash(&free)) {
            free = inside.clone();
            free.as_mut_os_string().push(format!("-{number}"));
            number += 1;
        }
        self.path.join(free)
    }
}

/// Returns the path of an image without the ending `.png`, and without what leads out of a folder. Other endings stay, so that
/// `a.jpg` and `a.png` keep maps of their own, in whatever order they come.
fn inside(name: &str) -> PathBuf {
    let parts = Path::new(name).components();
    let parts = parts.filter(|part| matches!(part, Component::Normal(_)));
    let mut path: PathBuf = parts.collect();
    let is_png = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if is_png {
        path.set_extension("");
    }
    path
}

fn with_ending(place: &Path, ending: &str) -> PathBuf {
    let mut path = place.to_path_buf();
    path.as_mut_os_string().push(format!(".{ending}"));
    path
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Checks that maps can be written into the folder: it is missing or empty, or its maps have the same `about`.
///
/// # Errors
/// Returns an error that says what is in the way.
fn check_folder(path: &Path, about: &str) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let hint = "name a new folder, or an empty one";
    let unreadable = |error: std::io::Error| files::unreadable(path, &error);
    let first = fs::read_dir(path).map_err(unreadable)?.next();
    let Some(first) = first.transpose().map_err(unreadable)? else {
        return Ok(());
    };
    let known = path.join(ABOUT);
    if !known.is_file() {
        let name = first.file_name();
        let what = format!("this folder holds other files, such as {}", name.display());
        return Err(Error::file(path, what).with_hint(hint));
    }
    if files::read(&known)? != about.as_bytes() {
        return Err(Error::file(
            known,
            "this folder holds maps of another model, or with another threshold",
        )
        .with_hint(hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_lies_below_the_folder_wherever_its_image_lies() {
        for (name, expected) in [
            ("new/0002.png", "new/0002"),
            ("./a.b/c.tar.PNG", "a.b/c.tar"),
            ("../../etc/x.png", "etc/x"),
            ("/data/y.jpeg", "data/y.jpeg"),
            ("17", "17"),
        ] {
            assert_eq!(inside(name), Path::new(expected), "{name}");
        }
    }

    #[test]
    fn a_folder_with_anything_else_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path();
        check_folder(path, "a").unwrap();
        check_folder(&path.join("missing"), "a").unwrap();
        fs::write(path.join("1.png"), "mine").unwrap();
        let error = check_folder(path, "a").unwrap_err().to_string();
        assert!(error.contains("such as 1.png"), "{error}");
        fs::write(path.join(ABOUT), "a").unwrap();
        check_folder(path, "a").unwrap();
        let error = check_folder(path, "b").unwrap_err().to_string();
        assert!(error.contains("of another model"), "{error}");
        assert!(check_folder(&path.join("1.png"), "a").is_err());
    }
}
