//! Errors in a TOML text: toml's own message with its position, and a hint.

use std::path::Path;

use super::figures::{NEW, OLD};
use super::renamed::renamed_in;
use crate::error::{Error, did_you_mean};

/// The largest number of characters shown of a line of the file.
const LONGEST_LINE: usize = 160;

/// Returns toml's error, which shows the line and points at the position, with the name of the file and a hint.
pub fn explain(text: &str, origin: &Path, error: &toml::de::Error) -> Error {
    // For these mistakes toml would point at a line that is correct.
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
    match renamed_in(text, error.message()) {
        Some(renamed) => explained.with_hint(renamed),
        None => with_suggestion(explained, error.message()),
    }
}

/// Returns the error for a value without a position in a text, because the text was parsed before.
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

/// Returns the known name closest to the unknown one in a message such as "unknown field `bacth`, expected one of
/// `batch`, `epochs`".
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    did_you_mean(unknown, quoted)
}

/// Returns a message that is safe to show in a terminal: without control characters, which a terminal would execute,
/// and without long lines of the file.
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
