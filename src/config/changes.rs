//! The comparison of two configs, key by key.

use serde_json::{Map, Value};

use super::Config;
use crate::error::{Error, Result};
use crate::run::Change;

/// Returns the keys whose values differ, with both values, as changes after `step` steps.
///
/// Another kind of a part is one change: `schedule`, from `{"constant": …}` to `{"cosine": …}`.
pub fn changes(from: &Config, to: &Config, step: u64) -> Result<Vec<Change>> {
    let value = |config: &Config| serde_json::to_value(config).map_err(Error::failed);
    let mut found = Vec::new();
    compare(String::new(), &value(from)?, &value(to)?, step, &mut found);
    Ok(found)
}

fn compare(key: String, from: &Value, to: &Value, step: u64, found: &mut Vec<Change>) {
    if from == to {
        return;
    }
    if let (Value::Object(from), Value::Object(to)) = (from, to)
        && !is_another_kind(from, to)
    {
        let added = to.keys().filter(|key| !from.contains_key(*key));
        for inner in from.keys().chain(added) {
            let [from, to] = [from, to].map(|table| table.get(inner).unwrap_or(&Value::Null));
            let path = if key.is_empty() {
                inner.clone()
            } else {
                format!("{key}.{inner}")
            };
            compare(path, from, to, step, found);
        }
        return;
    }
    found.push(Change {
        step,
        key,
        from: from.clone(),
        to: to.clone(),
    });
}

/// Returns whether the tables choose two kinds of a part: each has one key, and the keys differ.
fn is_another_kind(from: &Map<String, Value>, to: &Map<String, Value>) -> bool {
    from.len() == 1 && to.len() == 1 && from.keys().ne(to.keys())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{find_preset, set_all};

    fn changed(assignments: &[&str]) -> Vec<(String, String, String)> {
        let config = find_preset("smoke").unwrap().config().unwrap();
        let assignments: Vec<String> = assignments.iter().map(|&text| text.to_owned()).collect();
        let other = set_all(&config, &assignments).unwrap();
        let found = changes(&config, &other, 7).unwrap();
        found
            .into_iter()
            .map(|change| {
                assert_eq!(change.step, 7);
                let [from, to] = [&change.from, &change.to].map(Change::words);
                (change.key, from, to)
            })
            .collect()
    }

    #[test]
    fn a_config_does_not_differ_from_itself() {
        assert_eq!(changed(&[]), []);
    }

    #[test]
    fn each_difference_has_its_key_and_both_values() {
        let found = changed(&["train.clip=10", "seed=3", "train.learning_rate=0.5"]);
        let expected = [
            ("seed", "1", "3"),
            ("train.clip", "none", "10.0"),
            ("train.learning_rate", "0.002", "0.5"),
        ];
        let mut found: Vec<_> = found
            .iter()
            .map(|(key, from, to)| (key.as_str(), from.as_str(), to.as_str()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn another_kind_of_a_part_is_one_difference() {
        let found = changed(&["schedule.cosine.floor=0.5"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "schedule");
        assert!(found[0].1.contains("constant") && found[0].2.contains("cosine"));
    }
}
