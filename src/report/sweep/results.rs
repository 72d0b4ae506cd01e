//! The results of a sweep: its settings, their runs, and the scores of those.

use serde_json::{Value, json};

use crate::eval::Estimate;

/// A plan and what came out of its tasks so far.
#[derive(Clone, Debug)]
pub struct SweepResults {
    /// The keys that differ between the settings, and their titles.
    pub keys: Vec<(String, String)>,
    pub settings: Vec<SweepSetting>,
    /// The value to set to have validation images, as in `data.digits.validation=N`.
    pub validation_key: String,
    /// The command that runs the other tasks.
    pub command: String,
}

/// One setting of the config, trained with several seeds.
#[derive(Clone, Debug)]
pub struct SweepSetting {
    /// The value of each key, as `--set` takes it.
    pub values: Vec<String>,
    pub runs: Vec<SweepRun>,
}

/// The run of one task.
#[derive(Clone, Debug)]
pub struct SweepRun {
    pub task: usize,
    pub name: String,
    pub seed: u64,
    pub state: TaskState,
    pub epochs: usize,
    /// The test and the validation score of the run's model.
    pub test: Option<RunScore>,
    pub validation: Option<RunScore>,
    /// The parts of the protocol that are known; see [`PROTOCOL`](crate::report::evaluation::PROTOCOL).
    pub protocol: Value,
}

/// The mean over the images of a split, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunScore {
    /// `None` for an autoencoder.
    pub elbo: Option<f64>,
    pub reconstruction: f64,
}

/// The state of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    Done,
    /// A process trains it now.
    Running,
    /// Epochs are left to do.
    Begun,
    New,
    /// Its run cannot be used, for this reason.
    Unusable(String),
}

impl TaskState {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Begun => "begun",
            Self::New => "not begun",
            Self::Unusable(_) => "unusable",
        }
    }
}

impl RunScore {
    /// Returns the number that is larger for the better of two models.
    pub(super) fn score(self) -> f64 {
        self.elbo.unwrap_or(-self.reconstruction)
    }
}

impl SweepSetting {
    pub(super) fn done(&self) -> impl Iterator<Item = &SweepRun> + Clone {
        self.runs.iter().filter(|run| run.state == TaskState::Done)
    }

    /// Returns the mean of a number over the seeds that are done, with its standard error over seeds. Returns `None` if a
    /// run has no such number.
    pub(super) fn mean(&self, number: impl Fn(&SweepRun) -> Option<f64>) -> Option<Estimate> {
        let numbers: Option<Vec<f64>> = self.done().map(number).collect();
        let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
        Some(Estimate::of(numbers.into_iter()))
    }

    /// Returns the score of the best seed on the test images, as the table shows it.
    pub(super) fn best(&self) -> Option<f64> {
        let tests = self.done().filter_map(|run| run.test);
        let best = tests.max_by(|a, b| a.score().total_cmp(&b.score()))?;
        Some(best.elbo.unwrap_or(best.reconstruction))
    }

    /// Returns the numbers of epochs of the runs that are done, in ascending order.
    pub(super) fn epochs(&self) -> Vec<usize> {
        let mut epochs: Vec<usize> = self.done().map(|run| run.epochs).collect();
        epochs.sort_unstable();
        epochs.dedup();
        epochs
    }

    /// Returns the test score, larger for better models, except that a reconstruction is shown as it is.
    pub(super) fn test(&self) -> Option<Estimate> {
        self.mean(|run| run.test?.elbo)
            .or_else(|| self.mean(|run| Some(run.test?.reconstruction)))
    }

    /// Returns the validation score, which is larger for better models.
    pub(super) fn validation(&self) -> Option<Estimate> {
        self.mean(|run| Some(run.validation?.score()))
    }
}

impl SweepRun {
    pub(super) fn json(&self) -> Value {
        let [test, validation] = [self.test, self.validation].map(|score| {
            score.map(|score| json!({ "elbo": score.elbo, "reconstruction": score.reconstruction }))
        });
        let reason = match &self.state {
            TaskState::Unusable(reason) => Some(reason),
            _ => None,
        };
        json!({
            "task": self.task,
            "run": self.name,
            "seed": self.seed,
            "state": self.state.name(),
            "reason": reason,
            "epochs": self.epochs,
            "test": test,
            "validation": validation,
        })
    }
}
