//! What is wrong with a TOML text: where, what was expected, and what may have been meant.

use std::path::Path;

use super::figures::{NEW, OLD};
use crate::error::{Error, did_you_mean};

/// The error at its place in `text`.
pub fn explain(text: &str, origin: &Path, error: &toml::de::Error) -> Error {
    // Its place would be some line that is right.
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
    let what = match error.span() {
        Some(span) => {
            let (line, column) = place(text, span.start);
            let excerpt: String = text
                .lines()
                .nth(line - 1)
                .unwrap_or_default()
                .trim()
                .chars()
                .take(LONGEST)
                .collect();
            let excerpt = if excerpt.is_empty() {
                excerpt
            } else {
                format!(" (`{excerpt}`)")
            };
            // A terminal obeys control characters.
            let excerpt = excerpt.replace(char::is_control, "\u{fffd}");
            format!(
                "line {line}, column {column}: {}{excerpt}",
                sentence(error.message())
            )
        }
        None => sentence(error.message()),
    };
    hinted(Error::file(origin, what), error.message())
}

/// Returns the error of a value that was read before, without a place in a text.
pub fn explain_value(error: &toml::de::Error) -> Error {
    hinted(
        Error::request(sentence(&error.to_string())),
        error.message(),
    )
}

/// Characters of a line that are shown.
const LONGEST: usize = 120;

/// What serde and toml say, and what a person is told. The longer comes before what it begins with.
const PLAIN: [(&str, &str); 11] = [
    (
        "wanted exactly 1 element, more than 1 element",
        "one kind is to be chosen here, and several are",
    ),
    (
        "wanted exactly 1 element, found 0 elements",
        "one kind is to be chosen here, and none is",
    ),
    ("wanted string or table", "expected a text in quotes"),
    (
        "invalid type: unit variant, expected newtype variant",
        "expected a table, as in `[part.kind]`",
    ),
    ("expected usize", "expected a whole number of at least 0"),
    ("expected u64", "expected a whole number of at least 0"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("expected an array of length", "expected a list of length"),
    ("as i128", "(too large)"),
    ("floating point", "number"),
];

/// One line, in words that need no knowledge of Rust.
pub fn sentence(message: &str) -> String {
    let mut line = message
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ");
    for (theirs, ours) in PLAIN {
        line = line.replace(theirs, ours);
    }
    match line.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => line,
    }
}

/// The error, with the known name that is closest to the unknown one.
pub fn hinted(error: Error, message: &str) -> Error {
    match suggestion(message) {
        _ if message == OLD => error.with_hint(NEW),
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
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (before.matches('\n').count() + 1, column)
}
