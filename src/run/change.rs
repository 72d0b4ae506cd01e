//! A value that was changed in the course of a training.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A change of the config, or of something that follows from it, between two steps of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The number of steps that were done before the change.
    pub step: u64,
    /// The key in the config; `learning_rate` alone is the learning rate of the next step, and `weights` are the first
    /// weights.
    pub key: String,
    /// The value before, null if there was none.
    pub from: Value,
    /// The value after, null if there is none.
    pub to: Value,
}

impl Change {
    /// Returns a value in words.
    pub fn words(value: &Value) -> String {
        match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [from, to] = [&self.from, &self.to].map(Self::words);
        let Self { step, key, .. } = self;
        write!(f, "{key} is {to} after step {step}, {from} before")
    }
}
