//! `about.json`: the program, device and data that a run was made with.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunFolder;
use crate::error::{Error, Result};
use crate::files;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub program_version: String,
    /// The device as passed to `--device`, with `auto` resolved.
    pub device: String,
    /// The devices that the binary was built with.
    pub features: Vec<String>,
    pub threads: usize,
    pub data: String,
    pub data_hash: String,
    /// The folder that `--data` named; `None` if it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_folder: Option<PathBuf>,
    /// The number of trained parameters.
    pub parameters: usize,
}

/// Returns the folder that `--data` named for the run in `folder`, or `None` if it named none or the folder is gone.
pub fn remembered_data(folder: &Path) -> Option<PathBuf> {
    let text = files::read(
        &RunFolder {
            path: folder.to_path_buf(),
        }
        .about(),
    )
    .ok()?;
    let about: About = serde_json::from_slice(&text).ok()?;
    about.data_folder.filter(|folder| folder.is_dir())
}

impl About {
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write(
            path,
            format!(
                "{}\n",
                serde_json::to_string_pretty(self).map_err(Error::failed)?
            )
            .as_bytes(),
        )
    }
}
