//! A person's own images.

mod archive;
mod arrays;
mod file_tree;
mod foreign;
mod image_source;
mod open;
mod scratch;

pub use archive::ZipTree;
pub use file_tree::{FileEntry, FileTree, is_ignored};
pub use image_source::{Decoded, ImageEntry, ImageFacts, ImageSource};
pub use open::{Opened, open};
