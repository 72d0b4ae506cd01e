//! The names of a sweep's runs: readable, unique, and of characters that paths and shells take as they are.

use std::collections::HashSet;

use super::grid::key_and_value;

/// The most characters of a value in a name. A longer value is called by its number.
const LONGEST_VALUE: usize = 24;

/// The most characters of a name before the seed. The points of a sweep with longer names are numbered.
const LONGEST_NAME: usize = 120;

/// Returns the start of the name of each point's runs: `beta-vae-beta=4`. Keys whose value is the same in all points are
/// left out.
pub fn point_names(prefix: &str, points: &[Vec<String>]) -> Vec<String> {
    let keys = varied_keys(points);
    let mut names = vec![prefix.to_owned(); points.len()];
    for (key, title) in keys.iter().zip(short_keys(&keys)) {
        let values: Vec<&str> = points.iter().map(|point| point_value(point, key)).collect();
        for (name, value) in names.iter_mut().zip(in_names(&values)) {
            *name += &format!("-{title}={value}");
        }
    }
    if names.iter().any(|name| name.len() > LONGEST_NAME) {
        let numbered = (1..=points.len()).map(|number| format!("{prefix}-point={number}"));
        return numbered.collect();
    }
    names
}

/// Returns the keys that do not have the same value in all points, in their order.
pub fn varied_keys(points: &[Vec<String>]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for assignment in points.iter().flatten() {
        let (key, _) = key_and_value(assignment);
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    let differs = |key: &String| {
        let mut values = points.iter().map(|point| point_value(point, key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    keys.into_iter().filter(differs).collect()
}

/// Returns the value that a point gives to `key`; empty if it gives none.
pub fn point_value<'a>(point: &'a [String], key: &str) -> &'a str {
    let mut values = point.iter().map(|assignment| key_and_value(assignment));
    values
        .find(|(other, _)| *other == key)
        .map_or("", |(_, value)| value)
}

/// Returns a text without the characters that a path or a shell may take for something else. Runs of them become one `-`.
pub fn plain_name(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
        if is_plain {
            plain.push(c);
        } else if !plain.ends_with('-') && !plain.is_empty() {
            plain.push('-');
        }
    }
    plain.trim_end_matches('-').to_owned()
}

/// Returns the last part of each key, or the whole key where several end alike.
pub fn short_keys(keys: &[String]) -> Vec<&str> {
    let last = |key: &'_ String| {
        key.rsplit('.')
            .next()
            .map_or(0, |last| key.len() - last.len())
    };
    let short: Vec<&str> = keys.iter().map(|key| &key[last(key)..]).collect();
    let is_shared = |title: &str| short.iter().filter(|other| **other == title).count() > 1;
    keys.iter()
        .zip(&short)
        .map(|(key, title)| if is_shared(title) { key } else { *title })
        .collect()
}

/// Returns the values as names have them: as they are, or by their number if they are long or would be the same.
fn in_names(values: &[&str]) -> Vec<String> {
    let mut distinct: Vec<&str> = Vec::new();
    for value in values {
        if !distinct.contains(value) {
            distinct.push(value);
        }
    }
    let texts: Vec<String> = distinct.iter().map(|value| plain_name(value)).collect();
    // Some file systems do not tell upper from lower case.
    let different: HashSet<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let are_readable = different.len() == texts.len()
        && texts
            .iter()
            .all(|text| !text.is_empty() && text.len() <= LONGEST_VALUE);
    let number = |value: &&str| distinct.iter().position(|other| other == value);
    values
        .iter()
        .map(|value| match number(value) {
            Some(number) if are_readable => texts[number].clone(),
            number => format!("v{}", number.unwrap_or_default() + 1),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(points: &[&[&str]]) -> Vec<String> {
        let owned = |point: &&[&str]| point.iter().map(|&text| text.to_owned()).collect();
        point_names("smoke", &points.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_has_the_values_that_differ() {
        let found = names(&[
            &["objective.elbo.beta=1", "train.batch=64"],
            &["objective.elbo.beta=0.5", "train.batch=64"],
        ]);
        assert_eq!(found, ["smoke-beta=1", "smoke-beta=0.5"]);
        assert_eq!(names(&[&["train.batch=64"]]), ["smoke"]);
    }

    #[test]
    fn keys_that_end_alike_are_written_out() {
        let found = names(&[&["a.x=1", "b.x=1"], &["a.x=2", "b.x=2"]]);
        assert_eq!(found, ["smoke-a.x=1-b.x=1", "smoke-a.x=2-b.x=2"]);
    }

    #[test]
    fn a_name_needs_no_quotes() {
        let found = names(&[&["model.mlp.hidden=[400, 200]"], &["model.mlp.hidden=[8]"]]);
        assert_eq!(found, ["smoke-hidden=400-200", "smoke-hidden=8"]);
        let found = names(&[
            &["data.mnist.pixels=\"grey\""],
            &["data.mnist.pixels='dynamic'"],
        ]);
        assert_eq!(found, ["smoke-pixels=grey", "smoke-pixels=dynamic"]);
        assert_eq!(plain_name("my config (2)"), "my-config-2");
        assert_eq!(plain_name("-1e-3"), "-1e-3");
    }

    #[test]
    fn values_that_would_look_alike_or_are_long_are_numbered() {
        let found = names(&[&["a=[1, 2]"], &["a=\"1-2\""], &["a=[1, 2]"]]);
        assert_eq!(found, ["smoke-a=v1", "smoke-a=v2", "smoke-a=v1"]);
        let found = names(&[&["a=Same"], &["a=same"]]);
        assert_eq!(found, ["smoke-a=v1", "smoke-a=v2"]);
        let long = format!("a=[{}]", "100, ".repeat(20));
        assert_eq!(names(&[&[&long], &["a=1"]]), ["smoke-a=v1", "smoke-a=v2"]);
        let key = format!("{}=", "k".repeat(130));
        let [one, two] = ["1", "2"].map(|value| key.clone() + value);
        assert_eq!(
            names(&[&[&one], &[&two]]),
            ["smoke-point=1", "smoke-point=2"]
        );
    }
}
