//! The one error type: what failed, where, what to do about it, and the exit code.

use std::fmt::Display;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the program stops. [`Error::code`] is the process's exit code; [`Error::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong: an argument, a value in a config, a name that does not exist.
    #[error("{what}")]
    Request { what: String, hint: Option<String> },

    /// A file that a person named, or that was looked for, is missing or not what was expected.
    #[error("{}: {what}", path.display())]
    File {
        path: PathBuf,
        what: String,
        hint: Option<String>,
    },

    /// The request was right and the run failed: a full disk, a loss that is not a number.
    #[error("{what}")]
    Failed { what: String, hint: Option<String> },

    /// Stopped by Ctrl-C or a termination signal, with the state saved.
    #[error("{what}")]
    Interrupted { what: String, hint: Option<String> },
}

impl Error {
    pub fn request(what: impl Display) -> Self {
        Self::Request {
            what: what.to_string(),
            hint: None,
        }
    }

    pub fn file(path: impl AsRef<Path>, what: impl Display) -> Self {
        Self::File {
            path: path.as_ref().to_path_buf(),
            what: what.to_string(),
            hint: None,
        }
    }

    pub fn failed(what: impl Display) -> Self {
        Self::Failed {
            what: what.to_string(),
            hint: None,
        }
    }

    pub fn interrupted(what: impl Display) -> Self {
        Self::Interrupted {
            what: what.to_string(),
            hint: None,
        }
    }

    /// The same error with a line that says what to do.
    #[must_use]
    pub fn with_hint(mut self, text: impl Display) -> Self {
        let (Self::Request { hint, .. }
        | Self::File { hint, .. }
        | Self::Failed { hint, .. }
        | Self::Interrupted { hint, .. }) = &mut self;
        *hint = Some(text.to_string());
        self
    }

    pub fn hint(&self) -> Option<&str> {
        let (Self::Request { hint, .. }
        | Self::File { hint, .. }
        | Self::Failed { hint, .. }
        | Self::Interrupted { hint, .. }) = self;
        hint.as_deref()
    }

    /// 1: the run failed. 2: the request is wrong. 130: interrupted, state saved.
    pub fn code(&self) -> u8 {
        match self {
            Self::Request { .. } | Self::File { .. } => 2,
            Self::Failed { .. } => 1,
            Self::Interrupted { .. } => 130,
        }
    }

    /// What a person reads on stderr: the message, then the hint on a line of its own.
    pub fn render(&self) -> String {
        let kind = if matches!(self, Self::Interrupted { .. }) {
            "interrupted"
        } else {
            "error"
        };
        match self.hint() {
            Some(hint) => format!("{kind}: {self}\nhint: {hint}"),
            None => format!("{kind}: {self}"),
        }
    }
}

/// The candidate closest to `word`, if it is close enough to be a slip of the pen.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        // The similarity of words of three letters does not see that two were exchanged.
        .filter(|(score, candidate)| {
            *score > 0.8 || word.len() > 2 && strsim::osa_distance(word, candidate) == 1
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_file_and_ends_with_the_hint() {
        let error =
            Error::file("a/b.toml", "line 3: no such key").with_hint("did you mean `batch`?");
        assert_eq!(
            error.render(),
            "error: a/b.toml: line 3: no such key\nhint: did you mean `batch`?"
        );
        assert_eq!(error.code(), 2);
    }

    #[test]
    fn exit_codes_tell_a_wrong_request_from_a_failed_run() {
        assert_eq!(Error::request("x").code(), 2);
        assert_eq!(Error::failed("x").code(), 1);
        assert_eq!(Error::interrupted("x").code(), 130);
    }

    #[test]
    fn a_suggestion_is_made_only_when_close() {
        assert_eq!(did_you_mean("bacth", ["batch", "epochs"]), Some("batch"));
        assert_eq!(did_you_mean("zebra", ["batch", "epochs"]), None);
    }
}
