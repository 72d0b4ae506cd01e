//! The sweep: every command under every condition that once lost work or said nothing. Each cell has
//! its exit code, a sentence that names the file and the remedy, and no lost byte. The table of what
//! was found is `tests/sweep.md`; `SWEEP=overwrite` rewrites it.
#![cfg(target_os = "linux")]

mod command;
mod condition;
mod expected;
mod mounts;

use command::Command;
use condition::{Condition, Found};
use expected::expected;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::program::in_parallel;

/// The committed table.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sweep.md");

const INTRODUCTION: &str = "\
# Every command under every condition

Written by the test `sweep` (`SWEEP=overwrite cargo test --release --test it -- sweep` rewrites it). The test runs each command on \
a tiny run under each condition. It compares the exit code and the messages with this table, and every file with what it was \
before: a command adds or replaces whole files, and loses none; `rm` removes the whole run or nothing. `SIGTERM` as an exit code means that the signal ended the program, \
which a shell reports as 143. Two exit codes are those of two commands that ran at the same time.
";

#[test]
fn every_command_under_every_condition_keeps_every_byte_and_names_the_remedy() {
    let cells: Vec<(Condition, Command)> = Condition::ALL
        .into_iter()
        .flat_map(|condition| Command::ALL.map(|command| (condition, command)))
        .collect();
    assert_eq!(cells.len(), 117);
    let mounts = mounts::find();
    let found = in_parallel(&cells, |&(condition, command)| {
        if condition.needs_a_mount() && mounts.is_none() {
            return None;
        }
        Some(condition.try_on(command, mounts.as_ref()))
    });

    let mut faults = String::new();
    for ((condition, command), found) in cells.iter().zip(&found) {
        let Some(found) = found else { continue };
        let wrong = expected(*condition, *command).faults(found, *command);
        if !wrong.is_empty() {
            let place = format!("{} x {}", command.title(), condition.title());
            let err = found.err.lines().collect::<Vec<_>>().join("\n    ");
            writeln!(faults, "{place}: {}\n    {err}", wrong.join("; ")).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    if mounts.is_none() {
        eprintln!(
            "skipped: the columns of a read-only run and a full disk, and the table, because this \
             machine allows no mounts in a namespace (`unshare -Urm`)"
        );
        return;
    }
    let table = table(&cells, &found);
    if std::env::var("SWEEP").as_deref() == Ok("overwrite") {
        fs::write(TABLE, &table).unwrap();
    }
    let committed = fs::read_to_string(TABLE).unwrap_or_default();
    for (number, (line, old)) in table.lines().zip(committed.lines()).enumerate() {
        assert_eq!(line, old, "tests/sweep.md, line {}", number + 1);
    }
    assert!(table == committed, "tests/sweep.md is not what was found");
}

fn table(cells: &[(Condition, Command)], found: &[Option<Found>]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut last = None;
    for ((condition, command), found) in cells.iter().zip(found) {
        let found = found.as_ref().expect("no column was skipped");
        if last.replace(*condition) != Some(*condition) {
            write!(
                text,
                "\n## {}\n\n{}\n\n| command | exit code | says |\n|---|---|---|\n",
                condition.title(),
                condition.description()
            )
            .unwrap();
        }
        let expected = expected(*condition, *command);
        let (code, says) = match expected.racy {
            Some(says) => (expected.codes.join(" or "), says.to_owned()),
            None => (found.code.clone(), found.says(*command)),
        };
        let says = says.replace('|', "\\|");
        writeln!(text, "| {} | {code} | {says} |", command.title()).unwrap();
    }
    text
}

/// Returns the text without the place of the test, and with short hashes.
fn anonymous(text: &str, place: &Path) -> String {
    let mut parts = text.split("md5:");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        result += "md5:...";
        result += rest;
    }
    let real = place.canonicalize().unwrap();
    result
        .replace(real.to_str().unwrap(), "DIR")
        .replace(place.to_str().unwrap(), "DIR")
}
