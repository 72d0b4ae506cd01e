//! The rule for which values of a config may change when a run is resumed.

use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::run::Change;
use crate::words::counted;

/// The keys and tables that act on the steps to come alone. Every other value has made the weights, the records or the
/// order of the images what they are.
const CHANGEABLE: &[&str] = &[
    "train.epochs",
    "train.learning_rate",
    "train.clip",
    "train.skip_above",
    "train.save_every",
    "train.patience",
    "schedule",
    "figures",
];

/// The tables that the network and its parameters are built from.
const ARCHITECTURE: &[&str] = &["model", "prior", "condition"];

/// Returns those of the changes that a run cannot go on with.
pub fn unchangeable(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| !is_in(change, CHANGEABLE))
}

/// Checks that a run can go on with these changes of its config.
///
/// # Errors
/// Returns an error that names every key that must stay, with both values.
pub fn check_resumable(changes: &[Change]) -> Result<()> {
    refuse(
        unchangeable(changes),
        "this run was trained with",
        "a run keeps it from its first step to its last",
    )
}

/// Checks that weights trained with the config `from` fit the architecture of `to`.
///
/// # Errors
/// Returns an error that names every key of the architecture that differs, with both values.
pub fn check_same_architecture(from: &Config, to: &Config) -> Result<()> {
    let changes = config::changes(from, to, 0)?;
    refuse(
        changes.iter().filter(|change| is_in(change, ARCHITECTURE)),
        "the weights are from a model with",
        "the architecture must be the same",
    )
}

/// Returns the changes between the configs of a run that has done `step` steps, which are `epoch` epochs: the changed keys,
/// and the schedules and the learning rate that follow from them.
pub fn all_changes(from: &Config, to: &Config, step: u64, epoch: f64) -> Result<Vec<Change>> {
    let mut changes = config::changes(from, to, step)?;
    let [before, after] = [from.train.epochs, to.train.epochs];
    if before != after {
        changes.extend(to.spread_over_epochs().into_iter().map(|key| Change {
            step,
            key: key.to_owned(),
            from: format!("spread over {}", counted(before, "epoch")).into(),
            to: format!("spread over {}", counted(after, "epoch")).into(),
        }));
    }
    let factor = |config: &Config| {
        let schedule = config.schedule.kind();
        schedule.at(epoch, config.train.epochs as f64)
    };
    if factor(from) != factor(to) {
        let [before, after] = [from, to].map(|config| config.learning_rate(epoch));
        changes.push(Change {
            step,
            key: "learning_rate".to_owned(),
            from: before.into(),
            to: after.into(),
        });
    }
    Ok(changes)
}

fn is_in(change: &Change, places: &[&str]) -> bool {
    places.iter().any(|place| {
        let rest = change.key.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn refuse<'a>(changes: impl Iterator<Item = &'a Change>, was: &str, why: &str) -> Result<()> {
    let refused: Vec<String> = changes
        .map(|Change { key, from, to, .. }| {
            let [from, to] = [from, to].map(Change::words);
            format!("`{key}` is {to}, and {was} {from}")
        })
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::request(format!("{}: {why}", refused.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{find_preset, set};
    use crate::error::Result;

    #[test]
    fn a_changed_learning_rate_does_not_change_the_schedule() -> Result<()> {
        let smoke = find_preset("smoke")?.config()?;
        let smoke = set(&set(&smoke, "schedule.step=")?, "schedule.step.every=1")?;
        let with_rate = |rate: usize| set(&smoke, &format!("train.learning_rate=0.00{rate}"));
        for rate in 1..100 {
            let changes = all_changes(&with_rate(rate)?, &with_rate(rate + 1)?, 64, 3.5)?;
            let keys: Vec<String> = changes.into_iter().map(|change| change.key).collect();
            assert_eq!(keys, ["train.learning_rate"], "{rate}");
        }
        Ok(())
    }
}
