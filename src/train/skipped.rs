//! The steps of an epoch that were skipped because of their gradient's norm.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result, shell_word};

/// The steps that were skipped because of their gradient's norm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SkippedSteps {
    pub steps: u64,
    /// The images of these steps.
    pub images: u64,
    /// The smallest of the norms; `None` if none was finite.
    pub smallest_norm: Option<f64>,
}

impl SkippedSteps {
    /// Returns whether no step was skipped.
    pub fn is_none(&self) -> bool {
        self.steps == 0
    }

    /// Adds a step over `images` images.
    pub fn add(&mut self, norm: f32, images: usize) {
        self.steps += 1;
        self.images += images as u64;
        if norm.is_finite() {
            let norm = f64::from(norm);
            self.smallest_norm = Some(self.smallest_norm.map_or(norm, |least| least.min(norm)));
        }
    }
}

/// Checks that an epoch of `steps` steps was not skipped as a whole: the weights are as they were, and other noise will hardly
/// change the norms. The run is kept in `folder`.
///
/// # Errors
/// Returns an error that says what to do.
pub(super) fn check_not_all_skipped(
    skipped: &SkippedSteps,
    [epoch, steps]: [usize; 2],
    train: &TrainConfig,
    folder: Option<&Path>,
) -> Result<()> {
    if skipped.steps < steps as u64 {
        return Ok(());
    }
    let what = format!(
        "all {steps} steps of epoch {epoch} were skipped: the norm of each one's gradient is above train.skip_above = {} or not finite",
        train.skip_above
    );
    let run = folder.map_or_else(|| "RUN".to_owned(), shell_word);
    Err(match skipped.smallest_norm {
        Some(norm) => {
            let limit = (2.0 * norm).ceil();
            Error::failed(format!("{what}; the smallest norm is {norm:.1}")).with_hint(format!(
                "go on with a larger limit, or with 0 to skip no step: vae train --resume {run} --set train.skip_above={limit}"
            ))
        }
        None => Error::failed(what).with_hint(
            "no norm is finite, so the limit is not the reason: begin a new run with a lower learning rate, or check the data",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(norms: &[f32], steps: usize) -> Result<()> {
        let mut skipped = SkippedSteps::default();
        norms.iter().for_each(|&norm| skipped.add(norm, 10));
        let train = TrainConfig {
            skip_above: 5.0,
            ..TrainConfig::default()
        };
        check_not_all_skipped(&skipped, [3, steps], &train, Some(Path::new("runs/a")))
    }

    #[test]
    fn an_epoch_may_lose_steps_but_not_all() {
        assert!(check(&[], 2).is_ok());
        assert!(check(&[9.0, f32::NAN], 3).is_ok());
        let error = check(&[f32::INFINITY, 90.0, 30.25], 3).unwrap_err();
        assert_eq!(error.code(), 1);
        assert_eq!(
            error.render(),
            "error: all 3 steps of epoch 3 were skipped: the norm of each one's gradient is above train.skip_above = 5 or not finite; the smallest norm is 30.2\nhint: go on with a larger limit, or with 0 to skip no step: vae train --resume runs/a --set train.skip_above=61"
        );
        let error = check(&[f32::NAN], 1).unwrap_err();
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("a lower learning rate"))
        );
    }
}
