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
    /// Whether the fitted images of a person are kept in the cache.
    pub keeps_images: bool,
    /// `$VAE_MIRROR`: a base address in place of the published mirrors.
    pub mirror: Option<String>,
}

impl DataPaths {
    /// Returns the folder of unpacked images in the cache.
    pub fn unpacked_images(&self) -> PathBuf {
        self.cache.join("images").join("unpacked")
    }

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
            keeps_images: true,
            mirror,
        })
    }

    /// Returns the folders to look in for a set, in order: those that the named folder may mean, or without it the
    /// others. `files` says what the set consists of, for messages: "four files".
    ///
    /// # Errors
    /// The named folder is not there.
    pub fn folders(&self, set: SetFolders, files: &str) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.named {
            folder.check(files)?;
            return Ok(set.within(&folder.path));
        }
        let mut folders = set.of_its_own(&self.local);
        if set.own_names {
            folders.push(self.local.clone());
        }
        folders.push(self.cache.join(set.name));
        Ok(folders)
    }
}

/// The folders in which programs keep a set.
#[derive(Clone, Copy, Debug)]
pub struct SetFolders {
    /// Our own name of the set.
    pub name: &'static str,
    /// torchvision's folder of the set.
    pub torchvision: Option<&'static str>,
    /// Whether the set's files are known by their names alone; others have to stand in a folder that says whose they
    /// are, where there is one.
    pub own_names: bool,
}

impl SetFolders {
    /// Returns the folders below `folder` whose names say that they hold this set.
    fn of_its_own(self, folder: &Path) -> Vec<PathBuf> {
        let torchvision = self.torchvision.map(|name| folder.join(name).join("raw"));
        [folder.join(self.name)]
            .into_iter()
            .chain(torchvision)
            .collect()
    }

    /// Returns the folders that `folder` may stand for: one below it with the set's name, and itself.
    fn within(self, folder: &Path) -> Vec<PathBuf> {
        let mut folders = self.of_its_own(folder);
        if !self.own_names && folders.iter().any(|folder| folder.is_dir()) {
            return folders;
        }
        if self.torchvision.is_some() {
            folders.push(folder.join("raw"));
        }
        folders.push(folder.to_owned());
        folders
    }
}

/// Returns an environment variable that is not empty.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
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
