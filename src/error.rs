//! The one error type: what failed, where, what to do about it, and the exit code.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

mod shell_word;

pub use shell_word::shell_word;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why the program stops. [`Error::code`] is the exit code of the process; [`Error::hint`] says what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    /// The file that the message is about.
    path: Option<PathBuf>,
    what: String,
    hint: Option<String>,
}

/// The kinds of errors, which decide the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong: an argument, a value in a config, a name that does not exist.
    Request,
    /// A file that the user named, or that the program looked for, is missing or has unexpected contents.
    File,
    /// The request was right and the run failed: a full disk, a loss that is not a number.
    Failed,
    /// Stopped by Ctrl-C or a termination signal, with the state saved.
    Interrupted,
    /// Nothing failed, and something was found that the caller asked to be told of by the exit code.
    Found,
}

impl Error {
    fn new(kind: ErrorKind, what: impl Display) -> Self {
        Self {
            kind,
            path: None,
            what: what.to_string(),
            hint: None,
        }
    }

    /// Makes the error of a wrong request.
    pub fn request(what: impl Display) -> Self {
        Self::new(ErrorKind::Request, what)
    }

    /// Makes the error of a file.
    pub fn file(path: impl AsRef<Path>, what: impl Display) -> Self {
        Self {
            path: Some(path.as_ref().to_path_buf()),
            ..Self::new(ErrorKind::File, what)
        }
    }

    /// Makes the error of a run that failed.
    pub fn failed(what: impl Display) -> Self {
        Self::new(ErrorKind::Failed, what)
    }

    /// Makes the error of a run that was stopped.
    pub fn interrupted(what: impl Display) -> Self {
        Self::new(ErrorKind::Interrupted, what)
    }

    /// Makes the end of a command that found what its caller asked to be told of.
    pub fn found(what: impl Display) -> Self {
        Self::new(ErrorKind::Found, what)
    }

    /// Returns the same error with a line that says what to do.
    #[must_use]
    pub fn with_hint(mut self, text: impl Display) -> Self {
        self.hint = Some(text.to_string());
        self
    }

    /// Returns the same error with the name of the place that asked for it in front of the message.
    #[must_use]
    pub fn inside(self, place: &str) -> Self {
        Self {
            kind: self.kind,
            what: format!("{place}: {self}"),
            path: None,
            hint: self.hint,
        }
    }

    /// Returns the error with exit code 1, and `what` before its message.
    #[must_use]
    pub fn failing(self, what: &str) -> Self {
        Self {
            kind: ErrorKind::Failed,
            ..self.inside(what)
        }
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the exit code: 1 for a failed run, 2 for a wrong request, 3 if something was found, 130 for an interrupted run
    /// whose state is saved.
    pub fn code(&self) -> u8 {
        match self.kind {
            ErrorKind::Request | ErrorKind::File => 2,
            ErrorKind::Failed => 1,
            ErrorKind::Found => 3,
            ErrorKind::Interrupted => 130,
        }
    }

    /// Returns the text for stderr: the message, and then the hint on a separate line.
    pub fn render(&self) -> String {
        let kind = match self.kind {
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Found => "found",
            _ => "error",
        };
        match self.hint() {
            Some(hint) => format!("{kind}: {self}\nhint: {hint}"),
            None => format!("{kind}: {self}"),
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}

/// Returns the candidate closest to `word`, if it is close enough to be a misspelling.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        // The Jaro-Winkler similarity misses swapped letters in three-letter words.
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
    fn only_a_close_candidate_is_suggested() {
        assert_eq!(did_you_mean("bacth", ["batch", "epochs"]), Some("batch"));
        assert_eq!(did_you_mean("zebra", ["batch", "epochs"]), None);
    }
}
