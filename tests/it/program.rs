//! The program as a person runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use vae::error::Error;
use vae::model::{NamedTensor, pack, unpack};

/// A command in `folder`, which is also its home, whatever the environment of the tests says.
pub fn vae(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vae"));
    at_home(&mut command, folder);
    command.args(arguments);
    command
}

/// The same below a shell that limits files to a few kilobytes, as a full disk would.
pub fn vae_on_a_full_disk(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    at_home(&mut command, folder);
    // The signal ignored, a write beyond the limit is an error.
    command
        .args([
            "-c",
            r#"trap "" XFSZ; ulimit -f 8; exec "$@""#,
            "sh",
            env!("CARGO_BIN_EXE_vae"),
        ])
        .args(arguments);
    command
}

fn at_home(command: &mut Command, folder: &Path) {
    for name in [
        "VAE_DATA",
        "VAE_MIRROR",
        "XDG_CACHE_HOME",
        "RUST_BACKTRACE",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command
        .env("HOME", folder)
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .stdin(Stdio::null());
}

/// What a command that has ended leaves behind.
#[derive(Debug)]
pub struct Done {
    /// Nothing where a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let done = Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(
            !done.err.contains("panicked") && !done.err.contains("backtrace"),
            "{}",
            done.err
        );
        done
    }

    /// The one line on stdout of a command that succeeded.
    pub fn line(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        self.out.trim_end()
    }

    /// Ended with `code`, nothing on stdout, and an error that says all of `parts`.
    pub fn failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(
            (self.code, self.out.as_str()),
            (Some(code), ""),
            "{}",
            self.err
        );
        for part in parts {
            assert!(
                self.err.contains(part),
                "expected {part:?} in\n{}",
                self.err
            );
        }
    }
}

pub fn run(folder: &Path, arguments: &[&str]) -> Done {
    Done::of(vae(folder, arguments).output().unwrap())
}

/// A folder with a copy of one finished run of the preset `smoke`, `runs/smoke-1`, trained once for all tests.
pub fn with_smoke_run() -> TempDir {
    static TRAINED: OnceLock<PathBuf> = OnceLock::new();
    let trained = TRAINED.get_or_init(|| {
        // One a process: several may run at the same time.
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("smoke-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let done = run(&folder, &["train", "--config", "smoke", "--quiet"]);
        assert_eq!((done.line(), done.err.as_str()), ("runs/smoke-1", ""));
        folder
    });
    let copy = TempDir::new().unwrap();
    copy_folder(&trained.join("runs"), &copy.path().join("runs"));
    copy
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// What a person reads, without the folder's random name.
pub fn rendered(error: &Error, folder: &Path) -> String {
    assert_eq!(error.code(), 2);
    assert!(error.hint().is_some(), "no hint: {error}");
    error.render().replace(folder.to_str().unwrap(), "DIR")
}

/// Every file below `folder`, by its path in it, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            names.extend(
                files(&path)
                    .into_iter()
                    .map(|inner| format!("{name}/{inner}")),
            );
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

/// The records of a run.
pub fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The records of a run without the times, which differ from one run to the next.
pub fn timeless(run: &Path) -> Vec<Value> {
    let mut records = metrics(run);
    for record in &mut records {
        for key in ["seconds", "images_per_second"] {
            assert!(
                record
                    .as_object_mut()
                    .unwrap()
                    .remove(key)
                    .unwrap()
                    .as_f64()
                    .unwrap()
                    > 0.0
            );
        }
    }
    records
}

/// A small data set as the four files of MNIST: `seed` decides its images.
pub fn write_idx(folder: &Path, seed: u64) {
    let digits = vae::data::Digits {
        seed,
        train: 60,
        test: 30,
        ..Default::default()
    }
    .draw();
    fs::create_dir_all(folder).unwrap();
    for (prefix, images) in [("train", &digits.train), ("t10k", &digits.test)] {
        let count = images.len() as u32;
        let file = [
            &vae::data::idx::image_header(count, 28, 28)[..],
            images.bytes().unwrap(),
        ]
        .concat();
        fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), file).unwrap();
        let labels: Vec<u8> = [0, 0, 8, 1]
            .into_iter()
            .chain(count.to_be_bytes())
            .chain(
                images
                    .labels
                    .as_ref()
                    .unwrap()
                    .iter()
                    .map(|&label| label as u8),
            )
            .collect();
        fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// `vae train --config smoke`.
pub const SMOKE: [&str; 3] = ["train", "--config", "smoke"];

/// What it leaves, by its default name.
pub const MODEL: &str = "runs/smoke-1/model.safetensors";

pub fn train(folder: &Path, arguments: &[&str]) -> Done {
    run(folder, &[&SMOKE, arguments].concat())
}

pub fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

/// The model file with its card changed by hand.
pub fn edited(folder: &Path, change: impl FnOnce(&mut Value, &mut Vec<NamedTensor>)) {
    let path = folder.join(MODEL);
    let (mut card, mut tensors) = unpack::<Value>(&path, &fs::read(&path).unwrap()).unwrap();
    change(&mut card, &mut tensors);
    fs::write(path, pack(&card, &tensors).unwrap()).unwrap();
}

/// Returns the text with each run of spaces as one space: columns may become wider, what they say stays.
pub fn squeezed(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split(' ').filter(|word| !word.is_empty()));
    let lines = lines.map(|words| words.collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}
