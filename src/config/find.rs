//! The lookup of the config that `--config` names.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use super::{Config, find_preset};
use crate::error::{Error, Result, shell_word};
use crate::files::{decode, is_there, unreadable};

/// The name that reads the config from stdin.
const STDIN: &str = "-";

/// The most bytes of a config. A pipe has no length, and may never end.
const MOST_BYTES: u64 = 1 << 20;

/// Finds a config by the path of a file or a pipe, by the name of a preset, or by `-` for stdin, so that `mnist`,
/// `mnist.toml` and `configs/mnist.toml` all work from anywhere. Also returns the name that a run's folder is named
/// after.
///
/// # Errors
/// Returns an error if there is neither such a file nor such a preset, or if the file is not a config.
pub fn find(wanted: &str) -> Result<(Config, String)> {
    let path = Path::new(wanted);
    if wanted == STDIN {
        let path = Path::new("stdin");
        let config = Config::parse(&text(path, &mut stdin().lock())?, path)?;
        return Ok((config, "config".to_owned()));
    }
    let is_folder = path.is_dir();
    if !is_there(path)? || is_folder {
        let preset = find_preset(wanted).map_err(|error| match is_folder {
            true => a_folder(path),
            false => error,
        })?;
        return Ok((preset.config()?, preset.name.to_owned()));
    }
    let config = read(path)?;
    // A pipe, as of `--config <(...)`, has a number for a name.
    let stem = path.file_stem().filter(|_| path.is_file());
    let name = stem.map_or("config".into(), |stem| stem.to_string_lossy());
    Ok((config, name.into_owned()))
}

/// Returns the file that [`find`] reads for `wanted`, or `None` for a preset and for stdin.
pub fn file_named(wanted: &str) -> Option<&Path> {
    Some(Path::new(wanted)).filter(|path| path.is_file())
}

/// Reads the config in a file, in any encoding that editors save a text in.
///
/// # Errors
/// Returns an error if the file cannot be read, or is not a config.
pub fn read(path: &Path) -> Result<Config> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Config::parse(&text(path, &mut file)?, path)
}

/// Returns the error for a folder in place of a config.
fn a_folder(path: &Path) -> Error {
    let error = Error::file(
        path,
        "this is a folder; expected a TOML file, or the name of a preset",
    );
    let config = path.join("config.toml");
    if config.is_file() {
        error.with_hint(format!("name the config in it: {}", shell_word(config)))
    } else {
        error.with_hint(
            "`vae list presets` shows the presets; `vae train --data` trains on a folder of images",
        )
    }
}

/// Reads a config's text; `path` is only used in messages.
fn text(path: &Path, from: &mut dyn Read) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::file(
            path,
            "too long for a config; expected TOML of at most 1 MiB",
        ));
    }
    decode(path, &bytes)
}
