//! The conditions of the sweep: each prepares a place, runs a command in it, and looks at every file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use vae::model::{pack, unpack};

use super::anonymous;
use super::command::Command;
use super::mounts::Mounts;
use crate::program::{Done, vae};
use crate::snapshot::{Snapshot, is_temporary, losses, snapshot};
use crate::tiny::with_tiny_runs;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    ReadOnly,
    FullDisk,
    MissingState,
    MissingModel,
    MissingMetrics,
    MovedRun,
    OtherFolder,
    DataGone,
    TwoAtOnce,
    HangupIgnored,
    Terminated,
    NotFinite,
    Closed,
}

use Condition::{
    Closed, DataGone, FullDisk, HangupIgnored, MissingMetrics, MissingModel, MissingState,
    MovedRun, NotFinite, OtherFolder, ReadOnly, Terminated, TwoAtOnce,
};

/// What a command did.
pub struct Found {
    /// The exit code, or the signal that ended the program; several, joined by a comma and a space.
    pub code: String,
    pub out: String,
    pub err: String,
    /// What is wrong with the files.
    pub losses: Vec<String>,
}

/// Epochs of a training that a signal is to find at work.
const LONG: &str = "60";

impl Condition {
    pub const ALL: [Self; 13] = [
        ReadOnly,
        FullDisk,
        MissingState,
        MissingModel,
        MissingMetrics,
        MovedRun,
        OtherFolder,
        DataGone,
        TwoAtOnce,
        HangupIgnored,
        Terminated,
        NotFinite,
        Closed,
    ];

    pub fn title(self) -> &'static str {
        match self {
            ReadOnly => "read-only run",
            FullDisk => "full disk",
            MissingState => "missing state",
            MissingModel => "missing model",
            MissingMetrics => "missing metrics",
            MovedRun => "moved run",
            OtherFolder => "other working folder",
            DataGone => "data folder gone",
            TwoAtOnce => "two at once",
            HangupIgnored => "SIGHUP ignored",
            Terminated => "SIGTERM",
            NotFinite => "NaN weights",
            Closed => "stdin/stdout closed",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            ReadOnly => "The folder `runs` is on a disk that is mounted read-only.",
            FullDisk => "The folder `runs` is on a disk without a free byte.",
            MissingState => {
                "The run has no `state.safetensors`. The new training asks for the name of the run."
            }
            MissingModel => {
                "The run has no `model.safetensors`. The new training asks for the name of the run."
            }
            MissingMetrics => {
                "The run has no `metrics.jsonl`. The new training asks for the name of the run."
            }
            MovedRun => "The run's folder was moved and renamed after it was trained and measured.",
            OtherFolder => "The command is run in another folder than the training was.",
            DataGone => "The folder that `--data` named is no longer there.",
            TwoAtOnce => "The same command runs twice at the same time.",
            HangupIgnored => {
                "The parent ignores SIGHUP and SIGINT (`nohup`, `&` in a script), and both arrive all the time."
            }
            Terminated => "SIGTERM arrives while the command works.",
            NotFinite => {
                "A weight is NaN: in the model, for `resume` in the state. The new training has a learning rate of 1e30."
            }
            Closed => {
                "The parent has closed stdin and stdout; and once more, with nobody reading what is printed."
            }
        }
    }

    pub fn needs_a_mount(self) -> bool {
        matches!(self, ReadOnly | FullDisk)
    }

    /// Runs the command under the condition.
    pub fn try_on(self, command: Command, mounts: Option<&Mounts>) -> Found {
        let place = Place::new();
        let mut arguments = command.arguments("mine", "");
        let mine = place.path().join("runs/mine");
        match self {
            ReadOnly | FullDisk => {
                let mode = if self == ReadOnly {
                    "read-only"
                } else {
                    "full"
                };
                let mounts = mounts.expect("only asked for where mounts are allowed");
                fs::rename(place.path().join("runs"), place.path().join("saved")).unwrap();
                for name in ["runs", "after"] {
                    fs::create_dir(place.path().join(name)).unwrap();
                }
                let done = place.wrapped(&mounts.words(mode, place.path()), &arguments);
                place.found(&[done], "after", &[undisturbed(command, &arguments)])
            }
            MissingState | MissingModel | MissingMetrics => {
                let name = match self {
                    MissingState => "state.safetensors",
                    MissingModel => "model.safetensors",
                    _ => "metrics.jsonl",
                };
                let mut place = place;
                fs::remove_file(mine.join(name)).unwrap();
                place.before = snapshot(&place.path().join("runs"));
                match command {
                    Command::Train => *arguments.last_mut().unwrap() = "mine".into(),
                    // A finished run gets its model again from its state.
                    Command::Resume if self == MissingModel => arguments.truncate(3),
                    _ => {}
                }
                let complete = if command == Command::Train {
                    Arc::default()
                } else {
                    undisturbed(command, &arguments)
                };
                let done = place.plain(&arguments);
                place.found(&[done], "runs", &[complete])
            }
            MovedRun => {
                let complete = undisturbed(command, &arguments);
                let moved = place.path().join("elsewhere/moved");
                fs::create_dir(place.path().join("elsewhere")).unwrap();
                fs::rename(&mine, &moved).unwrap();
                let arguments = command.arguments("elsewhere/moved", "");
                let mut done = place.plain(&arguments);
                done.out = done.out.replace("elsewhere/moved", "elsewhere/mine");
                if command != Command::Rm {
                    fs::rename(moved, mine).unwrap();
                }
                place.found(&[done], "runs", &[complete])
            }
            OtherFolder => {
                let complete = undisturbed(command, &arguments);
                let away = place.path().join("away");
                fs::create_dir(&away).unwrap();
                let arguments = command.arguments("../runs/mine", "../");
                let done = Done::of(vae(&away, &words(&arguments)).output().unwrap());
                assert!(
                    snapshot(&away).is_empty(),
                    "nothing goes to the working folder"
                );
                place.found(&[done], "runs", &[complete])
            }
            DataGone => {
                fs::remove_dir_all(place.path().join("data")).unwrap();
                let done = place.plain(&arguments);
                place.found(&[done], "runs", &[undisturbed(command, &arguments)])
            }
            TwoAtOnce => two_at_once(command, &arguments),
            HangupIgnored => {
                let script = r#"
trap "" HUP INT
"$@" &
child=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do kill -HUP $child; kill -INT $child; sleep 0.01; done 2>/dev/null
wait $child
"#;
                let prefix = ["sh", "-c", script, "sh"].map(str::to_owned);
                let done = place.wrapped(&prefix, &arguments);
                place.found(&[done], "runs", &[undisturbed(command, &arguments)])
            }
            Terminated => terminated(place, command, &arguments),
            NotFinite => {
                let mut place = place;
                match command {
                    Command::Train => {
                        arguments.extend(["--set", "train.learning_rate=1e30"].map(str::to_owned));
                    }
                    Command::Resume => spoil(&mine.join("state.safetensors")),
                    _ => spoil(&mine.join("model.safetensors")),
                }
                place.before = snapshot(&place.path().join("runs"));
                let done = place.plain(&arguments);
                place.found(&[done], "runs", &[undisturbed(command, &arguments)])
            }
            Closed => {
                let close = r#"exec "$@" <&- >&-"#;
                let prefix = ["sh", "-c", close, "sh"].map(str::to_owned);
                let closed = place.wrapped(&prefix, &arguments);
                let complete = undisturbed(command, &arguments);
                let first = place.found(&[closed], "runs", &[Arc::clone(&complete)]);

                let place = Place::new();
                let mut child = vae(place.path(), &words(&arguments))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                drop(child.stdout.take());
                let unread = Done::of(child.wait_with_output().unwrap());
                let mut second = place.found(&[unread], "runs", &[complete]);
                second.losses.extend(first.losses);
                if first.code != second.code {
                    second.code = format!("{}, {}", first.code, second.code);
                }
                second
            }
        }
    }
}

impl Found {
    /// Returns the messages of the command as a cell of the table.
    pub fn says(&self, command: Command) -> String {
        let kinds = ["error: ", "hint: ", "interrupted: ", "warning: ", "note: "];
        let is_message = |line: &&str| kinds.iter().any(|kind| line.starts_with(kind));
        let mut says: Vec<String> = Vec::new();
        let [product, part] = command.prints();
        if self.out.contains(part) {
            says.push(format!("(prints {product})"));
        }
        says.extend(self.err.lines().filter(is_message).map(str::to_owned));
        let marked = self.out.lines().filter(|line| line.starts_with("! "));
        says.extend(marked.map(str::to_owned));
        says.join("<br>")
    }
}

/// A copy of the tiny runs.
struct Place {
    folder: TempDir,
    /// The files of `runs` before the command.
    before: Snapshot,
}

impl Place {
    fn new() -> Self {
        let folder = with_tiny_runs();
        let before = snapshot(&folder.path().join("runs"));
        Self { folder, before }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn plain(&self, arguments: &[String]) -> Done {
        Done::of(vae(self.path(), &words(arguments)).output().unwrap())
    }

    /// Runs the command with other words in front of it.
    fn wrapped(&self, prefix: &[String], arguments: &[String]) -> Done {
        Done::of(self.wrapper(prefix, arguments).output().unwrap())
    }

    fn wrapper(&self, prefix: &[String], arguments: &[String]) -> std::process::Command {
        let plain = vae(self.path(), &[]);
        let mut command = std::process::Command::new(&prefix[0]);
        command
            .args(&prefix[1..])
            .arg(plain.get_program())
            .args(arguments);
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Returns what commands did, and to the files in `folder`. `complete` are what undisturbed commands
    /// leave.
    fn found(&self, done: &[Done], folder: &str, complete: &[Arc<Snapshot>]) -> Found {
        let after = snapshot(&self.path().join(folder));
        let complete: Vec<&Snapshot> = complete.iter().map(Arc::as_ref).collect();
        let mut losses = losses(&self.before, &after, &complete);
        if !after.contains_key("mine/metrics.jsonl")
            || !self.before.contains_key("mine/metrics.jsonl")
        {
            // Curves of lost records begin anew, as the warning says.
            losses.retain(|loss| !loss.starts_with("mine/curves."));
        }
        let temporary = after.keys().filter(|name| is_temporary(name));
        losses.extend(temporary.map(|name| format!("{name} is left behind")));
        let mut codes: Vec<String> = done.iter().map(code).collect();
        codes.sort();
        let join = |part: fn(&Done) -> &str| {
            let texts = done.iter().map(|done| anonymous(part(done), self.path()));
            texts.collect::<String>()
        };
        Found {
            code: codes.join(", "),
            out: join(|done| &done.out),
            err: join(|done| &done.err),
            losses,
        }
    }
}

fn code(done: &Done) -> String {
    done.code
        .map_or("SIGTERM".to_owned(), |code| code.to_string())
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Returns the files that the command leaves in `runs` if nothing disturbs it.
fn undisturbed(command: Command, arguments: &[String]) -> Arc<Snapshot> {
    static KNOWN: OnceLock<Mutex<HashMap<Vec<String>, Arc<Snapshot>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    if let Some(files) = known.lock().unwrap().get(arguments) {
        return Arc::clone(files);
    }
    let place = Place::new();
    let done = place.plain(arguments);
    // A training whose numbers break writes files, too.
    assert!(
        done.code == Some(0) || command == Command::Train,
        "vae {}: {}",
        arguments.join(" "),
        done.err
    );
    let files = Arc::new(snapshot(&place.path().join("runs")));
    known
        .lock()
        .unwrap()
        .insert(arguments.to_vec(), Arc::clone(&files));
    files
}

/// Makes the first weight of a model or a state NaN.
fn spoil(path: &Path) {
    let (card, mut tensors) = unpack::<Value>(path, &fs::read(path).unwrap()).unwrap();
    tensors[0].values[0] = f32::NAN;
    fs::write(path, pack(&card, &tensors).unwrap()).unwrap();
}

fn two_at_once(command: Command, arguments: &[String]) -> Found {
    let mut arguments = arguments.to_vec();
    if command == Command::Resume {
        // The second one must come while the first one is at work.
        *arguments.last_mut().unwrap() = LONG.into();
    }
    let arguments = &arguments[..];
    let mut found = None;
    // Two trainings are short, and on a busy machine one may end before the other begins.
    let tries = if command == Command::Resume { 40 } else { 5 };
    for _ in 0..tries {
        let place = Place::new();
        // Two that write different files show whether the files that are left belong together.
        let mut others = arguments.to_vec();
        if command == Command::Embed {
            others.extend(["--n", "20"].map(str::to_owned));
        }
        let start = |arguments: &[String]| {
            let mut program = vae(place.path(), &words(arguments));
            program.stdout(Stdio::piped()).stderr(Stdio::piped());
            program.spawn().unwrap()
        };
        let both = [start(arguments), start(&others)];
        let done = both.map(|child| Done::of(child.wait_with_output().unwrap()));
        let complete = [
            undisturbed(command, arguments),
            undisturbed(command, &others),
        ];
        let mut now = place.found(&done, "runs", &complete);
        if command == Command::Embed {
            let after = snapshot(&place.path().join("runs"));
            let is_from = |files: &Snapshot| {
                let mut latents = after.iter().filter(|(name, _)| name.contains("/latents."));
                latents.all(|(name, bytes)| files.get(name) == Some(bytes))
            };
            if !complete.iter().any(|files| is_from(files)) && now.code == "0, 0" {
                now.losses
                    .push("the latents.* are not of one command".into());
            }
        }
        let is_usual = now.losses.is_empty();
        let overlapped = command != Command::Resume || now.code != "0, 0";
        found = Some(now);
        // Once is no proof that a race is harmless; and trainings may have missed each other.
        if !is_usual || command == Command::Resume && overlapped {
            break;
        }
    }
    found.expect("tried at least once")
}

fn terminated(place: Place, command: Command, arguments: &[String]) -> Found {
    let mut arguments = arguments.to_vec();
    match command {
        Command::Train => arguments.extend(["--epochs", LONG].map(str::to_owned)),
        Command::Resume => *arguments.last_mut().unwrap() = LONG.into(),
        Command::Eval => arguments.extend(["--importance-samples", "100000"].map(str::to_owned)),
        _ => {}
    }
    let run = if command == Command::Train {
        "runs/fresh"
    } else {
        "runs/mine"
    };
    let length =
        |place: &Path| fs::metadata(place.join(run).join("metrics.jsonl")).map_or(0, |m| m.len());
    let before = length(place.path());
    let mut child = vae(place.path(), &words(&arguments))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    match command {
        Command::Train | Command::Resume => {
            let patience = Instant::now() + Duration::from_secs(30);
            while length(place.path()) <= before && child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < patience, "nothing is trained");
                thread::sleep(Duration::from_millis(1));
            }
        }
        Command::Eval => thread::sleep(Duration::from_millis(300)),
        _ => thread::sleep(Duration::from_millis(8)),
    }
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success() || child.try_wait().unwrap().is_some());
    let done = Done::of(child.wait_with_output().unwrap());
    match command {
        Command::Train | Command::Resume => {
            let go_on = ["train", "-q", "--resume", run].map(str::to_owned);
            let resumed = place.plain(&go_on);
            assert_eq!(resumed.code, Some(0), "{}", resumed.err);
            place.found(&[done], "runs", &[undisturbed(command, &arguments)])
        }
        Command::Eval => {
            let undisturbed = undisturbed(command, &command.arguments("mine", ""));
            place.found(&[done], "runs", &[undisturbed])
        }
        _ => {
            let complete = undisturbed(command, &arguments);
            let mut found = place.found(&[done], "runs", &[Arc::clone(&complete)]);
            // A command that is ended while it writes leaves a partial file or its lock, which the next command removes.
            let is_temporary = |loss: &String| {
                [".partial", ".replacing"]
                    .iter()
                    .any(|name| loss.contains(name))
            };
            found.losses.retain(|loss| !is_temporary(loss));
            let mut again = place.found(&[place.plain(&arguments)], "runs", &[complete]);
            found
                .losses
                .iter()
                .for_each(|loss| again.losses.push(loss.clone()));
            Found {
                losses: again.losses,
                ..found
            }
        }
    }
}
