//! The images of IDX files, MNIST's format, under any names: four files, two, or one.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, imageops};

use super::archive::Container;
use super::arrays::PlainFiles;
use super::file_tree::FileTree;
use super::image_source::{Decoded, ImageEntry, ImageSource};
use super::scratch::Scratch;
use super::tree_key::files_key;
use crate::data::{Split, SplitName, idx};
use crate::error::{Error, Result};
use crate::files::folder_of;

/// The images of one or more IDX files.
#[derive(Debug)]
pub struct IdxImages {
    files: Vec<IdxFile>,
    entries: Vec<ImageEntry>,
    /// The file of each image, and its number there.
    places: Vec<(usize, usize)>,
    key: Vec<u8>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct IdxFile {
    path: PathBuf,
    images: Split,
    /// EMNIST's files are published with rows and columns exchanged.
    is_transposed: bool,
}

/// Opens the IDX files of images in a folder or an archive; `None` if there are none.
///
/// # Errors
/// Returns an error if such a file is damaged, or has a file of labels that does not fit it.
pub fn open_idx(tree: &dyn Container, scratch: &Scratch) -> Result<Option<IdxImages>> {
    let files = tree.files();
    let has = |path: &str| files.iter().any(|file| file.path == path);
    let found: Vec<usize> = (0..files.len())
        .filter(|&file| is_idx_images(&files[file].path))
        // A file may lie beside its own gzip.
        .filter(|&file| {
            let plain = files[file].path.strip_suffix(".gz");
            !plain.is_some_and(has)
        })
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    IdxImages::of(tree, &found, scratch).map(Some)
}

/// Opens the IDX file of images `path` alone; `None` if its name says that it is another kind of file. Its labels may lie
/// beside it.
///
/// # Errors
/// They are those of [`open_idx`].
pub fn open_idx_file(path: &Path, scratch: &Scratch) -> Result<Option<IdxImages>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !is_idx_images(&name) {
        return Ok(None);
    }
    let beside =
        PlainFiles::of_folder(folder_of(path)).unwrap_or_else(|_| PlainFiles::of_file(path));
    let file = beside.files().iter().position(|file| file.path == name);
    file.map(|file| IdxImages::of(&beside, &[file], scratch))
        .transpose()
}

impl IdxImages {
    /// Opens the files `images` of `tree`, each with the file of labels that belongs to it, if that is there.
    fn of(tree: &dyn Container, images: &[usize], scratch: &Scratch) -> Result<Self> {
        let names: Vec<&str> = images
            .iter()
            .map(|&file| last_name(&tree.files()[file].path))
            .collect();
        check_one_set(&names, tree.root())?;
        let mut all = Self {
            files: Vec::new(),
            entries: Vec::new(),
            places: Vec::new(),
            key: Vec::new(),
            notes: Vec::new(),
        };
        let mut used = Vec::new();
        for (&file, name) in images.iter().zip(names) {
            let labels_file = labels_of(tree, file);
            used.extend([file].into_iter().chain(labels_file));
            all.add(tree, file, labels_file, name, scratch)?;
        }
        all.key = files_key(tree, used.iter().map(|&file| &tree.files()[file]));
        if all.files.iter().any(|file| file.is_transposed) {
            all.notes.push(
                "EMNIST is published with rows and columns exchanged: they are exchanged back"
                    .to_owned(),
            );
        }
        Ok(all)
    }

    /// Adds the images of file `file`, whose name is `name`.
    fn add(
        &mut self,
        tree: &dyn Container,
        file: usize,
        labels_file: Option<usize>,
        name: &str,
        scratch: &Scratch,
    ) -> Result<()> {
        let path = tree.full_path(file);
        let images = idx::images_in(&tree.open(file, scratch)?).map_err(|fault| fault.at(&path))?;
        let labels = match labels_file {
            None => None,
            Some(file) => Some(labels(tree, file, images.len(), &path, scratch)?),
        };
        let split = split_in(name);
        for index in 0..images.len() {
            self.places.push((self.files.len(), index));
            self.entries.push(ImageEntry {
                name: format!("{name}[{index}]"),
                split,
                class: labels.as_ref().map(|labels| labels[index].to_string()),
            });
        }
        self.files.push(IdxFile {
            is_transposed: name.to_lowercase().starts_with("emnist"),
            path,
            images,
        });
        Ok(())
    }
}

/// Reads the labels in file `file`, one for each of the `expected` images of the file `images`.
fn labels(
    tree: &dyn Container,
    file: usize,
    expected: usize,
    images: &Path,
    scratch: &Scratch,
) -> Result<Vec<u8>> {
    let path = tree.full_path(file);
    let labels = idx::labels_in(&tree.open(file, scratch)?).map_err(|fault| fault.at(&path))?;
    if labels.len() == expected {
        return Ok(labels);
    }
    let what = format!(
        "expected {expected} labels, one for each image in {}, found {}",
        images.display(),
        labels.len()
    );
    Err(Error::file(path, what).with_hint("images and labels have to come from one data set"))
}

/// Checks that the files are those of one set: EMNIST has six in one folder, whose labels mean different things.
fn check_one_set(names: &[&str], place: &Path) -> Result<()> {
    let set = |name: &&str| {
        let name = name.to_lowercase();
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
    let mut sets: Vec<String> = names.iter().map(set).collect();
    sets.sort_unstable();
    sets.dedup();
    if sets.len() < 2 {
        return Ok(());
    }
    Err(Error::file(
        place,
        format!("holds several sets of images: {}", names.join(", ")),
    )
    .with_hint("move the files of one set into a folder of their own, and name that"))
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns whether a file is named as one of images in this format.
fn is_idx_images(path: &str) -> bool {
    let name = last_name(path).to_lowercase();
    ["idx3-ubyte", "idx3.ubyte", ".idx3"]
        .iter()
        .any(|part| name.contains(part))
}

/// Returns the file of labels that belongs to the file `images`, if it is there.
fn labels_of(tree: &dyn Container, images: usize) -> Option<usize> {
    let path = &tree.files()[images].path;
    let name = last_name(path);
    let folder = &path[..path.len() - name.len()];
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let wanted = format!("{folder}{labels}");
    let mut files = tree.files().iter();
    files.position(|file| labels != name && file.path == wanted)
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

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
