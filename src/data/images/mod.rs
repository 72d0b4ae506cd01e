//! A person's own images.

mod archive;
mod arrays;
mod cache;
mod choose;
mod classes;
mod file_tree;
mod fitted;
mod fitting;
mod folder_tree;
mod foreign;
mod idx_images;
mod image_files;
mod image_report;
mod image_source;
mod kind;
mod layout;
mod load;
mod natural_order;
mod new_images;
mod open;
mod pixels_file;
mod scratch;
mod settings;
mod splitting;

pub use archive::ZipTree;
pub use file_tree::{FileEntry, FileTree, is_ignored};
pub use fitting::SkippedImage;
pub use image_report::ImageReport;
pub use image_source::{Decoded, ImageEntry, ImageFacts, ImageSource};
pub use layout::{LabelsFrom, Layout};
pub use load::{holds_images, load};
pub use new_images::{NewImages, read_new};
pub use open::{Opened, open, read_all};
pub use settings::Images;
