//! Checks the architecture: which module may import which, who prints, who names a backend, and
//! that the list of presets is complete. `style` checks how the code is written.

mod imports;
mod source;
mod style;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use vae::config::PRESETS;

use imports::{circles, imports};
pub use source::sources;
use source::{root, words};

/// The rows of modules, from the top down. A module imports only from rows below its own.
pub const ROWS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["report", "export"],
    &["train"],
    &["config"],
    &["eval"],
    &["objective", "optimizer"],
    &["model", "loader"],
    &[
        "data", "density", "run", "figure", "device", "schedule", "parallel",
    ],
    &["ops", "panics", "registry", "files", "check", "ui"],
    &["rng", "error", "os", "words"],
];

/// The modules that hold tensors; no other module imports burn.
const TENSORS: &[&str] = &[
    "train",
    "eval",
    "objective",
    "optimizer",
    "model",
    "loader",
    "data",
    "density",
    "ops",
    "device",
];

/// For each module, the modules of lower rows that it must not import either.
const MUST_NOT: &[(&str, &[&str])] = &[
    ("export", &["ui", "device"]),
    ("train", &["ui", "figure", "device"]),
    ("eval", &["ui", "figure", "device", "run", "files"]),
    ("objective", &["ui", "figure", "device", "run", "files"]),
    ("loader", &["ui", "figure", "device", "run", "files"]),
    ("model", &["ui", "figure", "device", "run"]),
    ("data", &["figure", "device", "run"]),
];

const BACKENDS: &[&str] = &[
    "flex", "ndarray", "wgpu", "cuda", "vulkan", "metal", "rocm", "cubecl", "candle", "libtorch",
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter()
        .position(|row| row.contains(&module))
        .map(|from_the_top| ROWS.len() - 1 - from_the_top)
}

/// Fails with a list of all findings, one per line.
fn hold(what: &str, mut found: Vec<String>) {
    found.dedup();
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

#[test]
fn a_module_imports_only_from_rows_below_it() {
    let module = |file: &str| -> String { file.split(['/', '.']).next().unwrap().to_owned() };
    let mut wrong = Vec::new();
    for (file, imports) in imports(&sources()) {
        let own = module(&file);
        let Some(own_row) = row(&own).or((own == "lib").then_some(0)) else {
            wrong.push(format!(
                "src/{file}: `{own}` has no row in tests/it/tidy.rs"
            ));
            continue;
        };
        for other in imports.iter().map(|import| module(import)) {
            if row(&other).is_some_and(|row| row >= own_row) && other != own {
                wrong.push(format!(
                    "src/{file}: `{own}` (row {own_row}) imports `{other}` (row {}); only rows below it",
                    row(&other).unwrap()
                ));
            }
            let kept_off =
                |(name, others): &(&str, &[&str])| *name == own && others.contains(&&*other);
            if MUST_NOT.iter().any(kept_off) {
                wrong.push(format!("src/{file}: `{own}` must not know `{other}`"));
            }
        }
    }
    hold("imports against the table of modules", wrong);
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let found = circles(&imports(&sources()));
    hold(
        "files that import each other in a circle",
        found
            .iter()
            .map(|circle| circle.iter().cloned().collect::<Vec<_>>().join(", "))
            .collect(),
    );
}

#[test]
fn the_library_file_is_the_map_of_the_modules() {
    let library = sources()
        .into_iter()
        .find(|source| source.name == "lib.rs")
        .unwrap();
    let other = library
        .code
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(';'))
        .map(str::to_owned);
    hold("src/lib.rs holds more than modules", other.collect());
}

#[test]
fn only_the_modules_of_tensors_name_burn() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !TENSORS.contains(&source.module()))
    {
        let named = words(&source.code).filter(|(_, word)| *word == "burn");
        wrong.extend(named.map(|(line, _)| format!("src/{}:{line}", source.name)));
    }
    hold("burn where there are no tensors", wrong);
}

#[test]
fn only_the_device_own_operations_and_processes_name_a_backend_or_a_feature() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !["device", "ops", "parallel"].contains(&source.module()))
    {
        let is_backend = |word: &str| {
            word.to_lowercase()
                .split('_')
                .any(|part| BACKENDS.contains(&part))
        };
        let named = words(&source.code).filter(|(_, word)| is_backend(word) || *word == "feature");
        wrong.extend(named.map(|(line, word)| format!("src/{}:{line}: {word}", source.name)));
    }
    hold(
        "a backend or a cargo feature outside device/, ops/ and parallel/",
        wrong,
    );
}

#[test]
fn only_ui_names_the_standard_streams() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "ui") {
        let named = words(&source.code)
            .filter(|(_, word)| ["stdout", "stderr", "indicatif"].contains(word));
        wrong.extend(named.map(|(line, word)| format!("src/{}:{line}: {word}", source.name)));
    }
    hold("stdout and stderr outside ui.rs", wrong);
}

#[test]
fn every_config_is_a_preset_that_says_what_it_is() {
    let listed: BTreeSet<String> = PRESETS
        .iter()
        .map(|preset| format!("{}.toml", preset.name))
        .collect();
    let names = fs::read_dir(root().join("configs")).unwrap();
    let stored: BTreeSet<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    assert_eq!(
        stored, listed,
        "files in configs/ (left), and PRESETS in src/config/preset.rs (right)"
    );
    for preset in PRESETS {
        assert!(
            preset.text.starts_with("# ") && preset.about().len() > 10,
            "{}: the first line",
            preset.name
        );
    }
}

#[test]
fn no_file_names_a_place_on_the_machine_it_was_written_on() {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    let Some(listed) = listed.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: not a git checkout");
        return;
    };
    let prefix = concat!("/wo", "rk/").as_bytes();
    let names = String::from_utf8(listed.stdout).unwrap();
    let names = names.split('\0').filter(|name| !name.is_empty());
    // A file that is listed but deleted counts as empty.
    let holds = |name: &&str| {
        fs::read(root().join(name))
            .unwrap_or_default()
            .windows(prefix.len())
            .any(|window| window == prefix)
    };
    hold(
        "files that name this machine's folders",
        names.filter(holds).map(str::to_owned).collect(),
    );
}
