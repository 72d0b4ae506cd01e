//! The folder of a run's events: one folder for each split, and one file in it, so that TensorBoard draws the curves of the
//! splits in one chart.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::message::{Event, EventContent, START, SessionLog};
use super::record_file::append;
use crate::error::Result;
use crate::files::{self, unreadable, unwritable};
use crate::os::host_name;
use crate::run::exports::{EVENTS, EVENTS_END, is_event_file, is_split_folder};

/// Events by the name of their split.
pub type Events = BTreeMap<String, Vec<Event>>;

/// The folder, and the name that its files have.
#[derive(Clone, Debug)]
pub struct EventFolder {
    path: PathBuf,
    file_name: String,
}

impl EventFolder {
    /// Begins the folder with these events, and then empties the files of events that were in it before. Returns the paths of the
    /// new files too.
    ///
    /// A TensorBoard that shows an older file goes on to the next file in the order of names, unless the file is gone: so it is
    /// only made empty here, and removed when the folder is begun once more.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read, or a file in it cannot be written.
    pub fn begin(path: &Path, events: &Events) -> Result<(Self, Vec<PathBuf>)> {
        let mut seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut older = Vec::new();
        for split in names(path)?.iter().filter(|name| is_split_folder(name)) {
            let split = path.join(split);
            for name in names(&split)?.iter().filter(|name| is_event_file(name)) {
                older.push(split.join(name));
                seconds = seconds.max(seconds_of(name).map_or(0, |earlier| earlier + 1));
            }
        }
        let (host, process) = (host_name(), std::process::id());
        let folder = Self {
            path: path.to_path_buf(),
            // The seconds since 1970 come first, so that names are in the order of time.
            file_name: format!("{EVENTS}{seconds:010}.{host}.{process}{EVENTS_END}"),
        };
        let paths = folder.append(events)?;
        for file in older {
            empty(&file).map_err(|error| unwritable(&file, &error))?;
        }
        Ok((folder, paths))
    }

    /// Appends the events to the files of their splits, and returns the paths of these. A file that is missing is begun;
    /// the folder itself must be there.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn append(&self, events: &Events) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for (split, events) in events {
            let folder = self.path.join(split);
            let path = folder.join(&self.file_name);
            let is_new = !files::is_there(&path)?;
            let mut bytes = Vec::new();
            let first = events.first().map_or(0.0, |event| event.wall_time);
            let head = is_new.then(|| head(first)).into_iter().flatten();
            for event in head.collect::<Vec<_>>().iter().chain(events) {
                append(&mut bytes, &event.encode_to_vec());
            }
            if is_new {
                match fs::create_dir(&folder) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                        return Err(unwritable(&folder, &error));
                    }
                    _ => files::write_inside(&path, &bytes)?,
                }
            } else {
                OpenOptions::new()
                    .append(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(&bytes))
                    .map_err(|error| unwritable(&path, &error))?;
            }
            paths.push(path);
        }
        Ok(paths)
    }
}

/// Returns the first events of a file. The second one tells a reader that shows an earlier file of the run to begin anew.
fn head(wall_time: f64) -> [Event; 2] {
    let contents = [
        EventContent::FileVersion("brain.Event:2".to_owned()),
        EventContent::SessionLog(SessionLog { status: START }),
    ];
    contents.map(|content| Event {
        wall_time,
        step: 0,
        content: Some(content),
    })
}

/// Makes a file empty, or removes it if it is.
fn empty(file: &Path) -> io::Result<()> {
    if fs::metadata(file)?.len() == 0 {
        return fs::remove_file(file);
    }
    OpenOptions::new().write(true).open(file)?.set_len(0)
}

/// Returns the seconds since 1970 that the name of a file of events begins with.
fn seconds_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(EVENTS)?;
    rest.split('.').next()?.parse().ok()
}

/// Returns the names in a folder; none if it is missing.
fn names(folder: &Path) -> Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unreadable(folder, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_stays_empty_for_a_while_and_its_successor_comes_after_it() {
        let run = tempfile::TempDir::new().unwrap();
        let folder = run.path().join("test");
        let events = Events::from([("test".to_owned(), Vec::new())]);
        let write = || {
            let (_, mut paths) = EventFolder::begin(run.path(), &events).unwrap();
            paths.remove(0)
        };
        let written = [write(), write(), write()];
        assert!(written.is_sorted_by(|one, next| one < next), "{written:?}");
        let mut left = names(&folder).unwrap();
        left.sort();
        let expected = written[1..].iter().map(|path| path.file_name().unwrap());
        assert_eq!(
            left,
            expected
                .map(|name| name.to_str().unwrap())
                .collect::<Vec<_>>()
        );
        let sizes = written[1..]
            .iter()
            .map(|path| fs::metadata(path).unwrap().len());
        assert!(sizes.is_sorted_by(|one, next| *one == 0 && *next > 0));
    }
}
