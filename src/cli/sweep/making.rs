//! The making of a plan: every config is checked before the file is written.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::check::count;
use crate::cli::candidates::configs;
use crate::cli::config::check_before_data;
use crate::cli::next::next;
use crate::config::{self, SweepGrid, SweepPlan, plain_name};
use crate::error::{Error, Result, shell_word};
use crate::words::counted;
use crate::{files, ui};

/// The most seeds of a setting.
const MOST_SEEDS: usize = 10_000;

/// The arguments that make a plan.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// Write a plan to FILE, a line for each training, and train nothing
    #[arg(long = "plan", value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Train this preset (see `vae list presets`) or TOML file; `-` reads the TOML from stdin [default: digits]
    #[arg(long, add = configs())]
    config: Option<String>,

    /// Train with each of these values of the config, as in `objective.elbo.beta=1,4`; several keys span a grid (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUES")]
    sets: Vec<String>,

    /// Train each setting of the grid with N seeds [default: 1]
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,

    /// Begin with this seed; the others follow it [default: the config's]
    #[arg(long)]
    seed: Option<u64>,

    /// Train for N passes over the training images
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Start the names of the runs with this [default: the config's name]
    #[arg(long)]
    name: Option<String>,
}

impl PlanArgs {
    /// Returns the first flag that was given and that only the making of a plan takes.
    pub fn first_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--plan", self.file.is_some()),
            ("--config", self.config.is_some()),
            ("--set", !self.sets.is_empty()),
            ("--seeds", self.seeds.is_some()),
            ("--seed", self.seed.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--name", self.name.is_some()),
        ];
        let given = flags.into_iter().find(|(_, is_given)| *is_given);
        given.map(|(flag, _)| flag)
    }

    /// Writes the plan to `file` and prints its path.
    ///
    /// # Errors
    /// Returns an error, before anything is written, if a value is wrong or if `file` holds anything else.
    pub fn write(&self, file: &Path) -> Result<()> {
        let (grid, file_of_config) = self.grid()?;
        let plan = grid.plan()?;
        for task in plan.tasks.iter().step_by(grid.seeds) {
            check_before_data(&task.config(file)?, file_of_config)?;
        }
        let lines = plan.to_lines()?;
        if files::is_there(file)? {
            if files::read(file)? != lines.as_bytes() {
                return Err(Error::file(file, "this file holds something else").with_hint(
                    "choose another name for the plan, or remove the file if its runs are no longer needed",
                ));
            }
            ui::note(format_args!("{} is this plan already", file.display()));
        } else {
            files::write(file, lines.as_bytes())?;
        }
        introduce(&plan, grid.seeds);
        ui::data(file.display())?;
        next(format_args!("sweep {}", shell_word(file)));
        Ok(())
    }

    /// Returns the trainings, and the file that the config's figures stand in.
    fn grid(&self) -> Result<(SweepGrid, Option<&Path>)> {
        let seeds = self.seeds.unwrap_or(1);
        count("--seeds", seeds, MOST_SEEDS)?;
        let base = self.config.as_deref().unwrap_or("digits");
        let (config, config_name) = config::find(base)?;
        let mut sets = self.sets.clone();
        sets.extend(self.epochs.map(|epochs| format!("train.epochs={epochs}")));
        if let Some(set) = sets.iter().find(|set| is_for(set, "seed")) {
            return Err(Error::request(format!(
                "--set {set}: the seeds of a plan are not set one by one"
            ))
            .with_hint("`--seeds 5` trains with five seeds, and `--seed` names the first"));
        }
        let file =
            config::file_named(base).filter(|_| !sets.iter().any(|set| is_for(set, "figures")));
        Ok((
            SweepGrid {
                base: base.to_owned(),
                prefix: self.prefix(&config_name)?,
                first_seed: self.seed.unwrap_or(config.seed),
                config,
                sets,
                seeds,
            },
            file,
        ))
    }

    /// Returns the start of the runs' names.
    fn prefix(&self, config_name: &str) -> Result<String> {
        let Some(name) = &self.name else {
            let name = plain_name(config_name);
            let name = name.trim_start_matches(['-', '.', '+']);
            return Ok(if name.is_empty() { "sweep" } else { name }.to_owned());
        };
        let is_plain = !name.is_empty() && plain_name(name) == *name;
        if is_plain && !name.starts_with(['-', '.', '+']) {
            return Ok(name.clone());
        }
        Err(Error::request(format!(
            "--name {name:?}: expected letters, digits, `.`, `_`, `+` and `-`, and a letter or a digit first"
        ))
        .with_hint("the runs are called NAME-KEY=VALUE-seed=N, so that a path needs no quotes"))
    }
}

/// Returns whether an assignment is for `key`, or for a value in it.
fn is_for(set: &str, key: &str) -> bool {
    let rest = set.trim_start().strip_prefix(key);
    rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.', '[']))
}

/// Prints what the plan has, and who can run it.
fn introduce(plan: &SweepPlan, seeds: usize) {
    let (Some(first), Some(last)) = (plan.tasks.first(), plan.tasks.last()) else {
        return;
    };
    let count = plan.tasks.len();
    let names = match count {
        1 => first.name.clone(),
        _ => format!("{} to {}", first.name, last.name),
    };
    ui::note(format_args!(
        "{}, {} with {} each: {names}\nother programs run them with --emit parallel, slurm, k8s or hq",
        counted(count, "training"),
        counted(count / seeds, "setting"),
        counted(seeds, "seed"),
    ));
}
