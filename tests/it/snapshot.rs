//! The files of a folder at one moment, and the comparison of two such moments: a command adds or
//! replaces whole files, and loses none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use vae::config::Config;
use vae::train::{Checkpoint, ModelFile};

use crate::program::files;

/// The contents of every file, by its path in the folder.
pub type Snapshot = BTreeMap<String, Vec<u8>>;

/// Files whose bytes contain times or places, so that two equal commands write different ones.
const VOLATILE: [&str; 4] = [
    "about.json",
    "metrics.jsonl",
    "report.json",
    "state.safetensors",
];

/// Returns the files below `folder`; none if it does not exist.
pub fn snapshot(folder: &Path) -> Snapshot {
    if !folder.is_dir() {
        return Snapshot::new();
    }
    let names = files(folder).into_iter();
    names
        .map(|name| {
            let bytes = fs::read(folder.join(&name)).unwrap();
            (name, bytes)
        })
        .collect()
}

/// Returns whether the bytes of the file `name` differ between two equal commands.
fn is_volatile(name: &str) -> bool {
    VOLATILE.contains(&name.rsplit('/').next().unwrap())
}

/// Returns whether the file `name` is a temporary one, which its owner renames.
pub fn is_temporary(name: &str) -> bool {
    name.rsplit('/').next().unwrap().starts_with('.')
}

/// Returns every loss: a file of `before` that is gone, or changed into something other than the file of
/// one of the snapshots `complete`, which commands that nobody disturbed left behind; or a new file
/// that none of these has, or that is not whole.
pub fn losses(before: &Snapshot, after: &Snapshot, complete: &[&Snapshot]) -> Vec<String> {
    let mut losses = Vec::new();
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (old, new) = (before.get(name), after.get(name));
        let known: Vec<&Vec<u8>> = complete
            .iter()
            .filter_map(|files| files.get(name))
            .collect();
        let Some(found) = new else {
            // A command that removes a run removes all of it.
            let run = name.split('/').next().unwrap();
            let is_run = |other: &&String| other.split('/').next() == Some(run);
            if complete.is_empty()
                || complete
                    .iter()
                    .any(|files| files.keys().any(|name| is_run(&name)))
            {
                losses.push(format!("{name} is gone"));
            } else if let Some(left) = after.keys().find(is_run) {
                losses.push(format!("{name} is gone, and {left} is not"));
            }
            continue;
        };
        if old == new || known.contains(&found) {
            continue;
        }
        if known.iter().all(|known| Some(*known) == old) {
            losses.push(match old {
                Some(_) => format!("{name} was replaced, which this command never does"),
                None => format!("{name} is new, and this command writes no such file"),
            });
        } else if !is_volatile(name) {
            losses.push(format!(
                "{name} is neither the old file nor the new one ({} bytes)",
                found.len()
            ));
        } else if let Some(fault) = fault_of(name, found).or_else(|| forgotten(name, found, old)) {
            losses.push(format!("{name} is not whole: {fault}"));
        }
    }
    losses
}

/// Returns what is wrong with a file, by reading it as the program does.
pub fn fault_of(name: &str, bytes: &[u8]) -> Option<String> {
    let path = Path::new(name);
    let text = String::from_utf8_lossy(bytes);
    let last = name.rsplit('/').next().unwrap();
    match last.rsplit('.').next().unwrap() {
        "safetensors" if last.starts_with("state") => {
            Some(Checkpoint::parse(path, bytes).err()?.render())
        }
        "safetensors" => Some(ModelFile::parse(path, bytes).err()?.render()),
        "toml" => Some(Config::parse(&text, path).err()?.render()),
        "jsonl" => {
            if !text.is_empty() && !text.ends_with('\n') {
                return Some("its last line has no end".into());
            }
            let mut lines = text.lines();
            lines.find_map(|line| Some(serde_json::from_str::<Value>(line).err()?.to_string()))
        }
        "json" if text.ends_with("}\n") => {
            Some(serde_json::from_str::<Value>(&text).err()?.to_string())
        }
        "png" if bytes.starts_with(b"\x89PNG") && bytes.ends_with(b"IEND\xaeB`\x82") => None,
        "gif" if bytes.starts_with(b"GIF89a") && bytes.ends_with(b";") => None,
        "svg" if text.starts_with("<svg") && text.ends_with("</svg>\n") => None,
        _ => Some(format!("it does not begin and end as a .{last} does")),
    }
}

/// Returns what is wrong with records that do not begin with the earlier ones.
fn forgotten(name: &str, bytes: &[u8], old: Option<&Vec<u8>>) -> Option<String> {
    let is_lost = name.ends_with(".jsonl") && !old.is_none_or(|old| bytes.starts_with(old));
    is_lost.then(|| "earlier records are changed".into())
}
