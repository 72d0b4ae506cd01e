//! Keys of earlier versions.

use toml::{Table, Value};

/// Keys that have another name today: the old one, and what to write now. A line each.
const RENAMED: &[(&str, &str)] = &[
    ("train.rate", "train.learning_rate"),
    ("model.mlp.code_activation", "model.mlp.latent_activation"),
    ("model.conv.code_activation", "model.conv.latent_activation"),
];

/// Returns a sentence that names the new key for an old one.
pub fn renamed(key: &str) -> Option<String> {
    let (old, new) = RENAMED.iter().find(|(old, _)| *old == key)?;
    Some(format!("`{old}` is called `{new}` now"))
}

/// Returns such a sentence for the first old key in a config's text.
pub fn renamed_in(text: &str) -> Option<String> {
    let table: Table = toml::from_str(text).ok()?;
    RENAMED
        .iter()
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
