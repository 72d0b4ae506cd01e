//! The files in a run's folder: which of them this program wrote, and how large they are.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::RunFolder;
use super::exports::{NEW, is_export_file, is_export_folder};
use crate::error::{Error, Result};
use crate::files::is_temporary;

/// The names of the files that a training or a command on its model writes into the run's folder.
const FILES: &[&str] = &[
    "config.toml",
    "about.json",
    "metrics.jsonl",
    // A hint asks to move records here that belong to another state.
    "metrics.old",
    "report.json",
    "report.html",
    "state.safetensors",
    "model.safetensors",
    "best.safetensors",
    "last.safetensors",
    "curves.svg",
    "curves.png",
    "health.svg",
    "health.png",
    "latents.npy",
    "latents.csv",
    "latents.png",
    "latents.svg",
    "samples.png",
    "samples.gif",
    "samples.csv",
    "samples.labels.csv",
    "samples.npy",
    "reconstructions.png",
    "reconstructions.gif",
    "interpolation.png",
    "interpolation.gif",
    "traverse.png",
    "traverse.gif",
    "manifold.png",
    "nearest.png",
    "edits.png",
    "decoded.png",
    "skipped.csv",
    "calibration.json",
    "anomalies.csv",
    "anomaly-scores.png",
    "anomaly-scores.svg",
    "anomaly-roc.png",
    "anomaly-roc.svg",
    "anomaly-worst.png",
];

/// The folders of images, one for each epoch.
const FOLDERS: &[&str] = &["samples", "reconstructions"];

/// Files that a system leaves in every folder that a person looks at.
const LITTER: &[&str] = &[".DS_Store", "Thumbs.db", "desktop.ini"];

/// The files and folders below a run's folder. Links are not followed.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The size of all files together.
    pub bytes: u64,
    pub file_count: usize,
    /// The path of each file, link and folder in the run's folder.
    paths: Vec<(PathBuf, Kind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
}

impl Contents {
    /// Lists what is below `folder`.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be read.
    pub fn of(folder: &RunFolder) -> Result<Self> {
        Self::below(folder, "")
    }

    /// Lists what is in the folder `inner` of `folder`, with paths that start from `folder`.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be read.
    pub fn below(folder: &RunFolder, inner: &str) -> Result<Self> {
        let mut contents = Self::default();
        let entries = WalkDir::new(folder.path.join(inner))
            .min_depth(1)
            .follow_links(false)
            .sort_by_file_name();
        for entry in entries {
            let entry = entry.map_err(|error| {
                let place = error.path().unwrap_or(&folder.path).to_path_buf();
                Error::file(place, format!("cannot be read: {error}"))
            })?;
            let found = entry.file_type();
            let kind = if found.is_dir() {
                Kind::Folder
            } else if found.is_symlink() {
                Kind::Link
            } else {
                Kind::File
            };
            if kind == Kind::File {
                // A temporary file may be gone by now.
                contents.bytes += entry.metadata().map_or(0, |file| file.len());
                contents.file_count += 1;
            }
            let path = entry.path().strip_prefix(&folder.path);
            let path = path.unwrap_or(entry.path()).to_path_buf();
            contents.paths.push((path, kind));
        }
        Ok(contents)
    }

    /// Returns the files and folders that this program did not write, beside those in `known`, the files and folders that
    /// the run's own config asks for. A foreign folder stands for all that is in it.
    pub fn foreign(&self, known: &[PathBuf]) -> Vec<PathBuf> {
        let mut foreign: Vec<PathBuf> = Vec::new();
        for (path, kind) in &self.paths {
            let is_inside = foreign.iter().any(|folder| path.starts_with(folder));
            let is_known = known.iter().any(|known| {
                let rest = path.strip_prefix(known);
                known.starts_with(path) || rest.is_ok_and(|rest| is_ours(rest, *kind))
            });
            if !is_inside && !is_known && !is_ours(path, *kind) {
                foreign.push(path.clone());
            }
        }
        foreign
    }

    /// Returns the path of each folder inside the run's folder.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        let folders = self.paths.iter().filter(|(_, kind)| *kind == Kind::Folder);
        folders.map(|(path, _)| path.as_path())
    }
}

/// Returns whether this program writes something of this kind at `path`, in a run's folder. A link in the place of a file
/// counts as the file: a person has put it there to keep the file elsewhere.
fn is_ours(path: &Path, kind: Kind) -> bool {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    match (parts.as_deref(), kind) {
        (Some([folder]), Kind::Folder) if FOLDERS.contains(folder) => true,
        (Some(parts), Kind::Folder) => is_export_folder(parts),
        (Some([name]), _) => {
            FILES.contains(&name.strip_prefix(NEW).unwrap_or(name))
                || LITTER.contains(name)
                || is_temporary(name)
                || is_mixture(name)
                || kind == Kind::Link && FOLDERS.contains(name)
        }
        (Some([folder, name]), Kind::File | Kind::Link) if FOLDERS.contains(folder) => {
            is_numbered(name, "epoch-", ".png") || LITTER.contains(name) || is_temporary(name)
        }
        (Some(parts @ [folder @ .., name]), Kind::File) => {
            is_export_file(parts)
                || is_export_folder(folder) && (LITTER.contains(name) || is_temporary(name))
        }
        _ => false,
    }
}

/// Returns whether a file is a mixture of `vae sample --from mixture:10`.
fn is_mixture(name: &str) -> bool {
    [".safetensors", ".json"]
        .iter()
        .any(|ending| is_numbered(name, "mixture-", ending))
}

/// Returns whether a name is a number between `start` and `end`.
fn is_numbered(name: &str, start: &str, end: &str) -> bool {
    let number = name
        .strip_prefix(start)
        .and_then(|name| name.strip_suffix(end));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_this_program_did_not_write_is_named_and_a_folder_stands_for_its_files() {
        let place = tempfile::TempDir::new().unwrap();
        for folder in [
            "samples",
            "notes/deep",
            "figures/new",
            "tensorboard/test",
            "tensorboard/best",
            "csv",
            "onnx",
            "new-projector",
        ] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        for name in [
            "config.toml",
            ".DS_Store",
            ".model.safetensors.12-0.partial",
            "mixture-10.safetensors",
            "samples/epoch-0001.png",
            "figures/new/walk.png",
            "samples/cat.png",
            "figures/latents.png",
            "figures/cat.png",
            "tensorboard/test/events.out.tfevents.0000000001.host.7.vae",
            "tensorboard/test/.DS_Store",
            "tensorboard/test/events.out.tfevents.1.host.7.0",
            "csv/metrics.csv",
            "csv/mine.csv",
            "new-projector/tensors.tsv",
            "notes/deep/a.txt",
            "onnx/encoder.onnx",
            "onnx/mine.onnx",
            "thesis.tex",
        ] {
            fs::write(place.path().join(name), "1234").unwrap();
        }
        let folder = RunFolder {
            path: place.path().to_path_buf(),
        };
        let contents = Contents::of(&folder).unwrap();
        assert_eq!((contents.bytes, contents.file_count), (76, 19));
        let known = ["figures/new/walk.png", "figures"].map(PathBuf::from);
        let foreign = contents.foreign(&known);
        let expected = [
            "csv/mine.csv",
            "figures/cat.png",
            "notes",
            "onnx/mine.onnx",
            "samples/cat.png",
            "tensorboard/best",
            "tensorboard/test/events.out.tfevents.1.host.7.0",
            "thesis.tex",
        ]
        .map(PathBuf::from);
        assert_eq!(foreign, expected);
    }
}
