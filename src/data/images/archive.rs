//! Files in zip and tar archives. Nothing is written outside the cache folder, and no archive may fill memory or disk.

mod container;
mod member_paths;
mod zip_tree;

pub use container::Container;
pub use zip_tree::ZipTree;
