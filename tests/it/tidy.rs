//! The code's habits, held: which module may know which, who prints, who names a backend, and that the list of
//! presets is complete.

mod source;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use vae::config::PRESETS;

pub use source::sources;
use source::{files_below, imports, root, words};

/// From the top down; a module imports only from rows below its own.
pub const ROWS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["report"],
    &["train"],
    &["config"],
    &["eval"],
    &["objective", "optimizer"],
    &["model", "loader"],
    &["data", "density", "run", "figure", "device", "schedule"],
    &["ops", "registry", "files", "check", "ui"],
    &["rng", "error"],
];

/// The modules that hold tensors; no other imports burn.
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

/// What the rows alone do not say: a module, and those of the rows below that it must not know.
const MUST_NOT: &[(&str, &[&str])] = &[
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

const LONGEST_FILE: usize = 450;
const LONGEST_MEDIAN: usize = 150;

fn row(module: &str) -> Option<usize> {
    ROWS.iter()
        .position(|row| row.contains(&module))
        .map(|from_the_top| ROWS.len() - 1 - from_the_top)
}

/// Fails with everything that was found, a line each.
fn hold(what: &str, mut found: Vec<String>) {
    found.dedup();
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

#[test]
fn a_module_imports_only_from_rows_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let Some(own) = row(module) else {
            wrong.push(format!(
                "src/{}: `{module}` has no row in tests/it/tidy.rs",
                source.name
            ));
            continue;
        };
        for import in imports(&source) {
            if import == module {
                continue;
            }
            match row(&import) {
                None => wrong.push(format!("src/{}: imports `{import}`, which has no row", source.name)),
                Some(other) if other >= own => wrong.push(format!(
                    "src/{}: `{module}` (row {own}) imports `{import}` (row {other}); only rows below it",
                    source.name
                )),
                Some(_) => {}
            }
            if MUST_NOT
                .iter()
                .any(|(name, kept_off)| *name == module && kept_off.contains(&import.as_str()))
            {
                wrong.push(format!(
                    "src/{}: `{module}` must not know `{import}`",
                    source.name
                ));
            }
        }
    }
    hold("imports against the table of modules", wrong);
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
fn only_the_device_and_own_operations_name_a_backend() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !["device", "ops"].contains(&source.module()))
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
        "a backend or a cargo feature outside device/ and ops/",
        wrong,
    );
}

#[test]
fn only_ui_prints() {
    let ways = [
        "println",
        "eprintln",
        "print",
        "eprint",
        "dbg",
        "stdout",
        "stderr",
        "indicatif",
    ];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "ui") {
        let named = words(&source.code).filter(|(_, word)| ways.contains(word));
        wrong.extend(named.map(|(line, word)| format!("src/{}:{line}: {word}", source.name)));
    }
    hold("printing outside ui.rs", wrong);
}

#[test]
fn what_is_unsafe_is_in_ops_and_says_why() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, _) in words(&source.code).filter(|&(_, word)| word == "unsafe") {
            let place = format!("src/{}:{number}", source.name);
            if source.module() != "ops" {
                wrong.push(format!("{place}: unsafe outside ops"));
            }
            // A block's reason stands above the statement or, one for all blocks of a function, at its head; a
            // function's under "# Safety", an implementation's above it.
            let above = &lines[number.saturating_sub(40)..number];
            let above = above
                .iter()
                .any(|line| line.contains("SAFETY") || line.contains("# Safety"));
            if !above {
                wrong.push(format!("{place}: unsafe without its reason"));
            }
        }
    }
    hold("unsafe code", wrong);
}

#[test]
fn nothing_panics_on_purpose() {
    let ways = [
        ".unwrap()",
        ".unwrap_err()",
        ".expect(",
        ".expect_err(",
        "panic!",
        "todo!",
        "unimplemented!",
        "dbg!",
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.code.lines().enumerate() {
            let found = ways.iter().filter(|way| line.contains(**way));
            wrong.extend(found.map(|way| format!("src/{}:{}: {way}", source.name, number + 1)));
        }
    }
    hold("a panic outside tests", wrong);
}

#[test]
fn every_exception_to_a_lint_gives_its_reason() {
    let mut wrong = Vec::new();
    for source in sources() {
        for start in ["[allow(", "[expect("] {
            for (at, _) in source.code.match_indices(start) {
                let attribute = source.code[at..].split(']').next().unwrap_or_default();
                if !attribute.contains("reason") {
                    let line = source.code[..at].matches('\n').count() + 1;
                    wrong.push(format!("src/{}:{line}: #{attribute}]", source.name));
                }
            }
        }
    }
    hold("a lint is switched off without `reason = ...`", wrong);
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"));
    hold(
        "files whose first line is not `//!`",
        silent.map(|source| source.name).collect(),
    );
}

#[test]
fn files_are_short() {
    let lines = |text: &str| text.lines().count();
    let mut lengths: Vec<usize> = sources().iter().map(|source| lines(&source.text)).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= LONGEST_MEDIAN,
        "the median file of src/ has {median} lines; at most {LONGEST_MEDIAN}"
    );
    let mut paths = Vec::new();
    ["src", "tests/it"]
        .iter()
        .for_each(|folder| files_below(&root().join(folder), &mut paths));
    let long = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter_map(|path| {
            let count = lines(&fs::read_to_string(&path).unwrap());
            (count > LONGEST_FILE).then(|| format!("{}: {count} lines", path.display()))
        });
    hold(
        &format!("files of more than {LONGEST_FILE} lines"),
        long.collect(),
    );
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
        let config = preset
            .config()
            .unwrap_or_else(|error| panic!("{}: {}", preset.name, error.render()));
        let outline = config.data.kind().outline().unwrap();
        let network = config.network(outline.shape, outline.class_count);
        network.unwrap_or_else(|error| panic!("{}: {}", preset.name, error.render()));
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
    // A file that is gone but still listed holds nothing.
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
