//! New images for a trained model: files, folders and archives that a person names as arguments.

use std::path::{Path, PathBuf};

use super::cache::{Cache, fit_into_scratch};
use super::cache_limit::{MOST_BYTES, trim};
use super::fitted::split_of;
use super::fitting::SkippedImage;
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

/// New images, in the order in which they were named, and those that were left out of folders because they are broken.
#[derive(Debug)]
pub struct NewImages {
    pub images: Split,
    pub skipped: Vec<SkippedImage>,
}

/// Reads the images that `paths` name, as `fit` says: image files, folders, archives and arrays. `classes` are those of the
/// model: where every image's folder names one of them, the images are labelled. `stops_at_broken`: a broken image file that was
/// named is an error, and not left out.
///
/// # Errors
/// Returns an error if a path names no image, or an image file that was named is broken.
pub fn read_new(
    paths: &[PathBuf],
    fit: &Fit,
    labels: LabelsFrom,
    classes: &[String],
    unpacked: &Path,
    stops_at_broken: bool,
) -> Result<NewImages> {
    let source = sources(paths, labels, unpacked)?;
    let (fitting, file) = fit_into_scratch(&source, fit, None)?;
    let named = |skipped: &SkippedImage| {
        paths
            .iter()
            .any(|path| path.to_string_lossy() == *skipped.name)
    };
    if stops_at_broken && let Some(broken) = fitting.skipped.iter().find(|skipped| named(skipped)) {
        return Err(Error::file(&broken.name, &broken.reason));
    }
    if fitting.images.is_empty() {
        let first = fitting.skipped.first();
        let reason = first.map_or_else(String::new, |first| {
            format!(": {}: {}", first.name, first.reason)
        });
        return Err(Error::file(
            &paths[0],
            format!("no image can be read{reason}"),
        ));
    }
    let set = Cache { folder: None }.keep(String::new(), fit, fit.shape[0], fitting, file)?;
    let (index, file) = set.into_parts(None);
    let rows: Vec<usize> = (0..index.images.len()).collect();
    let mut images = split_of(&index, &file, &rows, &source.entries)?;
    images.labels = index
        .images
        .iter()
        .map(|image| {
            let class = source.entries[image.entry].class.as_ref()?;
            classes
                .iter()
                .position(|name| name == class)
                .map(|number| number as u32)
        })
        .collect();
    if let Some(cache) = unpacked.parent() {
        trim(cache, MOST_BYTES);
    }
    Ok(NewImages {
        images,
        skipped: index.skipped,
    })
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
