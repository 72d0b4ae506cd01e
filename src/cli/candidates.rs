//! The names that shells complete: presets, runs, published numbers and devices, read when the key is pressed.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use crate::config::{PRESETS, published};
use crate::device;
use crate::run::{RUNS, RunFolder, is_hidden_run};

/// Returns the completer of a config: presets, and TOML files.
pub fn configs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut found = presets(current);
        found.extend(files("toml").complete(current));
        found
    })
}

/// Returns the completer of a trained model: runs, or else folders of runs and model files.
pub fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| runs_or_files(current, "safetensors"))
}

/// Returns the completer of a network: presets and runs, or else TOML files, folders of runs and model files.
pub fn networks() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut found = presets(current);
        found.extend(named_runs(current));
        if found.is_empty() {
            found = files("toml").complete(current);
            found.extend(files("safetensors").complete(current));
            found.dedup();
        }
        found
    })
}

/// Returns the candidates of a published number.
pub fn recipes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let candidate = |name: &str, about: &str| {
            CompletionCandidate::new(name).help(Some(about.to_owned().into()))
        };
        let recipes = published().into_iter();
        [candidate("list", "every published number")]
            .into_iter()
            .chain(recipes.map(|recipe| candidate(&recipe.recipe, &recipe.about)))
            .collect()
    })
}

/// Returns the candidates of a device. To look for GPUs would take too long.
pub fn devices() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let built_in = device::built_in().into_iter();
        [("auto", "a GPU if there is one, else the CPU")]
            .into_iter()
            .chain(built_in)
            .map(|(name, about)| CompletionCandidate::new(name).help(Some(about.into())))
            .collect()
    })
}

fn presets(current: &OsStr) -> Vec<CompletionCandidate> {
    PRESETS
        .iter()
        .filter(|preset| starts_with(preset.name, current))
        .map(|preset| CompletionCandidate::new(preset.name).help(Some(preset.about().into())))
        .collect()
}

fn runs_or_files(current: &OsStr, ending: &'static str) -> Vec<CompletionCandidate> {
    let named = named_runs(current);
    if named.is_empty() {
        return files(ending).complete(current);
    }
    named
}

/// Returns the runs whose name starts with `current`. A folder that cannot be read has none.
fn named_runs(current: &OsStr) -> Vec<CompletionCandidate> {
    let entries = fs::read_dir(RUNS).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| RunFolder { path: entry.path() }.config().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !is_hidden_run(name) && starts_with(name, current))
        .collect();
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the completer of files that end so, and of the folders on the way to them.
fn files(ending: &'static str) -> PathCompleter {
    PathCompleter::any()
        .filter(move |path: &Path| path.extension().is_some_and(|end| end == ending))
}

fn starts_with(name: &str, current: &OsStr) -> bool {
    name.starts_with(&*current.to_string_lossy())
}
