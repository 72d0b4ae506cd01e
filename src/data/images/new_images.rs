//! New images for a trained model: files, folders and archives that a person names as arguments.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::cache::{Cache, fit_into_scratch};
use super::cache_limit::{MOST_BYTES, trim};
use super::fitted::{FittedImages, FittedPixels, split_of};
use super::fitting::{FittedImage, Fitting, SkippedImage, fit_range};
use super::image_source::{Decoded, ImageEntry, ImageSource};
use super::layout::{ArrangeOptions, LabelsFrom};
use super::open_source::open_source;
use crate::data::Split;
use crate::data::image_file::{Fit, decode, decoded_size};
use crate::error::{Error, Result};
use crate::files::unreadable;

/// The images of several sources, one after another.
#[derive(Debug)]
struct Sources {
    sources: Vec<Box<dyn ImageSource>>,
    /// The source of each image, and its number there.
    places: Vec<(usize, usize)>,
    entries: Vec<ImageEntry>,
}

/// One image file.
#[derive(Debug)]
struct SingleFile {
    path: PathBuf,
    entries: [ImageEntry; 1],
}

impl SingleFile {
    /// The class is the name of the folder in which the file lies.
    fn new(path: &Path) -> Self {
        let folder = path.parent().and_then(Path::file_name);
        let entry = ImageEntry {
            name: path.to_string_lossy().into_owned(),
            split: None,
            class: folder.map(|name| name.to_string_lossy().into_owned()),
        };
        Self {
            path: path.to_owned(),
            entries: [entry],
        }
    }
}

impl ImageSource for SingleFile {
    fn entries(&self) -> &[ImageEntry] {
        &self.entries
    }

    fn decode(&self, _index: usize) -> Result<Decoded> {
        decode(&self.path)
    }

    fn size(&self, _index: usize) -> Result<[u32; 2]> {
        let file =
            std::fs::File::open(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        decoded_size(&self.path, std::io::BufReader::new(file))
    }

    fn key(&self) -> Vec<u8> {
        self.path.to_string_lossy().as_bytes().to_vec()
    }
}

impl ImageSource for Sources {
    fn entries(&self) -> &[ImageEntry] {
        &self.entries
    }

    fn decode(&self, index: usize) -> Result<Decoded> {
        let (source, index) = self.places[index];
        self.sources[source].decode(index)
    }

    fn size(&self, index: usize) -> Result<[u32; 2]> {
        let (source, index) = self.places[index];
        self.sources[source].size(index)
    }

    fn key(&self) -> Vec<u8> {
        self.sources
            .iter()
            .flat_map(|source| source.key())
            .collect()
    }
}

/// New images, in the order in which they were named, and those that were left out because they are broken.
#[derive(Debug)]
pub struct NewImages {
    pub images: Split,
    pub skipped: Vec<SkippedImage>,
}

/// New images that were found. They are decoded and fitted when they are read.
#[derive(Debug)]
pub struct FoundImages {
    source: Sources,
    fit: Fit,
    /// `[N]`: the class of each image, if every image's folder is named after a class of the model.
    labels: Option<Vec<u32>>,
}

impl FoundImages {
    /// Finds the images that `paths` name, to be fitted as `fit` says: image files, folders, archives and arrays. `classes` are
    /// those of the model.
    ///
    /// # Errors
    /// Returns an error if a path names nothing that can hold an image.
    pub fn find(
        paths: &[PathBuf],
        fit: &Fit,
        labels: LabelsFrom,
        classes: &[String],
        unpacked: &Path,
    ) -> Result<Self> {
        let source = sources(paths, labels, unpacked)?;
        if let Some(cache) = unpacked.parent() {
            trim(cache, MOST_BYTES);
        }
        let label = |entry: &ImageEntry| {
            let class = entry.class.as_ref()?;
            let number = classes.iter().position(|name| name == class)?;
            Some(number as u32)
        };
        Ok(Self {
            labels: source.entries.iter().map(label).collect(),
            source,
            fit: *fit,
        })
    }

    /// Returns the number of images, broken ones included.
    pub fn len(&self) -> usize {
        self.source.entries.len()
    }

    /// Returns whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.source.entries.is_empty()
    }

    /// Returns whether the class of every image is known.
    pub fn are_labelled(&self) -> bool {
        self.labels.is_some()
    }

    /// Reads the images `range` into memory.
    ///
    /// # Errors
    /// None in practice: the bytes are in memory.
    pub fn read(&self, range: Range<usize>) -> Result<NewImages> {
        let mut bytes = Vec::new();
        let fitting = fit_range(&self.source, range, &self.fit, &mut bytes, &mut |_| {})
            .map_err(Error::failed)?;
        let Fitting {
            images, skipped, ..
        } = fitting;
        let hashes = images.iter().map(|image| image.hash).collect();
        let pixels = FittedPixels::Memory(bytes);
        let fitted = FittedImages::new(self.fit.shape, pixels, hashes);
        let split = self.describe(Split::new(fitted), &images);
        Ok(NewImages {
            images: split,
            skipped,
        })
    }

    /// Reads all images: into memory if they are few, else into a file that is read by position. `stops_at_broken`: a broken
    /// image file that is one of the `paths` is an error, and not left out.
    ///
    /// # Errors
    /// Returns an error if no image can be read, or an image file that was named is broken.
    pub fn read_all(self, paths: &[PathBuf], stops_at_broken: bool) -> Result<NewImages> {
        let (fitting, file) = fit_into_scratch(&self.source, &self.fit, None)?;
        let named = |skipped: &SkippedImage| {
            paths
                .iter()
                .any(|path| path.to_string_lossy() == *skipped.name)
        };
        let broken = fitting.skipped.iter().find(|skipped| named(skipped));
        if stops_at_broken && let Some(broken) = broken {
            return Err(Error::file(&broken.name, &broken.reason));
        }
        if fitting.images.is_empty() {
            return Err(none_read(&paths[0], &fitting.skipped));
        }
        let cache = Cache { folder: None };
        let channels = self.fit.shape[0];
        let set = cache.keep(String::new(), &self.fit, channels, fitting, file)?;
        let (index, file) = set.into_parts(None);
        let rows: Vec<usize> = (0..index.images.len()).collect();
        let images = split_of(&index, &file, &rows, &self.source.entries)?;
        Ok(NewImages {
            images: self.describe(images, &index.images),
            skipped: index.skipped,
        })
    }

    /// Returns the fitted images `images` with their names and labels.
    fn describe(&self, mut split: Split, images: &[FittedImage]) -> Split {
        let entries = || images.iter().map(|image| image.entry);
        let name = |entry: usize| self.source.entries[entry].name.clone();
        split.names = Some(entries().map(name).collect());
        let labels = self.labels.as_ref();
        split.labels = labels.map(|labels| entries().map(|entry| labels[entry]).collect());
        split
    }
}

/// Returns the error for a set in which no image can be read.
fn none_read(path: &Path, skipped: &[SkippedImage]) -> Error {
    let reason = skipped.first().map_or_else(String::new, |first| {
        format!(": {}: {}", first.name, first.reason)
    });
    Error::file(path, format!("no image can be read{reason}"))
}

fn sources(paths: &[PathBuf], labels: LabelsFrom, unpacked: &Path) -> Result<Sources> {
    let mut sources: Vec<Box<dyn ImageSource>> = Vec::new();
    let mut places = Vec::new();
    let mut entries = Vec::new();
    for path in paths {
        if !path.exists() {
            return Err(Error::file(path, "no such file or folder")
                .with_hint("expected an image file, or a folder or an archive of images"));
        }
        let options = ArrangeOptions {
            labels,
            ..ArrangeOptions::default()
        };
        let source: Box<dyn ImageSource> = match open_source(path, options, unpacked)? {
            Some(opened) => opened.images,
            None => Box::new(SingleFile::new(path)),
        };
        for (index, entry) in source.entries().iter().enumerate() {
            places.push((sources.len(), index));
            let name = if path.is_dir() {
                path.join(&entry.name).to_string_lossy().into_owned()
            } else {
                entry.name.clone()
            };
            // The class may be the name of the folder that was named.
            let folder = path.file_name().filter(|_| path.is_dir());
            let class = entry
                .class
                .clone()
                .or_else(|| folder.map(|name| name.to_string_lossy().into_owned()));
            entries.push(ImageEntry {
                name,
                class,
                ..entry.clone()
            });
        }
        sources.push(source);
    }
    Ok(Sources {
        sources,
        places,
        entries,
    })
}
