//! The limit of the cache of images: what was used longest ago is removed first.
//!
//! The time of the last change of a small file says when a set, an unpacked file or a choice was last used. A process
//! locks the files that it reads, and those stay.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::data::bytes::Bytes;

/// The most bytes that the cache keeps.
pub const MOST_BYTES: u64 = 20_000_000_000;

/// The time after which something unfinished is what a stopped process left.
const UNFINISHED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes that the file `path` was used now. A cache that cannot be written is left as it is.
pub fn touch(path: &Path) {
    let file = File::options().append(true).open(path);
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Keeps a file of the cache from being removed as long as `bytes` are open, also by another process.
pub fn hold(bytes: &Bytes) {
    if let Bytes::File { file, .. } = bytes {
        // Some disks have no locks. On most systems an open file can be read after it was removed.
        let _ = file.try_lock_shared();
    }
}

/// A part of the cache that is removed as a whole.
#[derive(Debug)]
struct Kept {
    /// The files, in the order in which they are removed: that without which the others are not trusted comes first.
    files: Vec<PathBuf>,
    /// The folder around them, if they have one of their own.
    folder: Option<PathBuf>,
    bytes: u64,
    used: SystemTime,
    is_finished: bool,
}

/// Removes what was used longest ago until the cache in `folder` has at most `most` bytes. Files that are being read or
/// written stay, so that more than that may be left.
pub fn trim(folder: &Path, most: u64) {
    let mut all: Vec<Kept> = names(folder)
        .into_iter()
        .filter_map(|name| set(folder, &name).or_else(|| choice(folder, &name)))
        .collect();
    let unpacked = folder.join("unpacked");
    let archives = names(&unpacked);
    all.extend(archives.iter().filter_map(|name| archive(&unpacked, name)));
    let mut bytes: u64 = all.iter().map(|kept| kept.bytes).sum();
    all.sort_by_key(|kept| kept.used);
    for kept in all {
        if bytes <= most {
            return;
        }
        if kept.remove() {
            bytes -= kept.bytes;
        }
    }
}

impl Kept {
    fn new(files: Vec<PathBuf>, folder: Option<PathBuf>) -> Option<Self> {
        let first = fs::metadata(files.first()?).and_then(|about| about.modified());
        let abouts = files.iter().filter_map(|file| fs::metadata(file).ok());
        let (bytes, newest) = abouts.fold((0, None), |(bytes, newest), about| {
            (bytes + about.len(), newest.max(about.modified().ok()))
        });
        Some(Self {
            is_finished: first.is_ok(),
            used: first.ok().or(newest).unwrap_or_else(SystemTime::now),
            files,
            folder,
            bytes,
        })
    }

    /// Removes the files, unless they are read or written now. Returns whether they are gone.
    fn remove(&self) -> bool {
        let age = self.used.elapsed().unwrap_or_default();
        if !self.is_finished && age < UNFINISHED_FOR || self.files.iter().any(|file| is_held(file))
        {
            return false;
        }
        let removed = self.files.iter().all(|file| is_removed(file));
        if let Some(folder) = &self.folder {
            // It stays if anything else is in it.
            let _ = fs::remove_dir(folder);
        }
        removed
    }
}

/// Returns the set of fitted images in the folder `name`.
fn set(folder: &Path, name: &str) -> Option<Kept> {
    let place = folder.join(name);
    let is_set = is_key(name) && place.is_dir();
    let files = ["index.json", "pixels"].map(|file| place.join(file));
    is_set
        .then(|| Kept::new(files.to_vec(), Some(place)))
        .flatten()
}

/// Returns the settings that were chosen for a set.
fn choice(folder: &Path, name: &str) -> Option<Kept> {
    let is_choice = name.strip_suffix(".json").is_some_and(is_key);
    is_choice
        .then(|| Kept::new(vec![folder.join(name)], None))
        .flatten()
}

/// Returns the unpacked file `name` and its record.
fn archive(folder: &Path, name: &str) -> Option<Kept> {
    let key = name.strip_suffix(".unpacked").filter(|key| is_key(key))?;
    let files = [folder.join(format!("{key}.record")), folder.join(name)];
    Kept::new(files.to_vec(), None)
}

/// Returns whether a name is one that the cache gives: an MD5 in hexadecimal digits.
fn is_key(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string());
    names.filter_map(Result::ok).collect()
}

/// Returns whether a process reads the file.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn is_removed(path: &Path) -> bool {
    fs::remove_file(path).is_ok() || !path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// Makes a set of 100 bytes and more that was used `hours` ago, and returns its folder.
    fn make_set(cache: &Path, digit: char, hours: u64) -> PathBuf {
        let place = cache.join(digit.to_string().repeat(32));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("pixels"), [0; 98]).unwrap();
        fs::write(place.join("index.json"), "{}").unwrap();
        age(&place.join("index.json"), hours);
        place
    }

    fn make_unpacked(cache: &Path, digit: char, hours: u64) -> PathBuf {
        let folder = cache.join("unpacked");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}.unpacked", digit.to_string().repeat(32)));
        fs::write(&path, [0; 97]).unwrap();
        let record = path.with_extension("record");
        fs::write(&record, "97\n").unwrap();
        age(&record, hours);
        path
    }

    fn age(path: &Path, hours: u64) {
        let time = SystemTime::now() - Duration::from_secs(3600 * hours);
        let file = File::options().append(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn what_was_used_longest_ago_is_removed_first() {
        let cache = TempDir::new().unwrap();
        let cache = cache.path();
        let sets = [('a', 3), ('b', 1), ('c', 4)].map(|(name, age)| make_set(cache, name, age));
        let unpacked = [('d', 2), ('e', 5)].map(|(name, age)| make_unpacked(cache, name, age));
        let left = || {
            let mut all = sets.iter().chain(&unpacked);
            all.by_ref().map(|path| path.exists()).collect::<Vec<_>>()
        };
        trim(cache, 500);
        assert_eq!(left(), [true; 5]);
        trim(cache, 499);
        assert_eq!(left(), [true, true, true, true, false]);
        assert!(!unpacked[1].with_extension("record").exists());
        touch(&sets[2].join("index.json"));
        trim(cache, 210);
        assert_eq!(left(), [false, true, true, false, false]);
    }

    #[test]
    fn what_is_read_or_written_and_what_is_not_of_the_cache_stays() {
        let cache = TempDir::new().unwrap();
        let cache = cache.path();
        let sets = [('a', 9), ('b', 8)].map(|(name, age)| make_set(cache, name, age));
        let unpacked = make_unpacked(cache, 'c', 7);
        let held = [&sets[0].join("pixels"), &unpacked].map(|path| Bytes::of_file(path).unwrap());
        held.iter().for_each(hold);
        // Another process writes this set now, and that one was stopped.
        let writing = make_set(cache, 'd', 0);
        fs::remove_file(writing.join("index.json")).unwrap();
        let stopped = make_set(cache, 'e', 0);
        fs::remove_file(stopped.join("index.json")).unwrap();
        age(&stopped.join("pixels"), 48);
        fs::write(cache.join("notes.txt"), "mine").unwrap();
        fs::create_dir_all(cache.join("mine")).unwrap();
        trim(cache, 0);
        assert!(sets[0].join("index.json").exists() && unpacked.exists());
        assert!(!sets[1].exists() && writing.exists() && !stopped.exists());
        assert!(cache.join("notes.txt").exists() && cache.join("mine").exists());
        drop(held);
        trim(cache, 0);
        assert!(!sets[0].exists() && !unpacked.exists());
    }
}
