//! The images of a folder or an archive of image files.

use std::io::Cursor;

use super::file_tree::FileTree;
use super::image_source::{Decoded, ImageEntry, ImageSource};
use super::layout::Arrangement;
use crate::data::image_file::{decode_from, decoded_size};
use crate::error::Result;

/// Image files in a tree, with the splits and the classes of their layout.
#[derive(Debug)]
pub struct ImageFiles {
    tree: Box<dyn FileTree>,
    entries: Vec<ImageEntry>,
    /// The number of each entry's file in the tree.
    files: Vec<usize>,
}

impl ImageFiles {
    pub fn new(tree: Box<dyn FileTree>, arrangement: Arrangement) -> Self {
        let Arrangement { entries, files, .. } = arrangement;
        Self {
            tree,
            entries,
            files,
        }
    }
}

impl ImageSource for ImageFiles {
    fn entries(&self) -> &[ImageEntry] {
        &self.entries
    }

    fn decode(&self, index: usize) -> Result<Decoded> {
        let file = self.files[index];
        let path = self.tree.full_path(file);
        decode_from(&path, Cursor::new(self.tree.read(file)?))
    }

    fn size(&self, index: usize) -> Result<[u32; 2]> {
        let file = self.files[index];
        let path = self.tree.full_path(file);
        decoded_size(&path, Cursor::new(self.tree.read(file)?))
    }

    fn key(&self) -> Vec<u8> {
        let root = self.tree.root();
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let mut key = root.to_string_lossy().into_owned().into_bytes();
        for (entry, &file) in self.entries.iter().zip(&self.files) {
            let found = &self.tree.files()[file];
            key.extend_from_slice(found.path.as_bytes());
            key.push(0);
            key.extend_from_slice(&found.length.to_le_bytes());
            key.extend_from_slice(&found.modified.to_le_bytes());
            key.extend_from_slice(entry.class.as_deref().unwrap_or_default().as_bytes());
            key.push(0);
            key.push(entry.split.map_or(0, |split| 1 + split as u8));
        }
        key
    }
}
