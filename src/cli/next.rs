//! The last line of a command, which names the one command that comes next: `next: vae eval mnist-1`.
//!
//! The line is on stderr, as it is typed, after the command has succeeded. It is printed to a terminal and to a log alike, so
//! that a log reads as a session does; `--quiet` and `--json` leave it out, because whoever passes them is a script. A command
//! that writes for another program says how that one is started instead, or nothing if its output is a script or a schema. Upper-case words stand for what the program cannot know.

use std::fmt::Display;
use std::path::Path;

use super::loaded_model::LoadedModel;
use super::model_arg::RUNS;
use crate::error::shell_word;
use crate::files::is_filled;
use crate::ui;

/// The command with which a person who has trained nothing begins.
pub const BEGIN: &str = "train --config digits";

/// Prints the command that comes next, which is given without `vae`.
pub fn next(command: impl Display) {
    ui::note(format_args!("next: vae {command}"));
}

/// Returns assignments as flags, each after a space, to be repeated in a command.
pub fn typed(overrides: &[String]) -> String {
    let flag = |assignment: &String| format!(" --set {}", shell_word(assignment));
    overrides.iter().map(flag).collect()
}

/// Returns the word that names a run in a command: its name if it is in `runs`, else its folder.
pub fn run_word(folder: &Path) -> String {
    let name = folder.file_name().map(Path::new).unwrap_or(folder);
    let is_known_by_name = folder == Path::new(RUNS).join(name)
        && !name.exists()
        && !name.to_string_lossy().starts_with('-');
    shell_word(if is_known_by_name { name } else { folder })
}

/// Returns the word that names a model in a command.
pub fn model_word(model: &LoadedModel) -> String {
    match model.run_folder() {
        Some(run) => run_word(&run.path),
        None => shell_word(&model.path),
    }
}

/// Returns the arguments that list the runs in a folder.
pub fn list_runs(folder: &Path) -> String {
    if folder == Path::new(RUNS) {
        "list runs".to_owned()
    } else {
        format!("list runs --out {}", shell_word(folder))
    }
}

/// Names the command after a training: what was set aside is for anomalies, and an autoencoder draws no samples.
pub fn after_training(model: &LoadedModel, calibrates: bool) {
    let run = model_word(model);
    if calibrates {
        next(format_args!("anomalies {run}"));
    } else {
        next(format_args!("{} {run}", look(model)));
    }
}

/// Names the command after a figure: a measurement, unless the run has one.
pub fn after_figure(model: &LoadedModel) {
    let is_measured = model
        .run_folder()
        .is_some_and(|run| is_filled(&run.report()));
    if is_measured {
        after_eval(model);
    } else {
        next(format_args!("eval {}", model_word(model)));
    }
}

/// Names the command after a measurement. The doctor judges latents by N(0, I).
pub fn after_eval(model: &LoadedModel) {
    let command = if model.config.prior.is_normal() {
        "doctor"
    } else {
        look(model)
    };
    next(format_args!("{command} {}", model_word(model)));
}

/// Names the command after a look at the latents, which shows what each of them does.
pub fn after_latents(model: &LoadedModel) {
    let command = if model.vae.class_count().is_some() {
        "reconstruct"
    } else {
        "traverse"
    };
    next(format_args!("{command} {}", model_word(model)));
}

/// Returns the figure that shows most of a model without further arguments.
fn look(model: &LoadedModel) -> &'static str {
    if model.config.is_variational() {
        "sample"
    } else {
        "reconstruct"
    }
}
