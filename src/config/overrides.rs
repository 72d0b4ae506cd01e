//! The option `--set key=value`.

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use super::renamed::renamed;
use super::toml_error::{one_line, with_suggestion};
use super::type_words::in_words;
use crate::data::Data;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Likelihood, Model, Prior};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

/// The largest number of levels in a key; no value of a config is nested deeper.
const DEEPEST: usize = 8;

/// Returns the config with one value replaced, as in `set(config, "objective.elbo.beta=4")`.
///
/// Another kind of a part (`objective.iwae.samples=5`) replaces the kind of the config, and `model.conv=` chooses a
/// kind with its defaults.
///
/// # Errors
/// Returns an error if the key does not exist, or if the value does not fit; the message names the override.
pub fn set(config: &Config, assignment: &str) -> Result<Config> {
    let fail = |what: String| Error::request(format!("--set {assignment}: {what}"));
    let (key, value) = assignment
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
        .filter(|(key, _)| !key.split('.').any(str::is_empty))
        .ok_or_else(|| {
            fail("expected KEY=VALUE, with no empty part in the key".into())
                .with_hint("for instance `--set train.batch=64`")
        })?;
    if let Some(renamed) = renamed(key) {
        return Err(fail(format!("there is no `{key}`")).with_hint(renamed));
    }
    let path: Vec<&str> = key.split('.').collect();
    if path[0] == "published" {
        return Err(fail("`published` is no part of an experiment".into()));
    }
    if path.len() > DEEPEST {
        return Err(fail("no value lies that deep".into()));
    }
    let known = Table::try_from(config).map_err(|error| fail(error.to_string()))?;
    let mut table = known.clone();
    let mut choice = false;
    match (&path[..], kinds(path[0])) {
        ([part, kind, rest @ ..], Some(kinds)) => {
            check_kind(&known, &path, &kinds)
                .map_err(|(what, hint)| hint.into_iter().fold(fail(what), Error::with_hint))?;
            let stood = known.get(*part).and_then(|part| part.get(*kind)).is_some();
            if !stood {
                let kind = Table::from_iter([((*kind).to_owned(), Table::new().into())]);
                table.insert((*part).to_owned(), kind.into());
            }
            choice = rest.is_empty();
            if choice && !value.is_empty() {
                return Err(
                    fail(format!("`{part}.{kind}` is a table, not a value")).with_hint(format!(
                        "name a value in it, or choose it with its defaults: `--set {part}.{kind}=`"
                    )),
                );
            }
        }
        ([part], Some(kinds)) => {
            return Err(
                fail(format!("`{part}` comes in kinds: {}", kinds.join(", "))).with_hint(format!(
                    "write `--set {part}.{}=` to choose one, or name a value in it",
                    kinds
                        .iter()
                        .find(|kind| **kind == value)
                        .unwrap_or(&kinds[0])
                )),
            );
        }
        _ => {}
    }
    if !choice {
        place(&mut table, &path, parse(value), Siblings::Keep).map_err(fail)?;
    }
    let error = match Config::deserialize(table.clone()) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // If the key is a variant of an enum, it replaces the other variant, as `corrupt.mask` replaces `corrupt.gaussian`.
    if !choice
        && place(&mut table, &path, parse(value), Siblings::Remove).is_ok()
        && let Ok(config) = Config::deserialize(table)
    {
        return Ok(config);
    }
    Err(match elsewhere(&known, &path).filter(|near| near != key) {
        Some(near) if error.message().starts_with("unknown field") => {
            fail(format!("there is no `{key}`")).with_hint(format!("did you mean `{near}`?"))
        }
        _ => with_suggestion(fail(one_line(&in_words(error.message()))), error.message()),
    })
}

/// Checks that a part of the config has the kind that `path` names. The error is the message and a hint.
fn check_kind(
    known: &Table,
    path: &[&str],
    kinds: &[&str],
) -> Result<(), (String, Option<String>)> {
    let (part, kind) = (path[0], path[1]);
    if kinds.contains(&kind) {
        return Ok(());
    }
    let near = did_you_mean(kind, kinds.iter().copied())
        .map(|near| format!("{part}.{near}"))
        .or_else(|| elsewhere(known, path));
    Err((
        format!(
            "there is no `{part}.{kind}`; expected one of {}",
            kinds.join(", ")
        ),
        near.map(|near| format!("did you mean `{near}`?")),
    ))
}

/// Finds the full path of a key with this name: `batch` is `train.batch`, `objective.beta` is `objective.elbo.beta`.
fn elsewhere(table: &Table, path: &[&str]) -> Option<String> {
    let (wanted, first) = (path.last()?, path.first()?);
    let mut found = Vec::new();
    for (part, kinds) in table
        .iter()
        .filter_map(|(part, value)| Some((part, value.as_table()?)))
    {
        let inner = kinds
            .iter()
            .filter_map(|(kind, value)| Some((kind, value.as_table()?)));
        found.extend(
            kinds
                .contains_key(*wanted)
                .then(|| format!("{part}.{wanted}")),
        );
        found.extend(
            inner
                .filter(|(_, values)| values.contains_key(*wanted))
                .map(|(kind, _)| format!("{part}.{kind}.{wanted}")),
        );
    }
    // A match in the named part comes first.
    found
        .iter()
        .find(|path| path.split('.').next() == Some(first))
        .or(found.first())
        .cloned()
}

/// Returns the kinds of a part of the config, or `None` if it has no kinds.
pub(super) fn kinds(part: &str) -> Option<Vec<&'static str>> {
    let list = match part {
        "data" => Data::LIST,
        "model" => Model::LIST,
        "prior" => Prior::LIST,
        "likelihood" => Likelihood::LIST,
        "objective" => Objective::LIST,
        "optimizer" => Optimizer::LIST,
        "schedule" => Schedule::LIST,
        _ => return None,
    };
    Some(list.iter().map(|(tag, _)| *tag).collect())
}

/// Returns the config with all `assignments`, in their order.
///
/// # Errors
/// Returns the error of the first one that cannot be set, or an error if two of them choose different kinds of one part:
/// the first would have no effect.
pub fn set_all(config: &Config, assignments: &[String]) -> Result<Config> {
    let chosen: Vec<[&str; 2]> = assignments
        .iter()
        .filter_map(|text| chosen_kind(text))
        .collect();
    for [part, kind] in &chosen {
        if let Some([_, other]) = chosen
            .iter()
            .find(|[of, other]| of == part && other != kind)
        {
            return Err(Error::request(format!(
                "--set chooses `{part}.{kind}` and `{part}.{other}`; expected one kind of `{part}`"
            ))
            .with_hint("leave one of the two out"));
        }
    }
    assignments
        .iter()
        .try_fold(config.clone(), |config, assignment| {
            set(&config, assignment)
        })
}

/// Returns the part and the kind that an assignment such as `objective.elbo.beta=4` chooses.
fn chosen_kind(assignment: &str) -> Option<[&str; 2]> {
    let mut path = assignment.split_once('=')?.0.trim().split('.');
    let (part, kind) = (path.next()?, path.next()?);
    kinds(part)?.contains(&kind).then_some([part, kind])
}

/// Reads a text as a TOML value, or as a string if it is not valid TOML (`pixels=dynamic`).
fn parse(text: &str) -> Value {
    match toml::from_str::<Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => table
            .remove("value")
            .unwrap_or(Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    }
}

/// The fate of the other values in the table that receives a value.
#[derive(PartialEq)]
enum Siblings {
    Keep,
    Remove,
}

/// Puts `value` at `path`, and makes the tables on the way. A whole number becomes a float if it replaces a float.
fn place(table: &mut Table, path: &[&str], value: Value, siblings: Siblings) -> Result<(), String> {
    let Some((last, way)) = path.split_last() else {
        return Err("expected a key".into());
    };
    let mut at = table;
    for key in way {
        let next = at
            .entry((*key).to_owned())
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else {
            return Err(format!("`{key}` is a value, not a table"));
        };
        at = next;
    }
    let value = match (at.get(*last), value) {
        (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    if siblings == Siblings::Remove {
        at.clear();
    }
    at.insert((*last).to_owned(), value);
    Ok(())
}
