//! A person's own images.

#[expect(dead_code, reason = "arrays are read from it, which follow")]
mod archive;
pub mod bytes;
mod file_tree;
mod image_source;
mod open;
#[expect(dead_code, reason = "arrays are read from it, which follow")]
mod scratch;

pub use file_tree::{FileEntry, FileTree, is_ignored};
pub use image_source::{Decoded, ImageEntry, ImageFacts, ImageSource};
pub use open::{Opened, open};
