//! A table that a config may have, and that is no part of the experiment.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// The place of the table `[published]`, which is not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnoredTable;

impl<'de> Deserialize<'de> for IgnoredTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}
