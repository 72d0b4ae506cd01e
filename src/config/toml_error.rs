//! Errors in a TOML text: toml's own message with its position, and a hint.

use std::path::Path;

use super::figures::{NAME_A_KIND, NEW, NO_KIND, OLD};
use super::renamed::renamed_in;
use super::type_words::in_words;
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
    let explained = Error::file(origin, printable(&with_words(error)));
    let hint = renamed_in(text, error.message()).or_else(|| typeset(text, error));
    match hint {
        Some(hint) => explained.with_hint(hint),
        None => with_suggestion(explained, error.message()),
    }
}

/// The characters that a word processor or a web page puts in the place of plain ones, and the plain ones.
const TYPESET: &[(char, &str)] = &[
    ('\u{201c}', "`\"`"),
    ('\u{201d}', "`\"`"),
    ('\u{201e}', "`\"`"),
    ('\u{2018}', "`'`"),
    ('\u{2019}', "`'`"),
    ('\u{2013}', "`-`"),
    ('\u{2212}', "`-`"),
    ('\u{a0}', "a plain space"),
    ('\u{200b}', "nothing"),
    ('\u{feff}', "nothing"),
];

/// Returns a hint if the line of a mistake holds a character that an editor has put in the place of a plain one.
fn typeset(text: &str, error: &toml::de::Error) -> Option<String> {
    let (before, after) = text.split_at_checked(error.span()?.start)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let length = after.find('\n').unwrap_or(after.len());
    let line = &text[start..before.len() + length];
    let code = line.split('#').next()?;
    let (found, plain) = TYPESET.iter().find(|(found, _)| code.contains(*found))?;
    Some(format!(
        "line {} has the character U+{:04X}, which a word processor writes: type {plain} in its place",
        before.matches('\n').count() + 1,
        u32::from(*found)
    ))
}

/// Returns the error for a value without a position in a text, because the text was parsed before.
pub fn explain_value(error: &toml::de::Error) -> Error {
    with_suggestion(
        Error::request(one_line(&with_words(error))),
        error.message(),
    )
}

/// Returns toml's whole text about an error, with the message in words.
fn with_words(error: &toml::de::Error) -> String {
    error
        .to_string()
        .replace(error.message(), &in_words(error.message()))
}

/// Returns a message with its lines joined.
pub fn one_line(message: &str) -> String {
    message.trim_end().lines().collect::<Vec<_>>().join("; ")
}

/// Returns the error with the known name that is closest to the unknown one.
pub fn with_suggestion(error: Error, message: &str) -> Error {
    let hint = match suggestion(message) {
        _ if message == OLD => NEW.to_owned(),
        _ if message == NO_KIND => NAME_A_KIND.to_owned(),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn a_character_of_a_word_processor_is_named_with_its_line() {
        for (text, named) in [
            (
                "seed = 1\n[data.digits]\npixels = \u{201c}dynamic\u{201d}\n",
                "line 3 has the character U+201C, which a word processor writes: type `\"` in its place",
            ),
            ("seed = \u{2212}1", "line 1 has the character U+2212"),
            ("seed\u{a0}= 1", "line 1 has the character U+00A0"),
        ] {
            let error = Config::parse(text, Path::new("a.toml")).unwrap_err();
            assert!(
                error.hint().is_some_and(|hint| hint.contains(named)),
                "{}",
                error.render()
            );
        }
    }

    #[test]
    fn such_a_character_in_a_comment_is_no_mistake() {
        let text = "seed = 1 # \u{201c}one\u{201d}\n[data.digits]\nepochs = 1\n";
        let error = Config::parse(text, Path::new("a.toml")).unwrap_err();
        let hint = error.hint().unwrap_or_default();
        assert!(!hint.contains("U+"), "{hint}");
    }
}
