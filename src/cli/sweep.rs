//! `vae sweep`: makes a plan of many trainings, runs its tasks, and shows what came out.

mod making;
mod task_number;
mod tasks;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use self::making::PlanArgs;
use self::task_number::{NumberSource, task_number};
use self::tasks::PlanRun;
use super::model_arg::RUNS;
use super::run_args::RunArgs;
use crate::config::SweepPlan;
use crate::error::{Error, Result};
use crate::ui;

/// Train a grid of settings and seeds: make a plan, run it here or on a cluster, and show a table
#[derive(Debug, Args)]
pub struct Sweep {
    /// The plan to run, as `--plan` wrote it
    #[arg(value_name = "PLAN")]
    path: Option<PathBuf>,

    #[command(flatten)]
    making: PlanArgs,

    /// Run this task alone; the first line of the plan is task 0
    #[arg(long, value_name = "N")]
    task: Option<usize>,

    #[command(flatten)]
    run_args: RunArgs,
}

impl Sweep {
    /// Makes a plan, runs it or shows it. `began` is the time at which the program was started.
    pub fn run(self, began: Instant) -> Result<()> {
        match (&self.path, &self.making.file) {
            (Some(path), _) => self.run_plan(path, began),
            (None, Some(file)) => {
                self.refuse_other_flags()?;
                self.making.write(file)
            }
            (None, None) => Err(Error::request("no plan is named").with_hint(
                "make one with `--plan FILE`, as in `vae sweep --config smoke --set objective.elbo.beta=1,4 --plan sweep.jsonl`, then run it: vae sweep sweep.jsonl",
            )),
        }
    }

    fn run_plan(&self, path: &Path, began: Instant) -> Result<()> {
        if let Some(flag) = self.making.first_flag() {
            return Err(Error::request(format!(
                "{flag}: {} states its trainings already",
                path.display()
            ))
            .with_hint(
                "leave the flag out, or make another plan: leave PLAN out, and pass `--plan FILE`",
            ));
        }
        let plan = SweepPlan::read(path)?;
        let run = PlanRun {
            plan: &plan,
            path,
            run_args: &self.run_args,
        };
        let variable = |name: &str| std::env::var_os(name);
        if let Some(chosen) = task_number(self.task, plan.tasks.len(), &variable)? {
            if let NumberSource::Variable(name, _) = chosen.source {
                ui::note(format_args!("{name} chooses task {}", chosen.task));
            }
            return run.one(chosen.task, began);
        }
        run.all(began)?.result(plan.tasks.len())
    }

    /// Checks that no flag is passed to the making of a plan that only its running takes.
    fn refuse_other_flags(&self) -> Result<()> {
        let flags = [
            ("--task", self.task.is_some()),
            ("--data", self.run_args.data.is_some()),
            ("--device", self.run_args.device != "auto"),
            ("--out", self.run_args.out != Path::new(RUNS)),
        ];
        match flags.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((flag, _)) => Err(Error::request(format!(
                "{flag}: has no effect on a plan, which can be run anywhere"
            ))
            .with_hint("pass it when the plan is run: `vae sweep PLAN`")),
        }
    }
}
