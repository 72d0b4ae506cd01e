//! The results of a plan so far, from the files of its runs.

use std::path::Path;

use serde_json::{Value, json};

use super::script::Script;
use crate::cli::list::runs::summary;
use crate::cli::run_args::RunArgs;
use crate::cli::train::{check_run, is_blank};
use crate::config::{self, Config, SweepPlan, SweepTask, point_value, short_keys, varied_keys};
use crate::error::Result;
use crate::files;
use crate::report::runs::RunState;
use crate::report::sweep::{RunScore, SweepResults, SweepRun, SweepSetting, TaskState};
use crate::run::{About, Record, RunFolder, best_validation, read_metrics};

/// The title of the column of presets and files, where lines of several plans are in one.
const BASE: &str = "config";

/// Reads the runs of a plan, in the folder of `run_args`.
///
/// # Errors
/// Returns an error if a line of the plan is wrong. What is wrong with a run is said in its row.
pub fn read(plan: &SweepPlan, path: &Path, run_args: &RunArgs) -> Result<SweepResults> {
    let runs = &run_args.out;
    let mut points: Vec<(&str, Vec<String>)> = Vec::new();
    let mut tasks: Vec<Vec<&SweepTask>> = Vec::new();
    for task in &plan.tasks {
        let point = (task.base.as_str(), task.set.clone());
        match points.iter().position(|known| *known == point) {
            Some(index) => tasks[index].push(task),
            None => {
                points.push(point);
                tasks.push(vec![task]);
            }
        }
    }
    let sets: Vec<Vec<String>> = points.iter().map(|(_, set)| set.clone()).collect();
    let varied = varied_keys(&sets);
    let titles = short_keys(&varied).into_iter().map(str::to_owned);
    let mut keys: Vec<(String, String)> = varied.iter().cloned().zip(titles).collect();
    let has_bases = points.iter().any(|(base, _)| *base != points[0].0);
    if has_bases {
        keys.insert(0, (BASE.to_owned(), BASE.to_owned()));
    }
    let mut settings = Vec::new();
    for ((base, set), tasks) in points.iter().zip(tasks) {
        let values = varied.iter().map(|key| point_value(set, key).to_owned());
        let base = has_bases.then(|| (*base).to_owned());
        let found = tasks.iter().map(|task| run(task, path, runs));
        settings.push(SweepSetting {
            values: base.into_iter().chain(values).collect(),
            runs: found.collect::<Result<_>>()?,
        });
    }
    let kind = plan.tasks[0].config(path)?.data.tag();
    let script = Script {
        plan: path,
        tasks: plan.tasks.len(),
        run_args,
        threads: None,
    };
    Ok(SweepResults {
        keys,
        settings,
        validation_key: format!("data.{kind}.validation=N"),
        command: script.command(),
    })
}

/// Reads the run of a task.
fn run(task: &SweepTask, plan: &Path, runs: &Path) -> Result<SweepRun> {
    let planned = task.config(plan)?;
    let folder = RunFolder {
        path: runs.join(&task.name),
    };
    let mut run = SweepRun {
        task: task.task,
        name: task.name.clone(),
        seed: task.seed,
        state: TaskState::New,
        epochs: 0,
        test: None,
        validation: None,
        protocol: Value::Null,
    };
    let runs_now = folder.is_in_training();
    if is_blank(&folder) {
        if runs_now {
            run.state = TaskState::Running;
        }
        return Ok(run);
    }
    if let Err(error) = check_run(&planned, &folder) {
        run.state = TaskState::Unusable(error.to_string());
        return Ok(run);
    }
    let found = summary(folder.path.clone());
    run.epochs = found.epochs_done;
    run.state = match found.state {
        RunState::Finished | RunState::Stopped => TaskState::Done,
        RunState::Running => TaskState::Running,
        RunState::Unfinished => TaskState::Begun,
        // The training was killed while it wrote: its state has all that the task needs to go on.
        RunState::Broken(_) if files::is_filled(&folder.state()) => TaskState::Begun,
        RunState::Broken(reason) => TaskState::Unusable(reason),
    };
    if run.state == TaskState::Done {
        let kept = config::read(&folder.config()).unwrap_or(planned);
        match read_metrics(&folder.metrics()) {
            Ok(records) => {
                [run.test, run.validation] = scores(&records, &kept);
                run.protocol = protocol(&kept, &folder);
            }
            Err(error) => run.state = TaskState::Unusable(error.to_string()),
        }
    }
    Ok(run)
}

/// Returns the test and the validation score of the run's model: the best one if the training has patience, otherwise the
/// last one.
fn scores(records: &[Record], config: &Config) -> [Option<RunScore>; 2] {
    let best = best_validation(records).filter(|_| config.train.patience > 0);
    let epoch = best.or(records.last()).map_or(0, |record| record.epoch);
    ["test", "validation"].map(|split| {
        let mut records = records.iter();
        let record = records.rfind(|record| record.epoch == epoch && record.split == split)?;
        Some(RunScore {
            elbo: record.elbo,
            reconstruction: record.reconstruction,
        })
    })
}

/// Returns the parts of the protocol by which the test images were measured after an epoch.
fn protocol(config: &Config, folder: &RunFolder) -> Value {
    let about = About::read(&folder.about()).ok();
    let data = config.data.kind();
    let caveat = config.likelihood.kind().caveat(data.pixels().is_binary());
    let is_sampled = config.is_variational();
    json!({
        "data": about.as_ref().map(|about| &about.data),
        "data_hash": about.as_ref().map(|about| &about.data_hash),
        "split": "test",
        "pixels": data.pixels_name(),
        "is_log_likelihood": caveat.is_none(),
        "caveat": caveat,
        "conditional": config.condition.is_some(),
        "samples_per_image": is_sampled.then_some(1),
        "test_was_trained_on": data.trains_on_test(),
    })
}
