//! The keys of earlier versions that have new names.

use toml::{Table, Value};

/// The renamed keys: the old key and what to write instead, one per line.
const RENAMED: &[(&str, &str)] = &[
    ("train.rate", "train.learning_rate"),
    ("model.mlp.code_activation", "model.mlp.latent_activation"),
    ("model.conv.code_activation", "model.conv.latent_activation"),
];

/// Returns a sentence that names the new key for an old key, or `None` if the key was not renamed.
pub fn renamed(key: &str) -> Option<String> {
    let (old, new) = RENAMED.iter().find(|(old, _)| *old == key)?;
    Some(format!("`{old}` is called `{new}` now"))
}

/// Returns the same sentence if toml's error, `message`, is about an old key in the text of a config.
pub fn renamed_in(text: &str, message: &str) -> Option<String> {
    let unknown = message.strip_prefix("unknown field `")?.split('`').next()?;
    let table: Table = toml::from_str(text).ok()?;
    RENAMED
        .iter()
        .filter(|(old, _)| old.rsplit('.').next() == Some(unknown))
        .find(|(old, _)| holds(&table, old))
        .and_then(|(old, _)| renamed(old))
}

fn holds(table: &Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((first, rest)) => table
            .get(first)
            .and_then(Value::as_table)
            .is_some_and(|inner| holds(inner, rest)),
    }
}
