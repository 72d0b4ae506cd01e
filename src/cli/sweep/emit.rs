//! Scripts that run a plan's tasks with other programs. Each engine numbers its jobs, starts them and starts those again
//! that ended early; `vae sweep` does the rest.

use std::path::Path;

use clap::ValueEnum;

use super::k8s::job;
use crate::cli::model_arg::RUNS;
use crate::cli::run_args::RunArgs;
use crate::config::plain_name;
use crate::error::shell_word;

/// The threads of a task on a cluster, unless `--threads` names another number.
const THREADS: usize = 2;

/// A program that runs many jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// A shell script for GNU parallel, on this machine
    Parallel,
    /// A job array for sbatch
    Slurm,
    /// An Indexed Job for Kubernetes 1.33 or newer
    K8s,
    /// A shell script for HyperQueue
    Hq,
}

/// What a script is to run.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    pub plan: &'a Path,
    /// The number of tasks.
    pub tasks: usize,
    pub run_args: &'a RunArgs,
    /// The number of `--threads`.
    pub threads: Option<usize>,
}

impl Script<'_> {
    /// Returns the script for `engine`.
    pub fn text(&self, engine: Engine) -> String {
        match engine {
            Engine::Parallel => self.parallel(),
            Engine::Slurm => self.slurm(),
            Engine::K8s => job(self),
            Engine::Hq => self.hq(),
        }
    }

    /// Returns how to use the script for `engine`.
    pub fn advice(&self, engine: Engine) -> String {
        let plan = shell_word(self.plan);
        let save = |file: &str| format!("vae sweep {plan} --emit {} > {file}", name_of(engine));
        let table = format!("vae sweep {plan} --table");
        match engine {
            Engine::Parallel => format!(
                "save it with `{}`, run it with `sh sweep.sh`, and again to go on after a stop\nwhat is done so far: {table}",
                save("sweep.sh")
            ),
            Engine::Slurm => {
                let mut text = format!(
                    "save it with `{}`, set the time and the partition in it, and submit it: sbatch sweep.sbatch\nwhat is done so far: {table}",
                    save("sweep.sbatch")
                );
                if self.tasks > 1001 {
                    text += "\na cluster takes arrays of 1001 jobs unless it was set up for more: `scontrol show config | grep MaxArraySize`";
                }
                text
            }
            Engine::K8s => format!(
                "save it with `{}`, replace IMAGE by an image with `vae` and CLAIM by a volume claim that several nodes can write to, copy the plan into that volume, and: kubectl apply -f sweep.yaml",
                save("sweep.yaml")
            ),
            Engine::Hq => format!(
                "start a server and workers (`hq server start`, `hq worker start`), then: vae sweep {plan} --emit hq | sh\nsubmit it again to go on after a stop"
            ),
        }
    }

    /// Returns the words of the command that runs a task, which an engine's variable or `--task` chooses. `plan` is its
    /// path where the command runs.
    pub(super) fn words(&self, plan: &str) -> Vec<String> {
        let RunArgs { device, data, out } = self.run_args;
        let mut words = ["vae", "sweep", plan].map(str::to_owned).to_vec();
        let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if device != "auto" {
            flag("--device", device.clone());
        }
        if let Some(data) = data {
            flag("--data", data.to_string_lossy().into_owned());
        }
        if out != Path::new(RUNS) {
            flag("--out", out.to_string_lossy().into_owned());
        }
        words
    }

    /// Returns the same words as a part of a shell's command.
    fn command(&self) -> String {
        let words = self.words(&self.plan.to_string_lossy());
        let words = words.iter().enumerate().map(|(index, word)| {
            // Only a path may begin with a hyphen and mean no flag.
            if index > 2 && index % 2 == 1 {
                word.clone()
            } else {
                shell_word(word)
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the name of the plan, for jobs and their files.
    pub(super) fn name(&self) -> String {
        let stem = self.plan.file_stem().unwrap_or_default();
        let name = plain_name(&stem.to_string_lossy());
        let name = name.trim_start_matches(['-', '.', '+']);
        if name.is_empty() { "sweep" } else { name }.to_owned()
    }

    pub(super) fn last(&self) -> usize {
        self.tasks.saturating_sub(1)
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or(THREADS)
    }

    /// Returns whether a task computes on a graphics card.
    pub(super) fn uses_gpu(&self) -> bool {
        ["cuda", "wgpu"]
            .iter()
            .any(|kind| self.run_args.device.starts_with(kind))
    }

    fn parallel(&self) -> String {
        // One thread for each task keeps all cores busy best. A card takes one task at a time.
        let threads = self.threads.unwrap_or(1);
        let jobs = match self.uses_gpu() {
            true => "1".to_owned(),
            false => format!("{}%", (100 / threads.max(1)).max(1)),
        };
        let command = self.command();
        // Otherwise a shell would read the words a second time.
        let quote = if command.contains(['\'', '"', '\\']) {
            "--quote "
        } else {
            ""
        };
        format!(
            "#!/bin/sh
# Runs {} trainings with GNU parallel. Run it again to go on: what is done stays done, and what was stopped is resumed.
# --jobs 100% starts a task for each core; lower it if memory runs out. On Ctrl-C a task has 10 seconds to save its state.
seq 0 {} | parallel --jobs {jobs} --retries 2 --joblog {}.joblog --resume-failed \\
    --termseq TERM,10000,KILL,25 --line-buffer --tag \\
    {quote}{command} --task {{}} --threads {threads} --quiet
",
            self.tasks,
            self.last(),
            self.name(),
        )
    }

    fn slurm(&self) -> String {
        let (name, threads) = (self.name(), self.threads());
        let card = if self.uses_gpu() {
            "#SBATCH --gres=gpu:1\n"
        } else {
            ""
        };
        format!(
            "#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{}
#SBATCH --cpus-per-task={threads}
{card}#SBATCH --time=04:00:00
#SBATCH --output={name}-%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@60
# A minute before the time limit the training saves its state and ends with exit code 130: the task goes on in a new job.
srun --cpus-per-task={threads} {} --threads {threads}
code=$?
if [ \"$code\" = 130 ]; then scontrol requeue \"$SLURM_JOB_ID\"; fi
exit \"$code\"
",
            self.last(),
            self.command(),
        )
    }

    fn hq(&self) -> String {
        let threads = self.threads();
        let card = if self.uses_gpu() {
            " --resource gpus/nvidia=1"
        } else {
            ""
        };
        format!(
            "#!/bin/sh
# Runs {} trainings with HyperQueue, which starts a task again if its worker is lost. Submit it again to go on with the rest.
hq submit --name {} --array 0-{} --cpus {threads}{card} -- \\
    {} --threads {threads}
",
            self.tasks,
            self.name(),
            self.last(),
            self.command(),
        )
    }
}

fn name_of(engine: Engine) -> String {
    let value = engine.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
