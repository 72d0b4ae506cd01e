//! What is wrong with a TOML text: where, what was expected, and what may have been meant.

use std::path::Path;

use crate::error::{Error, did_you_mean};

/// The error at its place in `text`.
pub fn explain(text: &str, origin: &Path, error: &toml::de::Error) -> Error {
    let what = match error.span() {
        Some(span) => {
            let (line, column) = place(text, span.start);
            let excerpt = text.lines().nth(line - 1).unwrap_or_default().trim();
            format!("line {line}, column {column}: {} (`{excerpt}`)", sentence(error.message()))
        }
        None => sentence(error.message()),
    };
    hinted(Error::file(origin, what), error.message())
}

/// One line, whatever serde and toml make of it.
pub fn sentence(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// The error, with the known name that is closest to the unknown one.
pub fn hinted(error: Error, message: &str) -> Error {
    match suggestion(message) {
        Some(near) => error.with_hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// In "unknown field `bacth`, expected one of `batch`, `rate`", the known name closest to the unknown one.
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    did_you_mean(unknown, quoted)
}

/// Line and column, both from 1, of a byte.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
