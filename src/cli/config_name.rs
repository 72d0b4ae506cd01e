//! Names in a config that may be numbers: `label = 8` means the same as `label = "8"`.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

struct Name;

impl Visitor<'_> for Name {
    type Value = String;

    fn expecting(&self, text: &mut fmt::Formatter) -> fmt::Result {
        text.write_str("a text in quotes or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

/// Reads a name.
pub fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    from.deserialize_any(Name)
}

/// Reads an optional name.
pub fn optional_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    name(from).map(Some)
}
