//! `--set key=value`.

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use super::toml_error::{hinted, sentence};
use crate::data::Data;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Likelihood, Model, Prior};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;

/// The config with one value replaced: `set(config, "objective.elbo.beta=4")`.
///
/// Naming another kind of a part (`objective.iwae.samples=5`) replaces the one that stood, and `model.conv=` chooses a
/// kind with its defaults.
///
/// # Errors
/// For a key that does not exist or a value that does not fit; the message names the override.
pub fn set(config: &Config, assignment: &str) -> Result<Config> {
    let fail = |what: String| Error::request(format!("--set {assignment}: {what}"));
    let Some((key, value)) = assignment.split_once('=') else {
        return Err(
            fail("expected key=value".into()).with_hint("for instance `--set train.batch=64`")
        );
    };
    let image_ids: Vec<&str> = key.trim().split('.').collect();
    if image_ids.contains(&"") {
        return Err(
            fail("expected key=value".into()).with_hint("for instance `--set train.batch=64`")
        );
    }
    if image_ids[0] == "published" {
        return Err(fail("`published` is no part of an experiment".into()));
    }
    if image_ids.len() > 8 {
        return Err(fail("no value lies that deep".into()));
    }
    let mut table = Table::try_from(config).map_err(|error| fail(error.to_string()))?;
    let kinds = kinds(image_ids[0]);
    match (&image_ids[..], kinds) {
        ([part, kind, rest @ ..], Some(kinds)) => {
            if !kinds.contains(kind) {
                let error = fail(format!(
                    "there is no `{part}.{kind}`; expected one of {}",
                    kinds.join(", ")
                ));
                let near =
                    did_you_mean(kind, kinds.iter().copied()).map(|near| format!("{part}.{near}"));
                return Err(match near.or_else(|| elsewhere(&table, &image_ids)) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
            let stood = table.get(*part).and_then(|part| part.get(*kind)).is_some();
            if !stood {
                table.insert(
                    (*part).to_owned(),
                    Value::Table(Table::from_iter([(
                        (*kind).to_owned(),
                        Value::Table(Table::new()),
                    )])),
                );
            }
            if rest.is_empty() && !value.trim().is_empty() {
                return Err(
                    fail(format!("`{part}.{kind}` is a table, not a value")).with_hint(format!(
                        "name a value in it, or choose it with its defaults: `--set {part}.{kind}=`"
                    )),
                );
            }
            if !rest.is_empty() {
                place(&mut table, &image_ids, parse(value)).map_err(fail)?;
            }
        }
        ([part], Some(kinds)) => {
            return Err(
                fail(format!("`{part}` comes in kinds: {}", kinds.join(", "))).with_hint(format!(
                    "write `--set {part}.{}=` to choose one, or name a value in it",
                    kinds[0]
                )),
            );
        }
        _ => place(&mut table, &image_ids, parse(value)).map_err(fail)?,
    }
    let known = Table::try_from(config).unwrap_or_default();
    Config::deserialize(table).map_err(|error| {
        match elsewhere(&known, &image_ids).filter(|near| near != key.trim()) {
            Some(near) if error.message().starts_with("unknown field") => {
                fail(format!("there is no `{}`", key.trim()))
                    .with_hint(format!("did you mean `{near}`?"))
            }
            _ => hinted(fail(sentence(error.message())), error.message()),
        }
    })
}

/// Where a key of this name does stand: `batch` is `train.batch`, `objective.beta` is `objective.elbo.beta`.
fn elsewhere(table: &Table, image_ids: &[&str]) -> Option<String> {
    let (wanted, first) = (image_ids.last()?, image_ids.first()?);
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
    // Of several, the one in the part that was named.
    found
        .iter()
        .find(|path| path.split('.').next() == Some(first))
        .or(found.first())
        .cloned()
}

/// The kinds that a part of the config comes in.
fn kinds(part: &str) -> Option<Vec<&'static str>> {
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

/// The text as a TOML value; as a string where it is none (`pixels=dynamic`).
fn parse(text: &str) -> Value {
    let text = text.trim();
    match toml::from_str::<Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => table
            .remove("value")
            .unwrap_or(Value::String(text.to_owned())),
        _ => Value::String(text.to_owned()),
    }
}

/// Tables of which one key alone may stand.
const ONE_OF: [&str; 1] = ["objective.autoencoder.corrupt"];

/// Puts `value` at `image_ids`, tables on the way being made. A number without a point goes where a float stood.
fn place(table: &mut Table, image_ids: &[&str], value: Value) -> Result<(), String> {
    let Some((last, way)) = image_ids.split_last() else {
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
    if ONE_OF.contains(&way.join(".").as_str()) {
        at.retain(|key, _| key == *last);
    }
    let value = match (at.get(*last), value) {
        (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    at.insert((*last).to_owned(), value);
    Ok(())
}
