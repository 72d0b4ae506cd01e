//! The lookup of the config that `--config` names.

use std::path::Path;

use super::{Config, find_preset};
use crate::error::{Error, Result};
use crate::files;

/// Finds a config by the path of a file or the name of a preset, so that `mnist`, `mnist.toml` and `configs/mnist.toml`
/// all work from anywhere. Also returns the name that a run's folder is named after.
///
/// # Errors
/// Returns an error if there is neither such a file nor such a preset, or if the file is not a config.
pub fn find(wanted: &str) -> Result<(Config, String)> {
    let path = Path::new(wanted);
    if !path.is_file() {
        let preset = find_preset(wanted)?;
        return Ok((preset.config()?, preset.name.to_owned()));
    }
    let text = String::from_utf8(files::read(path)?)
        .map_err(|_| Error::file(path, "not a text file; expected TOML"))?;
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok((Config::parse(&text, path)?, name))
}
