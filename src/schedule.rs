//! Numbers that change over training: the learning rate, and the weight of the KL term.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, at_least_zero, within};
use crate::error::Result;
use crate::registry::registry;

/// A factor of the learning rate as a function of time in epochs, which may be fractional.
pub trait ScheduleKind {
    /// Returns the factor in [0, 1] at `epoch` of `epochs`.
    fn at(&self, epoch: f64, epochs: f64) -> f64;

    /// Returns the table of the config that is spread over all epochs, and so changes with their number.
    fn spread_over_epochs(&self) -> Option<&'static str> {
        None
    }

    fn check(&self) -> Result<()>;
}

registry! {
    /// The change of the learning rate over training.
    pub enum Schedule: ScheduleKind {
        "constant" => Constant, "the same learning rate throughout";
        "cosine" => Cosine, "half a cosine from the learning rate down to a floor (Loshchilov, Hutter 2017)";
        "step" => Step, "multiplied by a factor at regular intervals of epochs";
        "milestones" => Milestones, "multiplied by a factor after each of some epochs";
        "stages" => Stages, "stages of 1, 3, 9, ... epochs, each at a lower learning rate (Burda et al. 2016)";
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Constant(Constant::default())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {
    /// The number of epochs over which the learning rate rises linearly from 0.
    pub warmup: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// The number of epochs over which the learning rate rises linearly from 0.
    pub warmup: f64,
    /// The fraction of the learning rate that is left at the end.
    pub floor: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// The number of epochs over which the learning rate rises linearly from 0.
    pub warmup: f64,
    /// The number of epochs between two steps.
    pub every: f64,
    /// The factor that each step multiplies the learning rate by.
    pub factor: f64,
}

impl Default for Step {
    fn default() -> Self {
        // A tenth every 30 epochs, as in ResNet's training recipe.
        Self {
            warmup: 0.0,
            every: 30.0,
            factor: 0.1,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Milestones {
    /// The epochs after which the learning rate falls.
    pub at: Vec<f64>,
    /// The factor that each milestone multiplies the learning rate by.
    pub factor: f64,
}

impl Default for Milestones {
    fn default() -> Self {
        // These values are our own choice.
        Self {
            at: vec![82.0, 123.0],
            factor: 0.1,
        }
    }
}

/// A schedule in stages of growing length: stage i = 0, 1, ... lasts `growth`^i epochs, and multiplies the learning
/// rate by `factor`^i (Burda et al. 2016, section 5). With a growth of 3, five stages take 121 epochs, and eight take
/// 3280.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stages {
    /// The ratio of the lengths of two successive stages.
    pub growth: f64,
    /// The factor by which the learning rate changes from stage to stage.
    pub factor: f64,
}

impl Default for Stages {
    fn default() -> Self {
        // The paper's values: eight stages from 1e-3 to 1e-4.
        Self {
            growth: 3.0,
            factor: 10_f64.powf(-1.0 / 7.0),
        }
    }
}

/// Returns a factor that rises linearly from 0 at the start to 1 at `length` epochs, and stays at 1.
pub fn warm_up(epoch: f64, length: f64) -> f64 {
    if length > 0.0 {
        (epoch / length).min(1.0)
    } else {
        1.0
    }
}

/// Returns a factor that rises repeatedly: in each of `cycles` equal parts of the `epochs` it rises linearly from 0 to
/// 1 over the fraction `rise` of the part, and then stays at 1 (Fu et al. 2019, equations 6 and 7). The end of a cycle
/// belongs to that cycle, not to the next.
pub fn cyclical(epoch: f64, epochs: f64, cycles: usize, rise: f64) -> f64 {
    let place = epoch / epochs * cycles as f64;
    let place = if epoch > 0.0 && place.fract() == 0.0 {
        1.0
    } else {
        place.fract()
    };
    warm_up(place, rise)
}

impl ScheduleKind for Constant {
    fn at(&self, epoch: f64, _epochs: f64) -> f64 {
        warm_up(epoch, self.warmup)
    }

    fn check(&self) -> Result<()> {
        at_least_zero("schedule.constant.warmup", self.warmup)
    }
}

impl ScheduleKind for Cosine {
    fn at(&self, epoch: f64, epochs: f64) -> f64 {
        let done =
            ((epoch - self.warmup) / (epochs - self.warmup).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let cosine =
            self.floor + (1.0 - self.floor) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        warm_up(epoch, self.warmup) * cosine
    }

    fn spread_over_epochs(&self) -> Option<&'static str> {
        Some("schedule.cosine")
    }

    fn check(&self) -> Result<()> {
        at_least_zero("schedule.cosine.warmup", self.warmup)?;
        within("schedule.cosine.floor", self.floor, 0.0, 1.0)
    }
}

impl ScheduleKind for Step {
    fn at(&self, epoch: f64, _epochs: f64) -> f64 {
        warm_up(epoch, self.warmup) * self.factor.powf((epoch / self.every).floor())
    }

    fn check(&self) -> Result<()> {
        at_least_zero("schedule.step.warmup", self.warmup)?;
        above_zero("schedule.step.every", self.every)?;
        within("schedule.step.factor", self.factor, 0.0, 1.0)
    }
}

impl ScheduleKind for Milestones {
    fn at(&self, epoch: f64, _epochs: f64) -> f64 {
        self.at
            .iter()
            .filter(|&&passed| passed <= epoch)
            .map(|_| self.factor)
            .product()
    }

    fn check(&self) -> Result<()> {
        self.at
            .iter()
            .try_for_each(|&epoch| above_zero("schedule.milestones.at", epoch))?;
        within("schedule.milestones.factor", self.factor, 0.0, 1.0)
    }
}

impl ScheduleKind for Stages {
    fn at(&self, epoch: f64, _epochs: f64) -> f64 {
        let (mut length, mut end, mut factor) = (1.0, 1.0, 1.0);
        while end <= epoch && factor > 0.0 {
            length *= self.growth;
            end += length;
            factor *= self.factor;
        }
        factor
    }

    fn check(&self) -> Result<()> {
        // Stages that become shorter would never reach the end.
        within("schedule.stages.growth", self.growth, 1.0, 1000.0)?;
        within("schedule.stages.factor", self.factor, 0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_pass_through_their_known_points() {
        let cosine = Cosine {
            warmup: 0.0,
            floor: 0.1,
        };
        assert_eq!(cosine.at(0.0, 10.0), 1.0);
        assert!((cosine.at(5.0, 10.0) - 0.55).abs() < 1e-12);
        assert!((cosine.at(10.0, 10.0) - 0.1).abs() < 1e-12);
        let step = Step {
            warmup: 0.0,
            every: 2.0,
            factor: 0.5,
        };
        assert_eq!(
            [0.0, 1.9, 2.0, 4.5].map(|epoch| step.at(epoch, 9.0)),
            [1.0, 1.0, 0.5, 0.25]
        );
        // The stages have 1, 3 and 9 epochs.
        let stages = Stages {
            growth: 3.0,
            factor: 0.5,
        };
        assert_eq!(
            [0.0, 0.99, 1.0, 3.99, 4.0, 12.9, 13.0].map(|epoch| stages.at(epoch, 13.0)),
            [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]
        );
        let warm = Constant { warmup: 2.0 };
        assert_eq!(
            [0.0, 1.0, 2.0, 3.0].map(|epoch| warm.at(epoch, 9.0)),
            [0.0, 0.5, 1.0, 1.0]
        );
    }

    #[test]
    fn a_cycle_rises_stays_and_begins_anew() {
        // Two cycles of four epochs; the factor rises in the first half of each.
        let at = |epoch| cyclical(epoch, 8.0, 2, 0.5);
        let known = [
            (0.0, 0.0),
            (1.0, 0.5),
            (2.0, 1.0),
            (3.0, 1.0),
            (4.0, 1.0),
            (4.5, 0.25),
            (6.0, 1.0),
            (8.0, 1.0),
        ];
        known
            .into_iter()
            .for_each(|(epoch, weight)| assert_eq!(at(epoch), weight, "{epoch}"));
        assert!(at(4.001) < 0.001);
        // Without a rise the factor is constant.
        assert_eq!(
            [0.0, 1.0, 5.0].map(|epoch| cyclical(epoch, 8.0, 2, 0.0)),
            [1.0; 3]
        );
    }

    #[test]
    fn a_schedule_that_changes_with_the_number_of_epochs_says_so() {
        for schedule in Schedule::every() {
            let changes = (0..=100).any(|tenth| {
                let epoch = f64::from(tenth) / 10.0;
                schedule.kind().at(epoch, 10.0) != schedule.kind().at(epoch, 20.0)
            });
            let said = schedule.kind().spread_over_epochs();
            let table = format!("schedule.{}", schedule.tag());
            assert_eq!(said, changes.then_some(table.as_str()));
        }
    }

    #[test]
    fn every_schedule_accepts_its_defaults_and_stays_within_zero_and_one() {
        for schedule in Schedule::every() {
            schedule.kind().check().unwrap();
            for tenth in 0..=100 {
                let factor = schedule.kind().at(f64::from(tenth) / 10.0, 10.0);
                assert!(
                    (0.0..=1.0).contains(&factor),
                    "{} at {tenth}",
                    schedule.tag()
                );
            }
        }
    }
}
