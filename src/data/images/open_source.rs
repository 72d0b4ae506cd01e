//! Opens a place of images of any kind: images to train on, and new ones for a trained model.

use std::path::Path;

use super::fitting::SkippedImage;
use super::folder_tree::FolderTree;
use super::image_files::ImageFiles;
use super::image_source::ImageSource;
use super::layout::{ArrangeOptions, Layout, arrange};
use super::open::{Opened, open};
use crate::error::Result;

/// A place of images that was opened.
#[derive(Debug)]
pub struct OpenedSource {
    pub images: Box<dyn ImageSource>,
    /// The layout of image files; `None` for images in arrays.
    pub layout: Option<Layout>,
    /// Whether defects are searched for, so that an image's border must not be cut off.
    pub has_defects: bool,
    /// Images that a table names and that are not there.
    pub missing: Vec<SkippedImage>,
    /// Facts that a person should know.
    pub notes: Vec<String>,
}

/// Opens the folder, the archive, the arrays or the IDX files at `place`. Returns `None` for a file of another kind.
/// Unpacked files are kept in the folder `unpacked`.
///
/// # Errors
/// Returns an error if the place cannot be read, is damaged, or holds no images.
pub fn open_source(
    place: &Path,
    options: ArrangeOptions,
    unpacked: &Path,
) -> Result<Option<OpenedSource>> {
    let tree = match open(place, unpacked)? {
        Some(Opened::Images(images)) => {
            return Ok(Some(OpenedSource {
                notes: images.notes().to_vec(),
                images,
                layout: None,
                has_defects: false,
                missing: Vec::new(),
            }));
        }
        Some(Opened::Files(tree)) => tree,
        None if place.is_dir() => Box::new(FolderTree::new(place)?),
        None => return Ok(None),
    };
    let mut arrangement = arrange(&*tree, options)?;
    Ok(Some(OpenedSource {
        layout: Some(arrangement.layout),
        has_defects: arrangement.has_defects,
        missing: std::mem::take(&mut arrangement.missing),
        notes: std::mem::take(&mut arrangement.notes),
        images: Box::new(ImageFiles::new(tree, arrangement)),
    }))
}
