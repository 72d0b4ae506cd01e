//! `about.json`: the program, device and data that a run was made with.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunFolder;
use crate::error::{Error, Result};
use crate::files;

/// The model whose weights were the first weights of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedFrom {
    /// The model's file, below the name of its run. The path to it is left out: it would be wrong elsewhere.
    pub model: String,
    pub model_hash: String,
}

impl Display for StartedFrom {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.model, self.model_hash)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub program_version: String,
    /// The device as passed to `--device`, with `auto` resolved.
    pub device: String,
    /// The devices that the binary was built with.
    pub features: Vec<String>,
    pub threads: usize,
    /// The vector instructions of the kernels for the processor, or `plain` if burn's own operations ran instead; `None` in a binary without such kernels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction_set: Option<String>,
    pub data: String,
    pub data_hash: String,
    /// The folder that `--data` named; `None` if it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<PathBuf>,
    /// The folder that the data was read from; `None` if it was not read from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_found_in: Option<PathBuf>,
    /// The model whose weights this run began with; `None` if they were drawn from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<StartedFrom>,
    /// The number of trained parameters.
    pub parameters: usize,
}

/// The place of a run's data, as far as the run remembers it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RememberedData {
    /// The folder that `--data` named; `None` if it named none.
    #[serde(default)]
    pub data_folder: Option<PathBuf>,
    /// The folder that the data was read from; `None` if that is not known.
    #[serde(default)]
    pub data_found_in: Option<PathBuf>,
}

/// Returns the place of the data of the run in `folder`, as far as its `about.json` says it. A folder without that file
/// remembers nothing.
///
/// # Errors
/// Returns an error if the file cannot be read: another place might hold other data.
pub fn remembered_data(folder: &RunFolder) -> Result<RememberedData> {
    let path = folder.about();
    if !files::is_there(&path)? {
        return Ok(RememberedData::default());
    }
    serde_json::from_slice(&files::read(&path)?).map_err(|error| {
        Error::file(&path, format!("cannot be read as JSON: {error}")).with_hint(
            "it says where the training read its data: restore the file, or remove it to look in $VAE_DATA, data/ and the user's cache",
        )
    })
}

impl About {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or is not one that a training wrote.
    pub fn read(path: &Path) -> Result<Self> {
        serde_json::from_slice(&files::read(path)?)
            .map_err(|error| Error::file(path, format!("cannot be read as JSON: {error}")))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        RunFolder::of_file(path).write(
            path,
            format!(
                "{}\n",
                serde_json::to_string_pretty(self).map_err(Error::failed)?
            )
            .as_bytes(),
        )
    }
}
