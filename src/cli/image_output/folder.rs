//! Images as a folder of PNG files: `000000.png`, `000001.png`, ...
//!
//! A file `samples.json` in the folder says what the images are, and tells later commands that the folder is this
//! program's by naming the model: only then is anything in it replaced. Numbered images that a person keeps are never
//! touched.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::DecodedImages;
use crate::cli::table::quoted;
use crate::error::{Error, Result};
use crate::figure::encode_raster;
use crate::words::counted;
use crate::{files, parallel, ui};

/// The file that says what the images are.
const ABOUT: &str = "samples.json";

/// The key of [`ABOUT`] that every command writes, and that other programs' files lack.
const OWN_KEY: &str = "model_hash";

/// The table of classes, for a conditional model.
const TABLE: &str = "samples.csv";

/// The least number of digits in the name of an image.
const DIGITS: usize = 6;

/// Writes the images into the folder, and returns its path.
pub fn write(images: &DecodedImages, path: &Path, about: &Value) -> Result<Vec<PathBuf>> {
    if !parallel::is_first() {
        return images.help();
    }
    let _claim = files::occupy(path)?;
    check_folder(path)?;
    files::write(&path.join(ABOUT), format!("{about:#}\n").as_bytes())?;
    let old: Vec<String> = contents(path)?
        .into_iter()
        .filter(|name| name != ABOUT)
        .collect();
    if !old.is_empty() {
        ui::note(format_args!(
            "note: replacing {} of an earlier command in {}",
            counted(old.len(), "file"),
            path.display()
        ));
    }
    for old in old {
        let old = path.join(old);
        fs::remove_file(&old).map_err(|error| files::unwritable(&old, &error))?;
    }
    let digits = images.count.saturating_sub(1).to_string().len().max(DIGITS);
    let name = |index: usize| format!("{index:0digits$}.png");
    let done = images.for_each(|first, rasters| {
        rasters
            .par_iter()
            .enumerate()
            .try_for_each(|(place, raster)| {
                files::write_without_waiting(
                    &path.join(name(first + place)),
                    &encode_raster(raster)?,
                )
            })
    })?;
    if images.class.is_some() {
        files::write_with(&path.join(TABLE), |out| {
            writeln!(out, "file,label")?;
            (0..done).try_for_each(|index| {
                let label = images.class_name(index).unwrap_or_default();
                writeln!(out, "{},{}", name(index), quoted(label))
            })
        })?;
    }
    if done < images.count {
        let kept = format!("they are in {}", path.display());
        return Err(images.interrupted(done, &kept));
    }
    Ok(vec![path.to_path_buf()])
}

/// Checks that images can be written into the folder: it is missing, or empty, or holds only what this program wrote.
///
/// # Errors
/// Returns an error that names a file that is in the way.
pub fn check_folder(path: &Path) -> Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    let names = contents(path)?;
    let hint = "name a new folder, or an empty one, or one that `vae sample` or `vae decode` wrote";
    if let Some(other) = names.iter().find(|name| !is_own(name)) {
        let what = format!("this folder holds other files, such as {other}");
        return Err(Error::file(path, what).with_hint(hint));
    }
    if !names.is_empty() && !names.iter().any(|name| name == ABOUT) {
        let what = format!("this folder holds images and no {ABOUT}, so they are somebody's own");
        return Err(Error::file(path, what).with_hint(hint));
    }
    let about = path.join(ABOUT);
    if !names.is_empty() && !names_model(&files::read(&about)?) {
        let what = format!("not a file of `vae`: expected JSON with the key {OWN_KEY}");
        return Err(Error::file(about, what).with_hint(hint));
    }
    Ok(())
}

/// Returns whether the content of a file [`ABOUT`] is this program's.
fn names_model(about: &[u8]) -> bool {
    let about: Option<Value> = serde_json::from_slice(about).ok();
    about.is_some_and(|about| about.get(OWN_KEY).is_some_and(Value::is_string))
}

/// Returns the names in the folder, without the partial files of a killed process.
fn contents(path: &Path) -> Result<Vec<String>> {
    let unreadable = |error: std::io::Error| files::unreadable(path, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !(name.starts_with('.') && name.ends_with(".partial")) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns whether [`write`] gives a file this name.
fn is_own(name: &str) -> bool {
    let is_number =
        |number: &str| number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    [ABOUT, TABLE].contains(&name) || name.strip_suffix(".png").is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_that_this_program_did_not_write_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let folder = folder.path();
        check_folder(folder).unwrap();
        check_folder(&folder.join("missing")).unwrap();
        fs::write(folder.join("000000.png"), "mine").unwrap();
        let error = check_folder(folder).unwrap_err();
        assert!(error.to_string().contains("no samples.json"), "{error}");
        for other in ["", "{}", "[1]", r#"{"model_hash": 1}"#] {
            fs::write(folder.join(ABOUT), other).unwrap();
            let error = check_folder(folder).unwrap_err().to_string();
            assert!(
                error.contains("expected JSON with the key model_hash"),
                "{error}"
            );
        }
        fs::write(folder.join(ABOUT), r#"{"model_hash": "1f"}"#).unwrap();
        fs::write(folder.join(".000001.png.71-0.partial"), "").unwrap();
        check_folder(folder).unwrap();
        for other in ["notes.txt", "00001.png", "a00001.png", ".hidden"] {
            fs::write(folder.join(other), "").unwrap();
            let error = check_folder(folder).unwrap_err();
            assert!(error.to_string().ends_with(other), "{error}");
            fs::remove_file(folder.join(other)).unwrap();
        }
    }
}
