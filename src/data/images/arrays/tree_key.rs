//! The key of arrays in files: it differs if a file does.

use crate::data::images::file_tree::FileTree;

/// Returns the path of the tree and the names, sizes and times of its files.
pub fn tree_key(tree: &dyn FileTree) -> Vec<u8> {
    let root = tree.root();
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut key = root.as_os_str().as_encoded_bytes().to_vec();
    for file in tree.files() {
        key.extend(format!("\n{:?} {} {}", file.path, file.length, file.modified).bytes());
    }
    key.push(b'\n');
    key
}
