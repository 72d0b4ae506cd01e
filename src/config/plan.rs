//! The plan of a sweep: a JSON line for each training, with its whole config. It means the same on another machine, and
//! after the preset or the file that it was made from has changed.

mod grid;
mod run_name;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;

use super::overrides::set_all;
use super::schema::Config;
use super::type_words::in_words;
use crate::error::{Error, Result};
use crate::files;

pub use run_name::{plain_name, point_value, short_keys, varied_keys};

/// The version of the lines that this program writes.
const VERSION: u64 = 1;

/// The trainings of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPlan {
    /// At least one, numbered from 0.
    pub tasks: Vec<SweepTask>,
}

/// One training, as its line states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepTask {
    plan_version: u64,
    /// The number of the task, from 0: that of its line, less 1.
    pub task: usize,
    /// The name of its run.
    pub name: String,
    /// The preset or the file that the config was made from, for readers.
    pub base: String,
    /// The values that were set in it, as `--set` takes them.
    pub set: Vec<String>,
    pub seed: u64,
    /// The whole config as TOML, which is what is trained.
    config: String,
}

/// The trainings that a plan is made of.
#[derive(Clone, Debug)]
pub struct SweepGrid {
    /// The preset or the file that `config` is from.
    pub base: String,
    /// The start of the runs' names.
    pub prefix: String,
    pub config: Config,
    /// The values to set; several values of a key span a grid.
    pub sets: Vec<String>,
    pub first_seed: u64,
    /// The number of seeds of each point.
    pub seeds: usize,
}

impl SweepGrid {
    /// Makes the plan, with the seeds of a point one after another.
    ///
    /// # Errors
    /// Returns an error if a value cannot be set, if a config is wrong, if two trainings are the same, or if there are too
    /// many.
    pub fn plan(&self) -> Result<SweepPlan> {
        let points = grid::points(&self.sets)?;
        grid::check_count(points.len().saturating_mul(self.seeds))?;
        let names = run_name::point_names(&self.prefix, &points);
        let mut tasks: Vec<SweepTask> = Vec::new();
        let mut known: HashMap<String, String> = HashMap::new();
        for (point, name) in points.iter().zip(&names) {
            let at_point = set_all(&self.config, point)?;
            for offset in 0..self.seeds as u64 {
                let config = Config {
                    seed: self.first_seed.saturating_add(offset),
                    ..at_point.clone()
                };
                config.check()?;
                let task = SweepTask {
                    plan_version: VERSION,
                    task: tasks.len(),
                    name: format!("{name}-seed={}", config.seed),
                    base: self.base.clone(),
                    set: point.clone(),
                    seed: config.seed,
                    config: config.to_toml()?,
                };
                if let Some(other) = known.insert(task.config.clone(), task.name.clone()) {
                    return Err(Error::request(format!(
                        "--set: {other} and {} would be the same training",
                        task.name
                    ))
                    .with_hint("name each value once"));
                }
                tasks.push(task);
            }
        }
        Ok(SweepPlan { tasks })
    }
}

impl SweepPlan {
    /// Returns the plan as JSON lines.
    pub fn to_lines(&self) -> Result<String> {
        let line = |task: &SweepTask| {
            let line = serde_json::to_string(task).map_err(Error::failed)?;
            Ok(line + "\n")
        };
        self.tasks.iter().map(line).collect()
    }

    /// Reads the plan in a file. The configs in it are checked when they are used.
    ///
    /// # Errors
    /// Returns an error that names the line if the file is missing or empty, if a line is no task of a plan or is of a
    /// later version, or if tasks are not numbered from 0 or share a name.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path).map_err(|error| match error.hint() {
            Some(_) => error,
            None => error.with_hint(MAKE_ONE),
        })?;
        Self::parse(&files::decode(path, &bytes)?, path)
    }

    /// Reads a plan from its text; `path` is only used in messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut tasks: Vec<SweepTask> = Vec::new();
        let mut names = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let fail = |what: String| Error::file(path, format!("line {}: {what}", index + 1));
            let task = SweepTask::parse(line).map_err(|(what, hint)| fail(what).with_hint(hint))?;
            if task.task != index {
                return Err(fail(format!(
                    "`task` is {}; expected {index}: tasks are numbered from 0, one on each line",
                    task.task
                ))
                .with_hint("number the lines anew, or make the plan again"));
            }
            // Some file systems do not tell upper from lower case.
            if !names.insert(task.name.to_lowercase()) {
                let what = format!("`name` is {}, as on an earlier line", task.name);
                return Err(fail(what).with_hint("give each run a name of its own"));
            }
            tasks.push(task);
        }
        if tasks.is_empty() {
            return Err(Error::file(path, "this plan is empty").with_hint(MAKE_ONE));
        }
        Ok(Self { tasks })
    }
}

/// The hint for a file that is not a plan.
const MAKE_ONE: &str = "make a plan: vae sweep --config smoke --set objective.elbo.beta=1,4 --seeds 3 --plan sweep.jsonl";

impl SweepTask {
    /// Reads a line of a plan. The error is the message and a hint.
    fn parse(line: &str) -> Result<Self, (String, String)> {
        let wrong = |what: &str| (format!("not a task of a plan: {what}"), MAKE_ONE.to_owned());
        let not_a_task = |error| wrong(&mistake(line, &error));
        let value: Value = serde_json::from_str(line).map_err(not_a_task)?;
        if !value.is_object() {
            return Err(wrong("expected `{`, and values such as `\"task\":0`"));
        }
        if let Some(version) = value["plan_version"]
            .as_u64()
            .filter(|found| *found != VERSION)
        {
            return Err((
                format!("`plan_version` is {version}; this program reads {VERSION}"),
                "use the version of vae that made the plan, or make it again".to_owned(),
            ));
        }
        let task: Self = serde_json::from_value(value).map_err(not_a_task)?;
        if plain_name(&task.name.replace('=', "")) != task.name.replace('=', "")
            || task.name.starts_with(['-', '.', '='])
            || task.name.is_empty()
        {
            return Err((
                format!("`name` is {:?}; expected the name of a folder", task.name),
                format!(
                    "letters, digits and {NAME_SIGNS} are allowed, and a letter or a digit first"
                ),
            ));
        }
        Ok(task)
    }

    /// Returns the config to train.
    ///
    /// # Errors
    /// Returns an error if it is wrong, or if it does not have the seed and the values that the line states beside it.
    pub fn config(&self, plan: &Path) -> Result<Config> {
        let place = format!("{}: line {}", plan.display(), self.task + 1);
        let inside = |error: Error| error.inside(&place);
        let config = Config::parse(&self.config, Path::new("config")).map_err(inside)?;
        config.check().map_err(inside)?;
        let stated = Config {
            seed: self.seed,
            ..set_all(&config, &self.set).map_err(inside)?
        };
        if stated == config {
            return Ok(config);
        }
        let changes = super::changes(&config, &stated, 0)?;
        let keys: Vec<String> = changes
            .iter()
            .map(|change| format!("`{}`", change.key))
            .collect();
        Err(Error::request(format!(
            "{place}: `set` and `seed` state other values than `config`: {}",
            keys.join(", ")
        ))
        .with_hint("make the plan again; if lines are edited, both places must agree"))
    }
}

/// Returns the mistake in a line that is no task, in words.
fn mistake(line: &str, error: &serde_json::Error) -> String {
    match error.classify() {
        _ if line.trim().is_empty() => "the line is empty".to_owned(),
        Category::Eof => "the line ends in the middle of a value".to_owned(),
        Category::Syntax | Category::Io => format!("not valid JSON at column {}", error.column()),
        Category::Data => {
            let text = error.to_string();
            match text.strip_prefix("missing field ") {
                Some(field) => format!("{field} is missing"),
                None => in_words(&text),
            }
        }
    }
}

/// The signs that a run's name in a plan may have, beside letters and digits.
const NAME_SIGNS: &str = "`.`, `_`, `+`, `-`, `=`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find_preset;

    fn grid(sets: &[&str], seeds: usize) -> SweepGrid {
        SweepGrid {
            base: "smoke".to_owned(),
            prefix: "smoke".to_owned(),
            config: find_preset("smoke").unwrap().config().unwrap(),
            sets: sets.iter().map(|&set| set.to_owned()).collect(),
            first_seed: 3,
            seeds,
        }
    }

    #[test]
    fn a_plan_that_is_read_is_the_plan_that_was_written() {
        let plan = grid(&["objective.elbo.beta=1,4", "model.mlp.hidden=[8, 4]"], 2);
        let plan = plan.plan().unwrap();
        let names: Vec<&str> = plan.tasks.iter().map(|task| task.name.as_str()).collect();
        let expected = [
            "beta=1-seed=3",
            "beta=1-seed=4",
            "beta=4-seed=3",
            "beta=4-seed=4",
        ];
        assert_eq!(names, expected.map(|name| format!("smoke-{name}")));
        let place = Path::new("sweep.jsonl");
        let read = SweepPlan::parse(&plan.to_lines().unwrap(), place).unwrap();
        assert_eq!(read, plan);
        let config = read.tasks[3].config(place).unwrap();
        assert_eq!(config.seed, 4);
        assert!(config.to_toml().unwrap().contains("beta = 4.0"));
        assert!(config.to_toml().unwrap().contains("hidden = [8, 4]"));
    }

    #[test]
    fn the_same_training_twice_is_refused() {
        for same in ["train.batch=64,64", "objective.elbo.beta=1,1.0"] {
            let error = grid(&[same], 1).plan().unwrap_err();
            let text = error.to_string();
            assert!(text.contains("would be the same training"), "{text}");
        }
    }

    #[test]
    fn a_wrong_config_is_an_error_when_the_plan_is_made() {
        for (set, part) in [
            ("train.bacth=1,2", "bacth"),
            ("train.epochs=1,0", "train.epochs is 0"),
            ("train.batch=many", "expected a whole number"),
        ] {
            let error = grid(&[set], 1).plan().unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_line_whose_values_disagree_is_refused() {
        let plan = grid(&["objective.elbo.beta=1,4"], 1).plan().unwrap();
        let lines = plan.to_lines().unwrap();
        let place = Path::new("sweep.jsonl");
        for (from, to, key) in [
            (
                "objective.elbo.beta=4",
                "objective.elbo.beta=2",
                "`objective.elbo.beta`",
            ),
            ("\"seed\":3", "\"seed\":5", "`seed`"),
        ] {
            let plan = SweepPlan::parse(&lines.replace(from, to), place).unwrap();
            let error = plan.tasks[1].config(place).unwrap_err().to_string();
            assert!(
                error.contains("sweep.jsonl: line 2: ") && error.contains(key),
                "{error}"
            );
        }
    }

    #[test]
    fn a_line_that_is_no_task_is_named() {
        let plan = grid(&["objective.elbo.beta=1,4"], 1).plan().unwrap();
        let lines = plan.to_lines().unwrap();
        for (text, part) in [
            (String::new(), "this plan is empty"),
            (
                lines.clone() + "not JSON\n",
                "line 3: not a task of a plan: not valid JSON at column 2",
            ),
            (
                lines[..lines.len() - 9].to_owned(),
                "line 2: not a task of a plan: the line ends in the middle of a value",
            ),
            (
                "[1, 0]".to_owned(),
                "line 1: not a task of a plan: expected `{`",
            ),
            (
                lines.clone() + "\n",
                "line 3: not a task of a plan: the line is empty",
            ),
            (lines.clone() + &lines, "line 3: `task` is 0; expected 2"),
            (
                lines.replace("\"seed\":3,", ""),
                "line 1: not a task of a plan: `seed` is missing",
            ),
            (
                lines.replace("\"task\":1", "\"task\":\"one\""),
                "line 2: not a task of a plan: expected a whole number",
            ),
            (
                lines.replace("\"plan_version\":1", "\"plan_version\":2"),
                "`plan_version` is 2; this program reads 1",
            ),
            (
                lines.replace("beta=4-seed", "beta=1-seed"),
                "line 2: `name` is smoke-beta=1-seed=3, as on an earlier line",
            ),
            (
                lines.replace("smoke-beta=4", "../smoke"),
                "line 2: `name` is \"../smoke-seed=3\"",
            ),
        ] {
            let error = SweepPlan::parse(&text, Path::new("sweep.jsonl")).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.hint().is_some() && error.code() == 2, "{error}");
        }
    }
}
