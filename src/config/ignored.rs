//! A table that a config may have and that is not part of the experiment.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A field for the table `[published]`, whose contents are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnoredTable;

impl<'de> Deserialize<'de> for IgnoredTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}
