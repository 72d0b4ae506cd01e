//! Files in zip and tar archives. Nothing is written outside the cache folder, and no archive may fill memory or disk.

mod container;
mod gzipped;
mod member_paths;
mod tar_tree;
mod zip_tree;

pub use container::Container;
pub use gzipped::unpack_tar;
pub use tar_tree::{TarTree, is_tar};
pub use zip_tree::ZipTree;
