//! `about.json`: what a run was made with.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub program_version: String,
    /// As passed to `--device`, with `auto` resolved.
    pub device: String,
    /// The devices that the binary was built with.
    pub features: Vec<String>,
    pub threads: usize,
    pub data: String,
    pub data_hash: String,
    /// Numbers that are trained.
    pub parameters: usize,
}

impl About {
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write(path, format!("{}\n", serde_json::to_string_pretty(self).map_err(Error::failed)?).as_bytes())
    }
}
