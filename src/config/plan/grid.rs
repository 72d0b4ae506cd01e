//! The grid of a sweep: a `--set` with several values stands for as many trainings.

use crate::config::overrides::kinds;
use crate::error::{Error, Result};

/// The most trainings of a plan.
pub const MOST_TASKS: usize = 10_000;

/// Returns the points of the grid that `sets` span, each with one assignment for each of `sets`. The values of the first
/// one change slowest.
///
/// # Errors
/// Returns an error if a key has no value between two commas, if a key is set twice, or if there are too many points.
pub fn points(sets: &[String]) -> Result<Vec<Vec<String>>> {
    let mut points = vec![Vec::new()];
    let mut keys: Vec<&str> = Vec::new();
    for set in sets {
        let (key, assignments) = axis(set)?;
        if keys.contains(&key) {
            return Err(
                Error::request(format!("--set {set}: `{key}` is set twice")).with_hint(format!(
                    "write its values after one key: `--set {key}=V1,V2`"
                )),
            );
        }
        keys.push(key);
        let with_each = |point: Vec<String>| {
            let longer =
                |assignment: &String| [&point[..], std::slice::from_ref(assignment)].concat();
            assignments.iter().map(longer).collect::<Vec<_>>()
        };
        check_count(points.len().saturating_mul(assignments.len()))?;
        points = points.into_iter().flat_map(with_each).collect();
    }
    Ok(points)
}

/// Checks that a plan may have this many trainings.
pub fn check_count(tasks: usize) -> Result<()> {
    if tasks <= MOST_TASKS {
        return Ok(());
    }
    Err(
        Error::request(format!("a plan has at most {MOST_TASKS} trainings"))
            .with_hint("leave values or seeds out, or make several plans"),
    )
}

/// Returns the key and the value of an assignment in words: the choice of a kind, `objective.iwae=`, is `iwae` for
/// `objective`.
pub fn key_and_value(assignment: &str) -> (&str, &str) {
    let (key, value) = assignment.split_once('=').unwrap_or((assignment, ""));
    let (key, value) = (key.trim(), value.trim());
    match key.rsplit_once('.') {
        Some(choice) if value.is_empty() => choice,
        _ => (key, value),
    }
}

/// Returns the key of a `--set` and an assignment for each of its values.
fn axis(set: &str) -> Result<(&str, Vec<String>)> {
    let Some((key, text)) = set.split_once('=') else {
        // The config says what is wrong with it.
        return Ok((set, vec![set.to_owned()]));
    };
    let key = key.trim();
    let values = values(text);
    if values.len() > 1 && values.iter().any(|value| value.is_empty()) {
        return Err(
            Error::request(format!("--set {set}: a value is missing between commas"))
                .with_hint("separate values by single commas, as in `--set train.batch=64,128`"),
        );
    }
    let kinds = kinds(key).unwrap_or_default();
    let assignment = |value: &&str| match kinds.contains(value) {
        true => format!("{key}.{value}="),
        false => format!("{key}={value}"),
    };
    Ok((key, values.iter().map(assignment).collect()))
}

/// Divides a text at its commas, except for those in brackets and in quotes: `[400, 200]` is one value.
fn values(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut values = Vec::new();
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some('"'), '\\') => is_escaped = true,
            (Some(open), _) => quote = Some(open).filter(|open| *open != c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                values.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    values.push(text[start..].trim());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(sets: &[&str]) -> Result<Vec<Vec<String>>> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        points(&sets)
    }

    #[test]
    fn commas_in_brackets_and_quotes_divide_nothing() {
        for (text, expected) in [
            ("1,2, 4", &["1", "2", "4"][..]),
            ("[400, 200],[400]", &["[400, 200]", "[400]"]),
            (
                "[{ conv = 4, stride = 2 }]",
                &["[{ conv = 4, stride = 2 }]"],
            ),
            (r#""a,b",'c,"d'"#, &[r#""a,b""#, r#"'c,"d'"#]),
            (r#""a\",b",c"#, &[r#""a\",b""#, "c"]),
            ("", &[""]),
            ("]1,2", &["]1", "2"]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn several_keys_span_a_grid_whose_first_key_changes_slowest() {
        let found = grid(&["a=1,2", "b=x", "c=[1, 2],3"]).unwrap();
        let expected = [
            ["a=1", "b=x", "c=[1, 2]"],
            ["a=1", "b=x", "c=3"],
            ["a=2", "b=x", "c=[1, 2]"],
            ["a=2", "b=x", "c=3"],
        ];
        assert_eq!(found, expected);
        assert_eq!(grid(&[]).unwrap(), [[""; 0]], "one point without values");
    }

    #[test]
    fn kinds_of_a_part_are_values_too() {
        let found = grid(&["objective=elbo,iwae"]).unwrap();
        assert_eq!(found, [["objective.elbo="], ["objective.iwae="]]);
        assert_eq!(key_and_value("objective.iwae="), ("objective", "iwae"));
        assert_eq!(key_and_value("train.batch = 64"), ("train.batch", "64"));
    }

    #[test]
    fn a_missing_value_a_key_set_twice_and_a_huge_grid_are_errors() {
        let thousand = |key: &str| {
            let values: Vec<String> = (0..1000).map(|value| value.to_string()).collect();
            format!("{key}={}", values.join(","))
        };
        let (a, b) = (thousand("a"), thousand("b"));
        for (sets, part) in [
            (&["a=1,,2"][..], "a value is missing between commas"),
            (&["a=1", "a=2"], "`a` is set twice"),
            (&[&a, &b], "at most 10000 trainings"),
        ] {
            let error = grid(sets).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
    }
}
