//! `vae sweep`: makes a plan of many trainings, runs its tasks, and shows what came out.

mod emit;
mod k8s;
mod making;
mod results;
mod script;
mod task_number;
mod tasks;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use self::emit::Engine;
use self::making::PlanArgs;
use self::script::Script;
use self::task_number::{NumberSource, task_number};
use self::tasks::PlanRun;
use super::candidates::devices;
use super::model_arg::RUNS;
use super::next::{list_runs, next};
use super::output::show;
use super::run_args::RunArgs;
use crate::config::SweepPlan;
use crate::error::{Error, Result, shell_word};
use crate::ui;

/// The explanation of plans and tasks, for `--help`.
const LONG_HELP: &str = "\
--plan writes JSON lines. Each line describes one training, called a task: its number, from 0, the name of its run, the seed, the values that were \
set, and the config as TOML. A plan therefore gives the same trainings on another machine, and after a preset has changed. A comma within brackets or quotes \
does not separate values: --set 'model.mlp.hidden=[400, 200],[800]' has two values. --set objective=elbo,iwae trains with two objectives. A value that \
is wrong is an error before the plan is written.

A task is trained in the run of its name. It can be run again at any time: one that is done says so and ends with 0, and one that was stopped or killed \
goes on and ends with the same bytes. A run with another config than the plan's is an error.

Without --task, these variables choose the task: SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX (Kubernetes), HQ_TASK_ID (HyperQueue), \
PBS_ARRAY_INDEX and AWS_BATCH_JOB_ARRAY_INDEX count from 0, as --task does; PARALLEL_SEQ (GNU parallel) and SGE_TASK_ID (Grid Engine) count \
from 1, so that 1 is task 0. Without a variable, all tasks are run one after another. A task that fails does not stop the others; the exit code \
is 1 in the end. Ctrl-C saves the state and stops, with exit code 130; the same command goes on.

--table shows a row for each setting: how many of its seeds are done, the mean test ELBO with its standard error over seeds, the best \
seed, the validation ELBO, and the epochs. A reconstruction stands in place of the ELBO of an autoencoder. The best of several seeds or \
settings looks better than it is; the lines below the table say by how much to expect, and which setting the validation images choose.

--emit prints a script that runs all tasks elsewhere, with the flags --device, --data, --out and --threads given here.

Examples:
  vae sweep --config beta-vae --set objective.elbo.beta=1,2,4,8 --seeds 5 --plan sweep.jsonl
  vae sweep sweep.jsonl
  vae sweep sweep.jsonl --emit slurm > sweep.sbatch
  vae sweep sweep.jsonl --table";

/// Train a grid of settings and seeds: make a plan, run it here or on a cluster, and show a table
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Sweep {
    /// The plan to run, as `--plan` wrote it
    #[arg(value_name = "PLAN")]
    path: Option<PathBuf>,

    #[command(flatten)]
    making: PlanArgs,

    /// Run this task alone; the first line of the plan is task 0
    #[arg(long, value_name = "N")]
    task: Option<usize>,

    /// Show what is done so far, with means and errors over seeds, and train nothing
    #[arg(long, conflicts_with = "task")]
    table: bool,

    /// Print a script that runs the tasks with another program
    #[arg(long, value_name = "ENGINE", conflicts_with_all = ["task", "table"])]
    emit: Option<Engine>,

    /// Compute on auto (a GPU if there is one, else the CPU), cpu, ndarray, wgpu[:N] or cuda[:N]; see `vae devices`
    #[arg(long, default_value = "auto", add = devices())]
    device: String,

    /// Read the data set from this folder, archive or array file [default: $VAE_DATA if it is set, else data/ and the
    /// user's cache]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,

    /// Keep runs in this folder
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    out: PathBuf,

    /// Print the table as one JSON object
    #[arg(long)]
    json: bool,
}

impl Sweep {
    /// Makes a plan, runs it or shows it. `began` is the time at which the program was started, and `threads` the number of
    /// `--threads`.
    pub fn run(self, began: Instant, threads: Option<usize>) -> Result<()> {
        match (&self.path, &self.making.file) {
            (Some(path), _) => self.use_plan(path, began, threads),
            (None, Some(file)) => {
                self.refuse_flags_of_a_plan()?;
                self.making.write(file)
            }
            (None, None) => Err(Error::request("no plan is named").with_hint(
                "make one, as by `vae sweep --config smoke --set objective.elbo.beta=1,4 --plan sweep.jsonl`, and run it: vae sweep sweep.jsonl",
            )),
        }
    }

    fn use_plan(&self, path: &Path, began: Instant, threads: Option<usize>) -> Result<()> {
        if let Some(flag) = self.making.first_flag() {
            return Err(Error::request(format!(
                "{flag}: the trainings are those that {} states",
                path.display()
            ))
            .with_hint("leave the flag out; to make another plan, leave the name of this one out and pass `--plan FILE`"));
        }
        let plan = SweepPlan::read(path)?;
        let run_args = RunArgs {
            device: self.device.clone(),
            data: self.data.clone(),
            out: self.out.clone(),
        };
        if let Some(engine) = self.emit {
            self.refuse_json("--emit prints a script")?;
            let script = Script {
                plan: path,
                tasks: plan.tasks.len(),
                run_args: &run_args,
                threads,
            };
            ui::note(script.advice(engine));
            return ui::data(script.text(engine).trim_end());
        }
        if self.table {
            self.refuse_flags_of_a_training()?;
            return self.show_table(&plan, path, &run_args);
        }
        let run = PlanRun {
            plan: &plan,
            path,
            run_args: &run_args,
        };
        let variable = |name: &str| std::env::var_os(name);
        if let Some(chosen) = task_number(self.task, plan.tasks.len(), &variable)? {
            if let NumberSource::Variable(name, _) = chosen.source {
                ui::note(format_args!("{name} chooses task {}", chosen.task));
            }
            self.refuse_json("a single task prints its run's folder")?;
            run.one(chosen.task, began)?;
            let out = match self.out == Path::new(RUNS) {
                true => String::new(),
                false => format!(" --out {}", shell_word(&self.out)),
            };
            next(format_args!("sweep {} --table{out}", shell_word(path)));
            return Ok(());
        }
        let done = run.all(began)?;
        self.show_table(&plan, path, &run_args)?;
        done.result(plan.tasks.len())
    }

    fn show_table(&self, plan: &SweepPlan, path: &Path, run_args: &RunArgs) -> Result<()> {
        let results = results::read(plan, path, run_args)?;
        show(&results.report(), self.json)?;
        if !self.json {
            next(list_runs(&self.out));
        }
        Ok(())
    }

    fn refuse_json(&self, why: &str) -> Result<()> {
        match self.json {
            false => Ok(()),
            true => Err(Error::request(format!("--json: {why}"))
                .with_hint("leave the flag out, or pass `--table` as well")),
        }
    }

    /// Checks that no flag is given that only the use of a plan takes.
    fn refuse_flags_of_a_plan(&self) -> Result<()> {
        let flags = [
            ("--task", self.task.is_some()),
            ("--table", self.table),
            ("--emit", self.emit.is_some()),
            ("--json", self.json),
            ("--data", self.data.is_some()),
            ("--device", self.device != "auto"),
            ("--out", self.out != Path::new(RUNS)),
        ];
        refuse(
            &flags,
            "a plan is made, and nothing is trained yet",
            |flag| match flag {
                "--data" => {
                    "pass it when the plan is run; a config for images of your own: vae config --data PATH > mine.toml"
                }
                _ => "pass it when the plan is run: `vae sweep PLAN`",
            },
        )
    }

    /// Checks that no flag is given that only a training takes.
    fn refuse_flags_of_a_training(&self) -> Result<()> {
        let flags = [
            ("--data", self.data.is_some()),
            ("--device", self.device != "auto"),
        ];
        refuse(&flags, "--table trains nothing", |_| "leave the flag out")
    }
}

/// Returns an error for the first of `flags` that is given. `hint` says what to do about it.
fn refuse(flags: &[(&str, bool)], why: &str, hint: impl Fn(&str) -> &'static str) -> Result<()> {
    match flags.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((flag, _)) => Err(Error::request(format!("{flag}: {why}")).with_hint(hint(flag))),
    }
}
