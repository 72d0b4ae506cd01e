//! The number of the task to run: by `--task`, or by the variable with which an engine numbers its jobs.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};

use crate::error::{Error, Result};

/// The variables of engines, and the number that each engine gives to its first job. Tasks are numbered from 0.
const VARIABLES: &[(&str, usize)] = &[
    ("SLURM_ARRAY_TASK_ID", 0),
    // Kubernetes' Indexed Jobs.
    ("JOB_COMPLETION_INDEX", 0),
    ("HQ_TASK_ID", 0),
    // GNU parallel always counts from 1.
    ("PARALLEL_SEQ", 1),
    ("PBS_ARRAY_INDEX", 0),
    // Grid Engine allows no 0.
    ("SGE_TASK_ID", 1),
    ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
];

/// The value of Grid Engine's variable outside of arrays.
const UNDEFINED: &str = "undefined";

/// A task, and what chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskNumber {
    pub task: usize,
    pub source: NumberSource,
}

/// The source of a task's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberSource {
    Flag,
    /// The variable of that name, whose engine counts from that number.
    Variable(&'static str, usize),
}

impl Display for NumberSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "--task",
            Self::Variable(name, _) => name,
        })
    }
}

/// Returns the task of a plan of `count` tasks that `flag` names, or else a variable, or `None` if nothing names one.
/// `variable` returns the value of a variable.
///
/// # Errors
/// Returns an error if the number is none, if there is no such task, or if two variables name different tasks.
pub fn task_number(
    flag: Option<usize>,
    count: usize,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<TaskNumber>> {
    if let Some(task) = flag {
        let source = NumberSource::Flag;
        return checked(TaskNumber { task, source }, count).map(Some);
    }
    let mut chosen: Option<TaskNumber> = None;
    for &(name, first) in VARIABLES {
        let Some(value) = variable(name).filter(|value| value != UNDEFINED) else {
            continue;
        };
        let found = checked(of_variable(name, first, &value)?, count)?;
        match chosen {
            Some(earlier) if earlier.task != found.task => {
                return Err(Error::request(format!(
                    "{} chooses task {}, and {} chooses task {}",
                    earlier.source, earlier.task, found.source, found.task
                ))
                .with_hint("pass the number of the task: `--task N`"));
            }
            Some(_) => {}
            None => chosen = Some(found),
        }
    }
    Ok(chosen)
}

fn of_variable(name: &'static str, first: usize, value: &OsString) -> Result<TaskNumber> {
    let text = value.to_string_lossy();
    let number = text.trim().parse::<usize>().ok();
    let task = number.and_then(|number| number.checked_sub(first));
    let task = task.ok_or_else(|| {
        Error::request(format!(
            "{name} is {text:?}; expected a whole number of at least {first}"
        ))
        .with_hint(unset(name))
    })?;
    let source = NumberSource::Variable(name, first);
    Ok(TaskNumber { task, source })
}

/// Checks that the plan has the task.
fn checked(number: TaskNumber, count: usize) -> Result<TaskNumber> {
    let TaskNumber { task, source } = number;
    if task < count {
        return Ok(number);
    }
    let last = count.saturating_sub(1);
    Err(match source {
        NumberSource::Flag => Error::request(format!(
            "--task {task}: the tasks of this plan are numbered from 0 to {last}"
        ))
        .with_hint("tasks count from 0: line 1 of the plan is task 0"),
        NumberSource::Variable(name, first) => Error::request(format!(
            "{name} is {}; for this plan it must be from {first} to {}",
            task + first,
            last + first
        ))
        .with_hint(format!(
            "`--emit` writes a range that fits; or {}",
            unset(name)
        )),
    })
}

/// Returns the hint for a variable that is set and means nothing to a sweep.
fn unset(name: &str) -> String {
    format!("to run all tasks here, unset it: env -u {name} vae sweep PLAN")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the task that variables choose in a plan of 4 tasks.
    fn chosen(variables: &[(&str, &str)]) -> Result<Option<(usize, String)>> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(OsString::from(found.1))
        };
        let found = task_number(None, 4, &lookup)?;
        Ok(found.map(|found| (found.task, found.source.to_string())))
    }

    #[test]
    fn every_engine_counts_its_own_way() {
        for (name, first, last) in [
            ("SLURM_ARRAY_TASK_ID", "0", "3"),
            ("JOB_COMPLETION_INDEX", "0", "3"),
            ("HQ_TASK_ID", "0", "3"),
            ("PARALLEL_SEQ", "1", "4"),
            ("PBS_ARRAY_INDEX", "0", "3"),
            ("SGE_TASK_ID", "1", "4"),
            ("AWS_BATCH_JOB_ARRAY_INDEX", "0", "3"),
        ] {
            let task = |value| chosen(&[(name, value)]).unwrap();
            assert_eq!(task(first), Some((0, name.to_owned())));
            assert_eq!(task(last), Some((3, name.to_owned())));
            for wrong in ["", "x", "-1", "1.5", "9"] {
                let error = chosen(&[(name, wrong)]).unwrap_err();
                assert!(error.to_string().starts_with(name), "{error}");
                assert!(error.hint().unwrap().contains("env -u"), "{error}");
                assert_eq!(error.code(), 2);
            }
        }
        let zero = chosen(&[("PARALLEL_SEQ", "0")]).unwrap_err().to_string();
        assert!(zero.contains("at least 1"), "{zero}");
        let fifth = chosen(&[("SGE_TASK_ID", "5")]).unwrap_err().to_string();
        assert!(
            fifth.contains("SGE_TASK_ID is 5; for this plan it must be from 1 to 4"),
            "{fifth}"
        );
    }

    #[test]
    fn without_a_number_all_tasks_are_meant() {
        assert_eq!(chosen(&[]).unwrap(), None);
        assert_eq!(chosen(&[("SGE_TASK_ID", "undefined")]).unwrap(), None);
    }

    #[test]
    fn engines_inside_engines_must_agree() {
        let both = |seq| chosen(&[("SLURM_ARRAY_TASK_ID", "2"), ("PARALLEL_SEQ", seq)]);
        assert_eq!(
            both("3").unwrap(),
            Some((2, "SLURM_ARRAY_TASK_ID".to_owned()))
        );
        let error = both("1").unwrap_err().to_string();
        assert_eq!(
            error,
            "SLURM_ARRAY_TASK_ID chooses task 2, and PARALLEL_SEQ chooses task 0"
        );
    }

    #[test]
    fn the_flag_is_stronger_than_variables() {
        let lookup = |_: &str| Some(OsString::from("nonsense"));
        let found = task_number(Some(3), 4, &lookup).unwrap().unwrap();
        assert_eq!((found.task, found.source), (3, NumberSource::Flag));
        let error = task_number(Some(4), 4, &lookup).unwrap_err().to_string();
        assert!(error.contains("numbered from 0 to 3"), "{error}");
    }
}
