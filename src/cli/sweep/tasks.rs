//! The running of a plan's tasks, one of them or all. A task that is done, begun or new can be run again at any time.

use std::path::Path;
use std::time::Instant;

use super::script::table_command;
use crate::cli::interrupt;
use crate::cli::run_args::RunArgs;
use crate::cli::train::{Planned, check_run, train_planned};
use crate::config::{SweepPlan, SweepTask};
use crate::device::{self, SelectedDevice};
use crate::error::{Error, ErrorKind, Result};
use crate::run::RunFolder;
use crate::ui;

/// A plan that is run, and the place of its runs.
pub struct PlanRun<'a> {
    pub plan: &'a SweepPlan,
    /// The plan's file.
    pub path: &'a Path,
    pub run_args: &'a RunArgs,
}

impl PlanRun<'_> {
    /// Runs the task with this number, and prints the folder of its run.
    pub fn one(&self, number: usize, began: Instant) -> Result<()> {
        let selected = device::select(&self.run_args.device)?;
        let task = &self.plan.tasks[number];
        self.train(task, &selected, began)?;
        ui::data(self.run_args.out.join(&task.name).display())
    }

    /// Runs the tasks in their order. One that fails does not stop the others.
    ///
    /// # Errors
    /// Returns an error, before anything is trained, if a line of the plan is wrong or a run has another config; the
    /// error of an interrupt; and in the end an error with exit code 1 if tasks have failed.
    pub fn all(&self, began: Instant) -> Result<AllDone> {
        for task in &self.plan.tasks {
            let config = task.config(self.path)?;
            check_run(&config, &self.folder(task)).map_err(|error| named(error, task))?;
        }
        let selected = device::select(&self.run_args.device)?;
        let mut failed = 0;
        for (index, task) in self.plan.tasks.iter().enumerate() {
            let began = if index == 0 { began } else { Instant::now() };
            match self.train(task, &selected, began) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    failed += 1;
                    ui::error_line(error.render());
                }
            }
            let is_last = index + 1 == self.plan.tasks.len();
            if interrupt::asked() && !is_last {
                return Err(self.interrupted(Error::interrupted(format!(
                    "stopped after task {}; saved",
                    task.task
                ))));
            }
        }
        Ok(AllDone { failed })
    }

    /// Trains a task to its end, or says that it is already done.
    fn train(&self, task: &SweepTask, selected: &SelectedDevice, began: Instant) -> Result<()> {
        let SweepTask {
            task: number, name, ..
        } = task;
        let config = task.config(self.path)?;
        let last = self.plan.tasks.len() - 1;
        ui::note(format_args!("task {number} (of 0 to {last}): {name}"));
        let planned = train_planned(&config, name, self.run_args, selected, began);
        match planned.map_err(|error| self.interrupted(named(error, task)))? {
            Planned::WasDone => ui::note(format_args!("task {number} is already done")),
            Planned::Trained => {}
        }
        Ok(())
    }

    /// Returns an interrupt's error with the command that goes on.
    fn interrupted(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Interrupted => error.with_hint(format!(
                "the same command goes on; what is done so far: {}",
                table_command(self.path, &self.run_args.out)
            )),
            _ => error,
        }
    }

    fn folder(&self, task: &SweepTask) -> RunFolder {
        RunFolder {
            path: self.run_args.out.join(&task.name),
        }
    }
}

/// The end of a run of all tasks.
#[derive(Clone, Copy, Debug)]
pub struct AllDone {
    /// The number of tasks that have failed.
    pub failed: usize,
}

impl AllDone {
    /// Returns an error with exit code 1 if tasks have failed.
    pub fn result(self, tasks: usize) -> Result<()> {
        if self.failed == 0 {
            return Ok(());
        }
        let failed = self.failed;
        Err(Error::failed(format!("{failed} of {tasks} tasks failed"))
            .with_hint("their errors are above; the same command tries them again"))
    }
}

/// Returns the error with its task in front.
fn named(error: Error, task: &SweepTask) -> Error {
    error.inside(&format!("task {}", task.task))
}
