//! The images of IDX files, MNIST's format, under any names: four files, two, or one.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, imageops};

use super::file_tree::FileTree;
use super::folder_tree::FolderTree;
use super::image_source::{Decoded, ImageEntry, ImageSource};
use crate::data::{Split, SplitName, idx};
use crate::error::{Error, Result};

/// The images of one or more IDX files.
#[derive(Debug)]
pub struct IdxImages {
    files: Vec<IdxFile>,
    entries: Vec<ImageEntry>,
    /// The file of each image, and its number there.
    places: Vec<(usize, usize)>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct IdxFile {
    path: PathBuf,
    images: Split,
    /// EMNIST's files are published with rows and columns exchanged.
    is_transposed: bool,
}

/// Opens the IDX files of images that `path` is or holds; `None` if there are none.
///
/// # Errors
/// Returns an error if such a file is damaged, or has a file of labels that does not fit it.
pub fn open_idx(path: &Path) -> Result<Option<IdxImages>> {
    let paths: Vec<PathBuf> = if path.is_dir() {
        let tree = FolderTree::new(path)?;
        (0..tree.files().len())
            .map(|file| tree.full_path(file))
            .filter(|path| holds_images(path))
            .collect()
    } else {
        Vec::from_iter(holds_images(path).then(|| path.to_owned()))
    };
    // A file may lie beside its own gzip.
    let all = paths.clone();
    let paths: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| {
            let unpacked = path.extension().is_some_and(|ending| ending == "gz");
            !(unpacked && all.contains(&path.with_extension("")))
        })
        .collect();
    if paths.is_empty() {
        return Ok(None);
    }
    check_one_set(&paths, path)?;
    let (mut files, mut entries, mut places, mut key) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let images = idx::images(&path)?;
        let labels = labels_of(&path).map(|path| idx::labels(&path).map(|labels| (labels, path)));
        let labels = labels.transpose()?;
        if let Some((labels, of)) = &labels
            && labels.len() != images.len()
        {
            return Err(Error::file(
                of,
                format!(
                    "expected {} labels, one for each image in {}, found {}",
                    images.len(),
                    path.display(),
                    labels.len()
                ),
            )
            .with_hint("images and labels have to come from one data set"));
        }
        let name = name_of(&path);
        let split = split_in(&name);
        for index in 0..images.len() {
            places.push((files.len(), index));
            entries.push(ImageEntry {
                name: format!("{name}[{index}]"),
                split,
                class: labels.as_ref().map(|(labels, _)| labels[index].to_string()),
            });
        }
        let found = fs::metadata(&path).ok();
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        key.extend_from_slice(place.to_string_lossy().as_bytes());
        key.extend_from_slice(&found.as_ref().map_or(0, fs::Metadata::len).to_le_bytes());
        let modified = found.and_then(|found| found.modified().ok());
        key.extend_from_slice(format!("{modified:?}").as_bytes());
        files.push(IdxFile {
            is_transposed: name.to_lowercase().starts_with("emnist"),
            path,
            images,
        });
    }
    Ok(Some(IdxImages {
        files,
        entries,
        places,
        key,
    }))
}

/// Checks that the files are those of one set: EMNIST has six in one folder, whose labels mean different things.
fn check_one_set(paths: &[PathBuf], folder: &Path) -> Result<()> {
    let set = |path: &PathBuf| {
        let name = name_of(path).to_lowercase();
        let name = name.trim_end_matches(".gz").to_owned();
        [
            "training",
            "train",
            "t10k",
            "testing",
            "test",
            "validation",
            "val",
        ]
        .iter()
        .fold(name, |name, part| name.replacen(part, "", 1))
    };
    let mut sets: Vec<String> = paths.iter().map(set).collect();
    sets.sort_unstable();
    sets.dedup();
    if sets.len() < 2 {
        return Ok(());
    }
    let names: Vec<String> = paths.iter().map(|path| name_of(path)).collect();
    Err(Error::file(
        folder,
        format!("holds several sets of images: {}", names.join(", ")),
    )
    .with_hint("move the files of one set into a folder of their own, and name that"))
}

impl IdxImages {
    /// Returns what a person should know of the files.
    pub fn notes(&self) -> Vec<String> {
        let transposed = self.files.iter().any(|file| file.is_transposed);
        transposed
            .then(|| {
                "EMNIST is published with rows and columns exchanged: they are exchanged back"
                    .to_owned()
            })
            .into_iter()
            .collect()
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns whether a file is named as one of images in this format.
fn holds_images(path: &Path) -> bool {
    let name = name_of(path).to_lowercase();
    ["idx3-ubyte", "idx3.ubyte", ".idx3"]
        .iter()
        .any(|part| name.contains(part))
}

/// Returns the file of labels that belongs to a file of images, if it is there.
fn labels_of(images: &Path) -> Option<PathBuf> {
    let name = name_of(images);
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let path = images.with_file_name(&labels);
    (labels != name && path.is_file()).then_some(path)
}

fn split_in(name: &str) -> Option<SplitName> {
    let name = name.to_lowercase();
    match () {
        () if name.contains("train") => Some(SplitName::Train),
        () if name.contains("t10k") || name.contains("test") => Some(SplitName::Test),
        () if name.contains("val") => Some(SplitName::Validation),
        () => None,
    }
}

impl ImageSource for IdxImages {
    fn entries(&self) -> &[ImageEntry] {
        &self.entries
    }

    fn decode(&self, index: usize) -> Result<Decoded> {
        let (file, index) = self.places[index];
        let file = &self.files[file];
        let [_, height, width] = file.images.shape;
        let bytes = file.images.image(index)?.into_owned();
        let image = GrayImage::from_raw(width as u32, height as u32, bytes)
            .ok_or_else(|| Error::file(&file.path, format!("image {index} is cut short")))?;
        let image = if file.is_transposed {
            imageops::flip_horizontal(&imageops::rotate90(&image))
        } else {
            image
        };
        Ok(Decoded::plain(DynamicImage::from(image)))
    }

    fn size(&self, index: usize) -> Result<[u32; 2]> {
        let (file, _) = self.places[index];
        let file = &self.files[file];
        let [_, height, width] = file.images.shape.map(|side| side as u32);
        Ok(if file.is_transposed {
            [height, width]
        } else {
            [width, height]
        })
    }

    fn key(&self) -> Vec<u8> {
        self.key.clone()
    }
}
