//! Faults in the bytes of a data file.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::Error;
use crate::files;

/// A reason why bytes are not what was asked for.
#[derive(Debug)]
pub enum Fault {
    /// The bytes were read, and are something else.
    Content { what: String, hint: &'static str },
    /// The bytes could not be read.
    Read(io::Error),
}

impl Fault {
    pub(super) fn content(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Content {
            what: what.into(),
            hint,
        }
    }

    /// Returns the fault of a failed read, which in a gzip may be the gzip's; `context` tells how far it came.
    pub(super) fn reading(
        error: io::Error,
        zipped: bool,
        context: impl FnOnce() -> String,
    ) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof if zipped => {
                Self::content(format!("the gzip ends early: {}", context()), DAMAGED)
            }
            ErrorKind::InvalidData if zipped => {
                Self::content(format!("{error}: {}", context()), DAMAGED)
            }
            _ => Self::Read(error),
        }
    }

    /// Returns the same fault with the name of the part of the file that it is in.
    pub(super) fn inside(self, part: &str) -> Self {
        match self {
            Self::Content { what, hint } => Self::content(format!("{part}: {what}"), hint),
            Self::Read(error) => Self::Read(error),
        }
    }

    /// Returns the error of a file.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Content { what, hint } => Error::file(path, what).with_hint(hint),
            Self::Read(error) => files::unreadable(path, &error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { what, .. } => f.write_str(what),
            Self::Read(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

pub(super) const DAMAGED: &str = "the file was cut short or damaged on its way: get it again";
pub(super) const ANOTHER_FILE: &str =
    "this is another kind of file: put the one that is meant in its place";
