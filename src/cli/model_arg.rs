//! The argument RUN of every command on a trained model: a run's folder or name, a model file, or the newest run.

use std::path::{Path, PathBuf};

use clap::Args;

use super::loaded_model::LoadedModel;
use crate::error::{Error, Result, shell_word};
use crate::run::{RunFolder, newest};
use crate::{device, files, ui};

/// The folder of the runs unless `--out` names another.
pub const RUNS: &str = "runs";

/// The arguments that every command on a trained model has.
#[derive(Debug, Args)]
pub struct ModelArg {
    /// The model: a run's folder or name, or a model file [default: the newest run in `runs`]
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,

    /// Compute on auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Default for ModelArg {
    fn default() -> Self {
        Self {
            run: None,
            device: "auto".to_owned(),
        }
    }
}

impl ModelArg {
    pub fn open(&self) -> Result<LoadedModel> {
        let device = device::select(&self.device)?;
        let (path, folder) = locate(self.run.as_deref())?;
        LoadedModel::new(path, folder, device)
    }
}

/// Returns the model file and the folder for its figures. The folder is empty (the current folder) if `run` is
/// a model file.
pub fn locate(run: Option<&Path>) -> Result<(PathBuf, PathBuf)> {
    let folder = match run {
        None => {
            let folder = newest(Path::new(RUNS))?;
            ui::note(format_args!("the newest run: {}", folder.path.display()));
            folder
        }
        Some(path) if path.is_file() => return Ok((path.to_path_buf(), PathBuf::new())),
        Some(path) => find_run(path, Path::new(RUNS)).map_err(|_| {
            Error::file(path, "no such run or model file").with_hint(format!(
                "expected a run's folder, a run's name below `{RUNS}`, or a .safetensors file"
            ))
        })?,
    };
    let model = folder.model();
    if !model.is_file() && !folder.config().is_file() {
        return Err(Error::file(
            &folder.path,
            "not the folder of a run: it has no config.toml and no model.safetensors",
        )
        .with_hint(format!(
            "expected a run's folder, a run's name below `{RUNS}`, or a .safetensors file"
        )));
    }
    if !model.is_file() {
        return Err(without_model(&folder));
    }
    Ok((model, folder.path))
}

/// Returns the error for a run without a model, with a way out that works: the state of a run gives its model back.
fn without_model(folder: &RunFolder) -> Error {
    let has_records = files::is_filled(&folder.metrics());
    let what = if has_records {
        "no such file: this run has records, and its model is missing"
    } else {
        "this run has no model yet: its first epoch is not done"
    };
    let run = shell_word(&folder.path);
    Error::file(folder.model(), what).with_hint(if !has_records {
        format!("train on: vae train --resume {run}")
    } else if folder.state().is_file() {
        format!("write it again from the saved state: vae train --resume {run}")
    } else {
        format!(
            "copy it from where the run was trained, or train a new run: vae train --config {}",
            shell_word(folder.config())
        )
    })
}

/// Returns the folder of a run by its path, or by its name below `parent`.
pub fn find_run(path: &Path, parent: &Path) -> Result<RunFolder> {
    let named = parent.join(path);
    match [path, &named].into_iter().find(|folder| folder.is_dir()) {
        Some(folder) => Ok(RunFolder {
            path: folder.to_path_buf(),
        }),
        None => Err(Error::file(path, "no such run").with_hint(format!(
            "expected a run's folder, or a run's name below `{}`",
            parent.display()
        ))),
    }
}
