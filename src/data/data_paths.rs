//! The places where data is looked for.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::named_folder::NamedFolder;
use crate::error::{Error, Result};

/// The places where data is looked for, and where it is downloaded from.
#[derive(Clone, Debug)]
pub struct DataPaths {
    /// The folder that the user named: it is the only place, or an error.
    pub named: Option<NamedFolder>,
    /// `data/`, where the program is run.
    pub local: PathBuf,
    /// The user's cache folder for this program: what is downloaded goes there.
    pub cache: PathBuf,
    /// Whether data that is found nowhere may be downloaded.
    pub download: bool,
    /// `$VAE_MIRROR`: a base address in place of the published mirrors.
    pub mirror: Option<String>,
}

impl DataPaths {
    /// Returns the places with `named`, or else `$VAE_DATA`, as the named folder. The rest comes from the environment.
    ///
    /// # Errors
    /// Exit code 2 if there is no home folder to hold a cache, or `VAE_MIRROR` is no text.
    pub fn from_environment(named: Option<NamedFolder>) -> Result<Self> {
        let cache = etcetera::choose_base_strategy().map_err(|error| {
            Error::request(format!("no cache folder for data sets: {error}"))
                .with_hint("set HOME to a folder of yours")
        })?;
        let mirror = set("VAE_MIRROR")
            .map(OsString::into_string)
            .transpose()
            .map_err(|text| {
                Error::request(format!(
                    "VAE_MIRROR: expected an address, found {}",
                    text.display()
                ))
            })?;
        Ok(Self {
            named: named.or_else(|| set("VAE_DATA").map(NamedFolder::by_environment)),
            local: PathBuf::from("data"),
            cache: cache.cache_dir().join("vae"),
            download: true,
            mirror,
        })
    }

    /// Returns the folders to look in for the set `name`, in order: those that the named folder may mean, or without it
    /// the others. `own_names`: whether the set's files are known by their names alone; others have to stand in a folder
    /// that says whose they are, where there is one. `files` says what the set consists of, for messages: "four files".
    ///
    /// # Errors
    /// The named folder is not there.
    pub fn folders(&self, name: &str, own_names: bool, files: &str) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.named {
            folder.check(files)?;
            return Ok(within(&folder.path, name, own_names));
        }
        let mut folders = vec![self.local.join(name)];
        if own_names {
            folders.push(self.local.clone());
        }
        folders.push(self.cache.join(name));
        Ok(folders)
    }
}

/// Returns an environment variable that is not empty.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the folders that `folder` may stand for: its subfolder of the set's name, and itself.
fn within(folder: &Path, name: &str, own_names: bool) -> Vec<PathBuf> {
    let subfolder = folder.join(name);
    if subfolder.is_dir() && !own_names {
        return vec![subfolder];
    }
    vec![subfolder, folder.to_owned()]
}

/// Returns what `look` finds in the first of `folders` that has it.
///
/// # Errors
/// Why none of them has it, a line for each, as it goes on after "looked in".
pub fn search<T>(
    folders: &[PathBuf],
    look: impl Fn(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let mut lines = String::new();
    for folder in folders {
        match look(folder) {
            Ok(found) => return Ok(found),
            Err(why) => lines.push_str(&format!("\n  {}: {why}", folder.display())),
        }
    }
    Err(lines)
}

/// Returns the files of the published `names`, plain or gzipped, if all of them are in `folder`.
///
/// # Errors
/// Which are not.
pub fn all_in<const N: usize>(folder: &Path, names: [&str; N]) -> Result<[PathBuf; N], String> {
    if !folder.is_dir() {
        return Err("no such folder".to_owned());
    }
    let found = names.map(|name| locate(folder, name));
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

/// Returns the file of the published `name` in `folder`, also under the other common spelling of its name.
pub fn locate(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replacen("-idx", ".idx", 1);
    [name, &dotted]
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}
