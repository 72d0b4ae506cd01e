//! The argument RUN of every command on a trained model: a run's folder or name, a model file, or the newest run.

use std::path::{Path, PathBuf};

use clap::Args;

use super::candidates::{devices, runs};
use super::loaded_model::LoadedModel;
use crate::data::image_file::FileKind;
use crate::error::{Error, Result, shell_word};
pub use crate::run::RUNS;
use crate::run::{RunFolder, newest};
use crate::train::{chosen_model, unchangeable};
use crate::{config, device, files, parallel, ui};

/// The arguments that every command on a trained model has.
#[derive(Debug, Args)]
pub struct ModelArg {
    /// The model: a run's folder or name, or a model file [default: the newest run in `runs`]
    #[arg(value_name = "RUN", add = runs())]
    run: Option<PathBuf>,

    /// Compute on auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto", add = devices())]
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
        Ok(self.open_after(|_| Ok(()))?.0)
    }

    /// Calls `check` with the folder of the model's figures, then loads the model. Returns the model and the result of `check`.
    pub fn open_after<T>(
        &self,
        check: impl FnOnce(&Path) -> Result<T>,
    ) -> Result<(LoadedModel, T)> {
        let device = device::select(&self.device)?;
        let (path, folder) = locate(self.run.as_deref())?;
        let checked = check(&folder)?;
        let model = LoadedModel::new(path, folder, device)?;
        parallel::all_equal("the model (its hash)", &model.hash)?;
        note_edited_config(&model);
        Ok((model, checked))
    }
}

fn is_image(path: &Path) -> bool {
    path.is_file() && FileKind::of(&path.to_string_lossy()) != FileKind::Other
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
        Some(path) if is_image(path) => {
            return Err(
                Error::file(path, "this is an image, and no run or model file")
                    .with_hint("name the RUN first, then the images"),
            );
        }
        Some(path) if path.is_file() => return Ok((path.to_path_buf(), PathBuf::new())),
        Some(path) => folder_of_run(path, Path::new(RUNS))?.ok_or_else(|| {
            Error::file(path, "no such run or model file").with_hint(format!(
                "expected a run's folder, a run's name below `{RUNS}`, or a .safetensors file"
            ))
        })?,
    };
    let model = folder.model();
    let has_model = files::is_there(&model)? && model.is_file();
    if !has_model && !files::is_there(&folder.config())? {
        return Err(Error::file(
            &folder.path,
            "not the folder of a run: it has no config.toml and no model.safetensors",
        )
        .with_hint(format!(
            "expected a run's folder, a run's name below `{RUNS}`, or a .safetensors file"
        )));
    }
    if !has_model {
        return Err(without_model(&folder));
    }
    let patience = config::read(&folder.config()).map(|config| config.train);
    let chosen = patience.map_or(model, |train| chosen_model(&train, &folder));
    Ok((chosen, folder.path))
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
///
/// # Errors
/// Returns an error if there is no such folder, or if it may not be looked into.
pub fn find_run(path: &Path, parent: &Path) -> Result<RunFolder> {
    folder_of_run(path, parent)?.ok_or_else(|| {
        Error::file(path, "no such run").with_hint(format!(
            "expected a run's folder, or a run's name below `{}`",
            parent.display()
        ))
    })
}

/// Does the same as [`find_run`], and returns `None` if there is no such folder.
fn folder_of_run(path: &Path, parent: &Path) -> Result<Option<RunFolder>> {
    for path in [path.to_path_buf(), parent.join(path)] {
        if files::is_there(&path)? && path.is_dir() {
            return Ok(Some(RunFolder { path }));
        }
    }
    Ok(None)
}

/// Says that the config in the run's folder is no longer that of the model, if a value differs that has made the model
/// what it is.
fn note_edited_config(model: &LoadedModel) {
    let path = RunFolder::of_file(&model.path).config();
    if !path.is_file() {
        return;
    }
    let changes = config::read(&path).and_then(|kept| config::changes(&model.config, &kept, 0));
    let what = match changes {
        Err(_) => "cannot be read as a config".to_owned(),
        Ok(changes) => {
            let keys: Vec<String> = unchangeable(&changes)
                .map(|change| format!("`{}`", change.key))
                .collect();
            if keys.is_empty() {
                return;
            }
            format!("was changed since ({})", keys.join(", "))
        }
    };
    ui::note(format_args!(
        "{} {what}; the model's own config is used",
        path.display()
    ));
}
