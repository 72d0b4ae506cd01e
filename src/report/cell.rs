//! One value of a report, with the number of digits for readers.

use serde_json::Value;

use super::short_number::byte_size;
use crate::eval::Estimate;

/// A value in a row or a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A mean and its standard error.
    Estimate {
        value: Option<Estimate>,
        digits: usize,
    },
    Number {
        value: Option<f64>,
        digits: usize,
    },
    /// A share, which the text shows in percent.
    Share(Option<f64>),
    Count(usize),
    /// A number of bytes, which the text shows with a unit.
    Bytes(u64),
    Flag(bool),
    Text(String),
    /// A value for the JSON, and the words that the text shows instead.
    Said(Value, String),
}

/// The text for a missing value.
pub const MISSING: &str = "–";

impl Cell {
    pub fn estimate(value: Option<Estimate>, digits: usize) -> Self {
        Self::Estimate { value, digits }
    }

    pub fn number(value: impl Into<Option<f64>>, digits: usize) -> Self {
        Self::Number {
            value: value.into(),
            digits,
        }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns a text, or null in the JSON for `None`.
    pub fn optional_text(text: Option<&str>) -> Self {
        match text {
            Some(text) => Self::text(text),
            None => Self::Said(Value::Null, MISSING.to_owned()),
        }
    }

    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Estimate { value: None, .. }
                | Self::Number { value: None, .. }
                | Self::Share(None)
        )
    }

    /// Returns whether the value is aligned to the right end of its column, as numbers are.
    pub(super) fn is_number(&self) -> bool {
        !matches!(self, Self::Flag(_) | Self::Text(_) | Self::Said(..))
    }

    /// Returns the text of the value.
    pub fn render(&self) -> String {
        match self {
            Self::Estimate {
                value: Some(value),
                digits,
            } => format!("{:.digits$} {}", value.mean, value.plus_minus(*digits)),
            Self::Number {
                value: Some(value),
                digits,
            } => format!("{value:.digits$}"),
            Self::Share(Some(share)) => format!("{:.0} %", 100.0 * share),
            Self::Estimate { .. } | Self::Number { .. } | Self::Share(_) => MISSING.to_owned(),
            Self::Count(count) => count.to_string(),
            Self::Bytes(bytes) => byte_size(*bytes),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Text(text) | Self::Said(_, text) => text.clone(),
        }
    }

    /// Calls `add` with the key and the value of each JSON field: two fields for an estimate, otherwise one.
    pub(super) fn fields(&self, key: &str, add: &mut dyn FnMut(String, Value)) {
        match self {
            Self::Estimate { value, .. } => {
                add(key.to_owned(), value.map(|value| value.mean).into());
                add(format!("{key}_se"), value.and_then(|value| value.se).into());
            }
            Self::Number { value, .. } | Self::Share(value) => add(key.to_owned(), (*value).into()),
            Self::Count(count) => add(key.to_owned(), (*count).into()),
            Self::Bytes(bytes) => add(key.to_owned(), (*bytes).into()),
            Self::Flag(flag) => add(key.to_owned(), (*flag).into()),
            Self::Text(text) => add(key.to_owned(), text.clone().into()),
            Self::Said(value, _) => add(key.to_owned(), value.clone()),
        }
    }
}
