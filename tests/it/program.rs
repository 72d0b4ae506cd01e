//! Runs the program as a person does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use vae::error::Error;
use vae::model::{NamedTensor, pack, unpack};
use vae::train::ModelFile;

/// Returns a command that runs in `folder`, which is also its home, independently of the
/// environment of the tests.
pub fn vae(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vae"));
    at_home(&mut command, folder);
    command.args(arguments);
    command
}

/// Returns the same command in a shell that limits files to a few kilobytes, like a full disk.
pub fn vae_on_a_full_disk(folder: &Path, arguments: &[&str]) -> Command {
    vae_in_a_shell(folder, "ulimit -f 8", arguments)
}

/// Returns a command that listens to signals as at a terminal, even if the tests run under `nohup` or in the background of
/// a script, which ignore some of them.
pub fn listening(command: &Command) -> Command {
    if !cfg!(target_os = "linux") {
        return copied(command, Command::new(command.get_program()));
    }
    let mut env = Command::new("env");
    env.arg("--default-signal=INT,TERM,HUP,XCPU")
        .arg(command.get_program());
    copied(command, env)
}

/// Returns `to` with the arguments, the environment and the folder of `command` added.
fn copied(command: &Command, mut to: Command) -> Command {
    to.args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    command
        .get_current_dir()
        .map(|folder| to.current_dir(folder));
    to
}

/// Returns the same command in a shell that first does `before`, such as setting a limit.
pub fn vae_in_a_shell(folder: &Path, before: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    at_home(&mut command, folder);
    let script = format!(r#"{before}; exec "$@""#);
    command
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_vae")])
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
        // The tests may run in a job of a cluster, whose number is not meant for `vae sweep`.
        "SLURM_ARRAY_TASK_ID",
        "JOB_COMPLETION_INDEX",
        "HQ_TASK_ID",
        "PARALLEL_SEQ",
        "PBS_ARRAY_INDEX",
        "SGE_TASK_ID",
        "AWS_BATCH_JOB_ARRAY_INDEX",
    ] {
        command.env_remove(name);
    }
    command
        .env("HOME", folder)
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .stdin(Stdio::null());
}

/// The results of a command that has ended.
#[derive(Debug)]
pub struct Done {
    /// `None` if a signal ended the command.
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

    /// Returns the only line on stdout of a command that succeeded.
    pub fn line(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        self.out.trim_end()
    }

    /// Asserts that the command ended with `code`, nothing on stdout, and an error that contains
    /// all of `parts`.
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

/// Returns a folder with a copy of a finished run of the preset `smoke`, `runs/smoke-1`, which is
/// trained once for all tests.
pub fn with_smoke_run() -> TempDir {
    static TRAINED: OnceLock<PathBuf> = OnceLock::new();
    let trained = TRAINED.get_or_init(|| {
        // One folder per process, because several may run at the same time.
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

/// Returns the error as printed, without the random name of the folder.
pub fn rendered(error: &Error, folder: &Path) -> String {
    assert_eq!(error.code(), 2);
    assert!(error.hint().is_some(), "no hint: {error}");
    error.render().replace(folder.to_str().unwrap(), "DIR")
}

/// Returns every file below `folder` by its path in it, sorted.
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

/// Returns the records of a run.
pub fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the records of a run without the times, which differ between runs, and without the
/// changes of the config, which only a run that was resumed with another config has.
pub fn timeless(run: &Path) -> Vec<Value> {
    let mut records = metrics(run);
    for record in &mut records {
        record.as_object_mut().unwrap().remove("changes");
        for key in ["seconds", "images_per_second", "timestamp"] {
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

/// Writes a small data set as the four files of MNIST; `seed` determines its images.
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

/// The arguments of `vae train --config smoke`.
pub const SMOKE: [&str; 3] = ["train", "--config", "smoke"];

/// The model file that it writes under its default name.
pub const MODEL: &str = "runs/smoke-1/model.safetensors";

pub fn train(folder: &Path, arguments: &[&str]) -> Done {
    run(folder, &[&SMOKE, arguments].concat())
}

/// Returns the tensors of a model file of the run `mine`.
pub fn tensors(place: &Path, name: &str) -> Vec<NamedTensor> {
    let path = place.join("runs/mine").join(name);
    ModelFile::read(&path).unwrap().tensors
}

pub fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

/// Rewrites the model file with changes to its card and tensors.
pub fn edited(folder: &Path, change: impl FnOnce(&mut Value, &mut Vec<NamedTensor>)) {
    let path = folder.join(MODEL);
    let (mut card, mut tensors) = unpack::<Value>(&path, &fs::read(&path).unwrap()).unwrap();
    change(&mut card, &mut tensors);
    fs::write(path, pack(&card, &tensors).unwrap()).unwrap();
}

/// Returns the text with each run of spaces as a single space, so that wider columns change
/// nothing.
pub fn squeezed(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split(' ').filter(|word| !word.is_empty()));
    let lines = lines.map(|words| words.collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns `work` of each item, in order, computed on all cores.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(item) = items.get(index)
                {
                    let result = work(item);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Returns the lines of an error that say under which names the files of a set were looked for.
pub fn names_tried(npz: &str) -> String {
    let lines = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]
        .map(|name| {
            let (short, format) = name.split_once("-idx").unwrap();
            format!(
                "\n  {name}-ubyte, {short}.idx{format}-ubyte, {short} (plain, or with .gz or .bin or .bin.gz, in upper or lower case)"
            )
        });
    format!("\nfor the four files{}\nor for {npz}", lines.concat())
}

/// Returns the metadata of a model file.
pub fn unpack_card(path: &Path) -> Value {
    unpack(path, &fs::read(path).unwrap()).unwrap().0
}
