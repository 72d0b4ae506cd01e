//! The names under which the file of a data set is looked for in a folder. Programs and people store the published files
//! under several names.

use std::fs;
use std::path::{Path, PathBuf};

/// The endings that may follow the name of an IDX file.
const ENDINGS: [&str; 4] = ["", ".gz", ".bin", ".bin.gz"];

/// The endings that may follow the name of any other file.
const PACKED: [&str; 2] = ["", ".gz"];

/// The files of a folder.
pub struct Listing {
    /// The paths of the files, with their names in lower case, in the order of the names.
    files: Vec<(String, PathBuf)>,
}

impl Listing {
    /// Lists the files of `folder`.
    ///
    /// # Errors
    /// The reason why it cannot be read, in words.
    pub fn of(folder: &Path) -> Result<Self, String> {
        if !folder.is_dir() {
            return Err("no such folder".to_owned());
        }
        let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let named = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.to_lowercase();
            Some((name, path))
        };
        Ok(Self {
            files: paths.into_iter().filter_map(named).collect(),
        })
    }

    /// Returns the file of the published `name`, under any of the names that are tried.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let (stems, endings) = (stems(name), endings(name));
        stems
            .iter()
            .flat_map(|stem| endings.iter().map(move |ending| format!("{stem}{ending}")))
            .find_map(|name| self.called(&name))
    }

    /// Returns the file called `name`, or by the same letters in upper case.
    pub fn called(&self, name: &str) -> Option<PathBuf> {
        let same =
            |(lower, path): &&(String, PathBuf)| *lower == name.to_lowercase() && path.is_file();
        let exact = |path: &Path| path.file_name().is_some_and(|found| found == name);
        let mut found: Vec<&PathBuf> = self
            .files
            .iter()
            .filter(same)
            .map(|(_, path)| path)
            .collect();
        found.sort_by_key(|path| !exact(path));
        found.first().map(|path| (*path).clone())
    }

    /// Returns the files of the published `names`, if all of them are there.
    ///
    /// # Errors
    /// The names that are missing, in words.
    pub fn all<const N: usize>(&self, names: [&str; N]) -> Result<[PathBuf; N], String> {
        let found = names.map(|name| self.find(name));
        let lacking: Vec<&str> = names
            .iter()
            .zip(&found)
            .filter(|(_, path)| path.is_none())
            .map(|(name, _)| *name)
            .collect();
        match lacking.len() {
            0 => Ok(found.map(Option::unwrap_or_default)),
            count if count == N => Err("none of them".to_owned()),
            _ => Err(format!("lacks {}", lacking.join(", "))),
        }
    }
}

/// Returns the file of the published `name` in `folder`, under any of the names that are tried.
pub fn locate(folder: &Path, name: &str) -> Option<PathBuf> {
    Listing::of(folder).ok()?.find(name)
}

/// Describes the names that are tried for the published `name`.
pub fn tried(name: &str) -> String {
    let endings: Vec<&str> = endings(name)
        .iter()
        .copied()
        .filter(|ending| !ending.is_empty())
        .collect();
    format!(
        "{} (plain, or with {}, in upper or lower case)",
        stems(name).join(", "),
        endings.join(" or ")
    )
}

/// Returns the spellings of a name without endings: an IDX file's with a hyphen or a dot before its format, or without it.
fn stems(name: &str) -> Vec<String> {
    let mut stems = vec![name.to_owned()];
    if let Some((short, format)) = name.split_once("-idx") {
        stems.push(format!("{short}.idx{format}"));
        stems.push(short.to_owned());
    }
    stems
}

fn endings(name: &str) -> &'static [&'static str] {
    if name.contains("-idx") {
        &ENDINGS
    } else {
        &PACKED
    }
}
