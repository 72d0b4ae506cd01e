//! What is wrong with a TOML text: toml's own message with its place, and a hint.

use std::path::Path;

use super::figures::{NEW, OLD};
use super::renamed::renamed_in;
use crate::error::{Error, did_you_mean};

/// Characters of a line of the file that are shown.
const LONGEST_LINE: usize = 160;

/// Returns toml's error, which shows the line and points at the place, with the file's name and a hint.
pub fn explain(text: &str, origin: &Path, error: &toml::de::Error) -> Error {
    // toml would point at a line that is right.
    for (part, kinds) in [
        ("data", "`[data.digits]` or `[data.mnist]`"),
        ("model", "`[model.mlp]` or `[model.conv]`"),
    ] {
        if error.message() == format!("missing field `{part}`") {
            return Error::file(
                origin,
                format!("has no {part}; expected a table such as {kinds}"),
            )
            .with_hint("`vae config` prints a whole config to start from");
        }
    }
    let explained = Error::file(origin, printable(&error.to_string()));
    match renamed_in(text) {
        Some(renamed) => explained.with_hint(renamed),
        None => with_suggestion(explained, error.message()),
    }
}

/// Returns the error of a value that was read before, without a place in a text.
pub fn explain_value(error: &toml::de::Error) -> Error {
    with_suggestion(
        Error::request(one_line(&error.to_string())),
        error.message(),
    )
}

/// Returns a message with its lines joined.
pub fn one_line(message: &str) -> String {
    message.trim_end().lines().collect::<Vec<_>>().join("; ")
}

/// Returns the error with the known name that is closest to the unknown one.
pub fn with_suggestion(error: Error, message: &str) -> Error {
    let hint = match suggestion(message) {
        _ if message == OLD => NEW.to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None if message.starts_with("wanted exactly 1 element") => {
            "choose one kind here, as in `[data.digits]`".to_owned()
        }
        None if message.contains("expected newtype variant") => {
            "write a table, as in `[data.digits]`".to_owned()
        }
        None => return error,
    };
    error.with_hint(hint)
}

/// Returns the known name closest to the unknown one in a message such as "unknown field `bacth`, expected one of `batch`,
/// `epochs`".
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    did_you_mean(unknown, quoted)
}

/// Returns a message as a terminal can show it: without control characters, which it would obey, and
/// without long lines of the file.
fn printable(message: &str) -> String {
    let lines = message.trim_end().lines().map(|line| {
        // "12 | batch = 64": toml quotes a line of the file after its number.
        let quotes = line
            .split_once(" | ")
            .is_some_and(|(number, _)| number.chars().all(|c| c.is_ascii_digit() || c == ' '));
        let longest = if quotes { LONGEST_LINE } else { usize::MAX };
        let shown: String = line.chars().take(longest).collect();
        shown.replace(char::is_control, "\u{fffd}")
    });
    lines.collect::<Vec<_>>().join("\n")
}
