//! The bias of a choice by the test score: the best of several numbers that differ by chance alone lies above their mean,
//! by E[max of n standard normal numbers] standard deviations if they are normal.

use serde_json::json;

use super::results::{SweepResults, SweepSetting};
use crate::density::expected_maximum;
use crate::report::Report;

/// The numbers that a choice would be made among.
pub struct Selection<'a> {
    results: &'a SweepResults,
    /// The settings with a run that is done.
    settings: Vec<&'a SweepSetting>,
    /// Whether the numbers of the settings can be compared.
    are_comparable: bool,
}

/// The gain by chance that is expected for the best of several equally good things.
struct Luck {
    count: usize,
    /// The spread of one of them, in nats; `None` if it is not known.
    spread: Option<f64>,
}

impl Luck {
    fn gain(&self) -> Option<f64> {
        Some(expected_maximum(self.count) * self.spread?)
    }
}

impl<'a> Selection<'a> {
    pub fn of(results: &'a SweepResults, are_comparable: bool) -> Self {
        let settings = results.settings.iter();
        Self {
            results,
            settings: settings.filter(|row| row.done().next().is_some()).collect(),
            are_comparable,
        }
    }

    /// Adds what a choice by the test score means, and what to do instead. There is nothing to say on a single run.
    pub fn add(&self, report: &mut Report) {
        let (seeds, settings) = (self.of_seeds(), self.of_settings());
        report.field(
            "best_of",
            json!({
                "seeds": seeds.count,
                "seeds_standard_deviation": seeds.spread,
                "seeds_gain_by_chance": seeds.gain(),
                "settings": settings.count,
                "settings_standard_error": settings.spread,
                "settings_gain_by_chance": settings.gain(),
            }),
        );
        let choice = self.by_validation();
        report.field("chosen_by_validation", choice.map(|row| self.named(row)));
        let among: Vec<String> = [
            (seeds, "seeds", "deviations"),
            (settings, "settings", "errors"),
        ]
        .into_iter()
        .filter(|(luck, ..)| luck.count > 1)
        .map(|(luck, noun, spread)| {
            let (count, factor) = (luck.count, expected_maximum(luck.count));
            match (luck.gain(), luck.spread) {
                (Some(gain), Some(width)) => format!(
                    "the best of {count} {noun} would look {gain:.2} nats better than their mean ({factor:.2} standard {spread} of {width:.2} nats)"
                ),
                _ => format!(
                    "the best of {count} {noun} would look {factor:.2} standard {spread} better than their mean"
                ),
            }
        })
        .collect();
        if among.is_empty() {
            return;
        }
        report.line(format!(
            "a choice by the test score flatters what is chosen: if only chance told them apart, {}",
            among.join(", and ")
        ));
        report.line(match choice.and_then(|row| Some((row, row.test()?))) {
            Some((row, test)) => format!(
                "by the validation images, the choice is {}; report its test score, {:.2} {}",
                self.named(row),
                test.mean,
                test.plus_minus(2)
            ),
            None if self.have_validation() => {
                "choose by the validation score, and report the test score of what was chosen".to_owned()
            }
            None => format!(
                "so choose by validation images, and report the test score of what was chosen: make the plan with `--set {}`",
                self.results.validation_key
            ),
        });
    }

    /// Returns the choice among the seeds of a setting, with the spread pooled over the settings.
    fn of_seeds(&self) -> Luck {
        let counts = self.settings.iter().map(|row| row.done().count());
        let (mut squares, mut freedom) = (0.0, 0.0);
        for row in &self.settings {
            let n = row.done().count() as f64;
            if let Some(se) = row.test().and_then(|test| test.se) {
                // The squared standard error is the variance over n.
                squares += (n - 1.0) * se * se * n;
                freedom += n - 1.0;
            }
        }
        Luck {
            count: counts.max().unwrap_or(0),
            // Numbers that cannot be compared have no common spread.
            spread: (freedom > 0.0 && self.are_comparable).then(|| (squares / freedom).sqrt()),
        }
    }

    /// Returns the choice among the settings, with the standard error of their means.
    fn of_settings(&self) -> Luck {
        let spread = self.of_seeds().spread;
        let shares = self
            .settings
            .iter()
            .map(|row| 1.0 / row.done().count() as f64);
        let share = shares.sum::<f64>() / self.settings.len() as f64;
        Luck {
            count: if self.are_comparable {
                self.settings.len()
            } else {
                0
            },
            spread: spread.map(|spread| spread * share.sqrt()),
        }
    }

    fn have_validation(&self) -> bool {
        self.settings.iter().all(|row| row.validation().is_some())
    }

    /// Returns the setting with the best mean on the validation images, or `None` if there is no choice to be made.
    fn by_validation(&self) -> Option<&'a SweepSetting> {
        let is_choice = self.are_comparable && self.settings.len() > 1 && self.have_validation();
        let score = |row: &SweepSetting| row.validation().map_or(f64::MIN, |found| found.mean);
        let best = self
            .settings
            .iter()
            .copied()
            .max_by(|a, b| score(a).total_cmp(&score(b)));
        best.filter(|_| is_choice)
    }

    /// Returns the name of a setting: `beta=4, batch=64`.
    fn named(&self, row: &SweepSetting) -> String {
        let keys = self.results.keys.iter().map(|(_, title)| title);
        let parts = keys
            .zip(&row.values)
            .map(|(key, value)| format!("{key}={value}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}
