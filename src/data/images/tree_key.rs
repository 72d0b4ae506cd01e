//! The key of files: it differs if a file does.

use std::path::Path;

use super::file_tree::{FileEntry, FileTree};

/// Returns the path of the tree and the names, sizes and times of its files.
pub fn tree_key(tree: &dyn FileTree) -> Vec<u8> {
    files_key(tree, tree.files())
}

/// Returns the path of the tree and the names, sizes and times of some of its files.
pub fn files_key<'a>(
    tree: &dyn FileTree,
    files: impl IntoIterator<Item = &'a FileEntry>,
) -> Vec<u8> {
    // The folder of a plain name is the current one: a command that names the whole path has the same key.
    let root = Some(tree.root()).filter(|root| !root.as_os_str().is_empty());
    let root = root.unwrap_or(Path::new("."));
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut key = root.as_os_str().as_encoded_bytes().to_vec();
    for file in files {
        key.extend(format!("\n{:?} {} {}", file.path, file.length, file.modified).bytes());
    }
    key.push(b'\n');
    key
}
