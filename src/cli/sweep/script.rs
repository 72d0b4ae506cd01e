//! The tasks that a script runs with another program, and the words of the command that it starts.

use std::path::Path;

use crate::cli::model_arg::RUNS;
use crate::cli::run_args::RunArgs;
use crate::config::plain_name;
use crate::error::shell_word;

/// The threads of a task on a cluster, unless `--threads` names another number.
const THREADS: usize = 2;

/// The tasks that a script is to run, and the flags that they get.
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
    pub(super) fn command(&self) -> String {
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

    /// Returns the command that shows what is done so far.
    pub(super) fn table_command(&self) -> String {
        table_command(self.plan, &self.run_args.out)
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
}

/// Returns the command that shows what is done of a plan whose runs are in the folder `out`.
pub fn table_command(plan: &Path, out: &Path) -> String {
    let plan = shell_word(plan);
    if out == Path::new(RUNS) {
        format!("vae sweep {plan} --table")
    } else {
        format!("vae sweep {plan} --table --out {}", shell_word(out))
    }
}
