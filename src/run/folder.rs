//! `runs/<name>/`: the files of a run.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::hidden_name::is_hidden_run;
use crate::error::{Error, ErrorKind, Result, shell_word};
use crate::files::{self, unreadable, unwritable};

/// The folder of the runs unless `--out` names another.
pub const RUNS: &str = "runs";

/// The folder in which one run keeps everything it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    pub path: PathBuf,
}

impl RunFolder {
    /// Returns the folder of one of a run's files, which is empty (the current folder) for a file without a parent.
    pub fn of_file(path: &Path) -> Self {
        Self {
            path: path.parent().map(Path::to_path_buf).unwrap_or_default(),
        }
    }

    /// Returns the path of the effective config.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Returns the path of the file with the version, the device, the features and the data.
    pub fn about(&self) -> PathBuf {
        self.path.join("about.json")
    }

    /// Returns the path of the last evaluation.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// Returns the path of the page about the run.
    pub fn page(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Returns the path of the records, one for each epoch and split.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Returns the path of the state from which the run can be resumed.
    pub fn state(&self) -> PathBuf {
        self.path.join("state.safetensors")
    }

    /// Returns the path of the model after the last whole epoch.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Returns the path of the model with the best validation ELBO. It is the run's model if the training has patience.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Returns the path of the model with the last weights, where [`RunFolder::model`] has their moving average.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    /// Returns the path of the mixture with this many components that was fitted to the model's latents.
    pub fn mixture(&self, components: usize) -> PathBuf {
        self.path.join(format!("mixture-{components}.safetensors"))
    }

    /// Returns the path of the samples after `epoch`, which are drawn from the same noise every time.
    pub fn samples(&self, epoch: usize) -> PathBuf {
        self.path
            .join("samples")
            .join(format!("epoch-{epoch:04}.png"))
    }

    /// Returns the path of the first test images, reconstructed after `epoch`.
    pub fn reconstructions(&self, epoch: usize) -> PathBuf {
        self.path
            .join("reconstructions")
            .join(format!("epoch-{epoch:04}.png"))
    }

    /// Returns, in ascending order, the epochs that have an image in the folder of `image`, which is one of
    /// [`RunFolder::samples`] or [`RunFolder::reconstructions`].
    pub fn epochs_beside(image: &Path) -> Vec<usize> {
        let number = |name: &str| {
            name.strip_prefix("epoch-")?
                .strip_suffix(".png")?
                .parse()
                .ok()
        };
        let entries = image
            .parent()
            .map(fs::read_dir)
            .into_iter()
            .flatten()
            .flatten()
            .flatten();
        let mut epochs: Vec<usize> = entries
            .filter_map(|entry| number(&entry.file_name().to_string_lossy()))
            .collect();
        epochs.sort_unstable();
        epochs
    }

    /// Returns the path of the scores of normal images that calibrate the model.
    pub fn calibration(&self) -> PathBuf {
        self.path.join("calibration.json")
    }

    /// Returns the path of the curves of loss, reconstruction and KL over the epochs.
    pub fn curves(&self) -> PathBuf {
        self.path.join("curves.svg")
    }

    /// Writes an evaluation, replacing the previous one.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn write_report(&self, report: &serde_json::Value) -> Result<()> {
        files::write_inside(&self.report(), format!("{report:#}\n").as_bytes())
    }

    /// Writes one of the files of a run in training. A folder inside the run's is made if it is missing. The run's own
    /// folder is not: what was written before would be missing in it.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or if the run's folder was removed.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let written = match path.parent() {
            Some(inner) if inner != self.path && !inner.is_dir() => {
                fs::create_dir(inner).map_err(|error| unwritable(inner, &error))
            }
            _ => Ok(()),
        };
        written
            .and_then(|()| files::write_inside(path, bytes))
            .map_err(|error| match error.kind() {
                _ if !self.is_there() => self.removed(),
                ErrorKind::File if error.hint().is_some() => {
                    error.with_hint("copy the run to a place that you may write to")
                }
                _ => error,
            })
    }

    /// Returns whether the folder is there.
    pub fn is_there(&self) -> bool {
        // The current folder has an empty path here.
        self.path.join(".").is_dir()
    }

    /// Returns the error for a run whose folder is no longer there.
    pub fn removed(&self) -> Error {
        Error::failed(format!(
            "{}: the run's folder was removed or moved while it was trained",
            self.path.display()
        ))
        .with_hint("train it again, and leave the folder where it is until the training has ended")
    }
}

/// Makes a new folder below `parent`, called `name` if that is given, or else `preset-1`, `preset-2`, ...
///
/// # Errors
/// Returns an error if the name is taken, or if the folder cannot be made.
pub fn create(parent: &Path, name: Option<&str>, preset: &str) -> Result<RunFolder> {
    for (what, name) in [
        ("--name", name.unwrap_or_default()),
        ("the config's name", preset),
    ] {
        if name.contains(char::is_control) {
            return Err(Error::request(format!(
                "{what} {name:?}: expected the name of a folder, without line ends or other control characters"
            )));
        }
    }
    if let Some(name) = name {
        if Path::new(name)
            .components()
            .ne([Component::Normal(name.as_ref())])
        {
            let what = format!(
                "--name {name:?}: expected a plain folder name, without `/`, for a folder in {}",
                parent.join("").display()
            );
            return Err(
                Error::request(what).with_hint("for a run in another place, pass `--out DIR`")
            );
        }
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        let path = parent.join(name);
        return match fs::create_dir(&path) {
            Ok(()) => Ok(RunFolder { path }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(
                    Error::file(&path, "there is such a run already").with_hint(format!(
                        "choose another `--name`, or go on with it: vae train --resume {}",
                        shell_word(&path)
                    )),
                )
            }
            Err(error) => Err(unwritable(&path, &error)),
        };
    }
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    for number in 1_u64.. {
        let path = parent.join(format!("{preset}-{number}"));
        // Creating the folder is also the test that the name is free, so two runs that start together get two folders.
        match fs::create_dir(&path) {
            Ok(()) => return Ok(RunFolder { path }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    unreachable!("there are more numbers than folders")
}

/// Returns the run below `parent` that was last written to.
///
/// # Errors
/// Returns an error if there is no run.
pub fn newest(parent: &Path) -> Result<RunFolder> {
    let touched = |folder: &RunFolder| -> Option<SystemTime> {
        fs::metadata(folder.state()).ok()?.modified().ok()
    };
    let entries = match fs::read_dir(parent) {
        Err(error) if files::is_there(parent)? => return Err(unreadable(parent, &error)),
        entries => entries.into_iter().flatten().flatten(),
    };
    let folders: Vec<RunFolder> = entries
        .filter(|entry| !is_hidden_run(&entry.file_name().to_string_lossy()))
        .map(|entry| RunFolder { path: entry.path() })
        .collect();
    let newest = folders
        .iter()
        .filter_map(|folder| Some((touched(folder)?, folder)))
        .max_by_key(|(time, folder)| (*time, folder.path.clone()));
    if newest.is_none() {
        // A run that may not be looked into is not missing.
        for folder in &folders {
            files::is_there(&folder.state())?;
        }
    }
    newest.map(|(_, folder)| folder.clone()).ok_or_else(|| {
        Error::request(format!("there is no run in {}", parent.join("").display()))
            .with_hint("name a run's folder or a model file, or train one first: `vae train`")
    })
}
