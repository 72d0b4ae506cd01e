//! Scripts that run a plan's tasks with other programs. Each engine numbers its jobs, starts them and starts those again
//! that ended early; `vae sweep` does the rest.

use clap::ValueEnum;

use super::k8s::job;
use super::script::Script;

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
        let threads = self
            .threads
            .map_or_else(String::new, |threads| format!(" --threads {threads}"));
        let emit = format!("{} --emit {}{threads}", self.command(), name_of(engine));
        let save = |file: &str| format!("{emit} > {file}");
        let table = self.table_command();
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
                "start a server and workers (`hq server start`, `hq worker start`), then: {emit} | sh\nsubmit it again to go on after a stop"
            ),
        }
    }

    fn parallel(&self) -> String {
        // One thread for each task keeps all cores busy best. A card takes one task at a time.
        let threads = self.threads.unwrap_or(1);
        let (jobs, share) = if self.uses_gpu() {
            (
                "1".to_owned(),
                "runs one task at a time on the card; raise it if the card has memory for more"
                    .to_owned(),
            )
        } else {
            let each = match threads {
                0 | 1 => "core".to_owned(),
                more => format!("{more} cores"),
            };
            let jobs = format!("{}%", (100 / threads.max(1)).max(1));
            (
                jobs,
                format!("runs one task per {each} at once; lower it if memory runs out"),
            )
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
# --jobs {jobs} {share}. On Ctrl-C a task has 10 seconds to save its state.
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
