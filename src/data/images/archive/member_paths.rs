//! The paths of files within an archive: checked, without the system's own files, and without the folder around everything.

use std::path::Path;

use crate::data::images::file_tree::{FileEntry, is_ignored};
use crate::error::{Error, Result};

/// The most files of an archive.
const MOST: usize = 10_000_000;

/// A file of an archive: its path there, its length, and what finds it again.
#[derive(Clone, Debug)]
pub struct Member<T> {
    pub path: String,
    pub length: u64,
    pub place: T,
}

/// The files of an archive, sorted by path.
#[derive(Debug)]
pub struct ArchiveMembers<T> {
    pub files: Vec<FileEntry>,
    /// The place of each file, which finds it again.
    pub places: Vec<T>,
    /// The folder around everything, with a `/` at its end, or nothing.
    top: String,
}

impl<T> ArchiveMembers<T> {
    /// Sorts the members of the archive `archive`, which was changed at `modified`. Of two files with one path the later
    /// one counts, as it does when an archive is unpacked.
    pub fn new(found: Vec<Member<T>>, modified: u64) -> Self {
        let mut found: Vec<Member<T>> = found
            .into_iter()
            .filter(|member| !is_ignored(&member.path))
            .rev()
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|later, first| later.path == first.path);
        let top = top_folder(&found);
        let (files, places) = found
            .into_iter()
            .map(|member| {
                let file = FileEntry {
                    path: member.path[top.len()..].to_owned(),
                    length: member.length,
                    modified,
                };
                (file, member.place)
            })
            .unzip();
        Self { files, places, top }
    }

    /// Returns the path of file `index` as it stands in the archive.
    pub fn stored_path(&self, index: usize) -> String {
        format!("{}{}", self.top, self.files[index].path)
    }
}

/// Returns the one folder that holds every member, with a `/` at its end, or nothing.
fn top_folder<T>(members: &[Member<T>]) -> String {
    let first = members
        .first()
        .and_then(|member| member.path.split_once('/'));
    let top = first.map_or(String::new(), |(top, _)| format!("{top}/"));
    if members.iter().all(|member| member.path.starts_with(&top)) {
        top
    } else {
        String::new()
    }
}

/// Returns the path of a member of `archive` with `/` between the names; `None` for the archive's root.
///
/// # Errors
/// The path leads out of the archive.
pub fn checked_path(archive: &Path, stored: &str) -> Result<Option<String>> {
    // Some programs on Windows write their own separator.
    let path = if stored.contains('/') {
        stored.to_owned()
    } else {
        stored.replace('\\', "/")
    };
    let drive = path.as_bytes().get(1) == Some(&b':');
    let leads_out = path.starts_with('/') || drive || path.contains('\0');
    if leads_out || path.split(['/', '\\']).any(|name| name == "..") {
        let what = format!("holds a file with the path {stored:?}, which leads out of the archive");
        return Err(Error::file(archive, what).with_hint(
            "such an archive is made to overwrite files: get it from somebody you trust",
        ));
    }
    let names: Vec<&str> = path
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    Ok(Some(names.join("/")).filter(|path| !path.is_empty()))
}

/// Checks the number of files in `archive`.
///
/// # Errors
/// There are too many.
pub fn check_count(archive: &Path, count: usize) -> Result<()> {
    if count <= MOST {
        return Ok(());
    }
    let what = format!("holds {count} files, more than the {MOST} that are read");
    Err(Error::file(archive, what)
        .with_hint("unpack it, take the images that are meant, and name their folder"))
}

/// Returns the error of an archive that unpacks to far more than it should.
pub fn bomb(archive: &Path, packed: u64, unpacked: u64) -> Error {
    let what = format!("{packed} bytes would unpack to {unpacked}, more than 1000 times as many");
    Error::file(archive, what)
        .with_hint("such an archive is made to fill disks: get it from somebody you trust")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(stored: &[&str]) -> (Vec<String>, Vec<usize>) {
        let found = stored.iter().enumerate().map(|(place, path)| Member {
            path: (*path).to_owned(),
            length: 0,
            place,
        });
        let members = ArchiveMembers::new(found.collect(), 0);
        let files = members.files.iter().map(|file| file.path.clone());
        (files.collect(), members.places)
    }

    #[test]
    fn the_folder_around_everything_is_passed_over() {
        assert_eq!(paths(&["a/b/2", "a/b/10"]).0, ["b/10", "b/2"]);
        assert_eq!(paths(&["a/1", "b/2"]).0, ["a/1", "b/2"]);
        assert_eq!(paths(&["a/1", "a.txt"]).0, ["a.txt", "a/1"]);
        assert_eq!(paths(&["a/1", "__MACOSX/a/._1", ".x"]).0, ["1"]);
        assert!(paths(&[]).0.is_empty());
    }

    #[test]
    fn of_two_files_with_one_path_the_later_one_counts() {
        assert_eq!(
            paths(&["b", "a", "b"]),
            (vec!["a".into(), "b".into()], vec![1, 2])
        );
    }

    #[test]
    fn a_path_that_leads_out_of_the_archive_is_refused() {
        let checked = |path: &str| checked_path(Path::new("x.zip"), path);
        for path in [
            "../a",
            "a/../../b",
            "/etc/passwd",
            "C:\\a",
            "a\\..\\b",
            "a\0b",
            "a/..",
            "..\\a/b",
        ] {
            let error = checked(path).unwrap_err();
            assert!(error.code() == 2 && error.hint().is_some(), "{path}");
            assert!(error.to_string().contains("leads out"), "{error}");
        }
        assert_eq!(checked("./a//b c/ü.png").unwrap().unwrap(), "a/b c/ü.png");
        assert_eq!(checked("a\\b.png").unwrap().unwrap(), "a/b.png");
        assert_eq!(checked("a..b/...png").unwrap().unwrap(), "a..b/...png");
        assert_eq!(checked("./").unwrap(), None);
    }
}
