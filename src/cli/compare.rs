//! `vae compare`: the last evaluations of several runs side by side, and the differences between their protocols.
//! Numbers from different protocols must not be compared.

use std::path::{Path, PathBuf};

use clap::Args;

use super::candidates::runs;
use super::loaded_model::hash;
use super::model_arg::{RUNS, find_run};
use super::next::next;
use super::output::show;
use crate::error::{Error, Result, shell_word};
use crate::files;
use crate::report::comparison::{EvaluatedRun, MeasuredModel, report};
use crate::run::{KeptEvaluation, RunFolder};

/// The explanation of the output, for `--help`.
const LONG_HELP: &str = "\
Shows the report that `vae eval` left in each run. Numbers of different protocols are not comparable: the parts \
that differ are shown in columns of their own. If two runs were measured on the same images, their \
difference is taken image by image, so that an image that is easy for both adds nothing to its error; the seed of the noise \
may differ. A model that is no longer the one that was measured is named.";

/// Show the last evaluations of several runs side by side, and where their protocols differ
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Compare {
    /// Folders or names of runs that `vae eval` has measured
    #[arg(required = true, num_args = 2.., value_name = "RUN", add = runs())]
    runs: Vec<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub fn run(self) -> Result<()> {
        let runs = self.runs.iter().map(|run| read(run));
        let mut runs = runs.collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
        for run in &mut runs {
            // A moved copy may have the name of its original.
            if names.iter().filter(|name| **name == run.name).count() > 1 {
                run.name.clone_from(&run.folder);
            }
        }
        show(&report(&runs), self.json)?;
        if !self.json {
            let elbo = |run: &&EvaluatedRun| run.report["elbo"].as_f64().unwrap_or(f64::MIN);
            let best = runs.iter().max_by(|a, b| elbo(a).total_cmp(&elbo(b)));
            if let Some(best) = best {
                // Whether one is better than the other is a question of their seeds, too.
                let config = Path::new(&best.folder).join("config.toml");
                next(format_args!(
                    "sweep --config {} --seeds 3 --plan seeds.jsonl",
                    shell_word(config)
                ));
            }
        }
        Ok(())
    }
}

/// Compares the model in the run's folder with the one that was measured. A report names its file; older reports
/// have a path, which may lead elsewhere once the run is moved or copied, so only its last name counts.
fn measured_model(folder: &RunFolder, kept: &KeptEvaluation) -> Result<MeasuredModel> {
    let path = kept.model.as_deref().unwrap_or_default();
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let (false, Some(measured)) = (name.is_empty(), &kept.model_hash) else {
        return Ok(MeasuredModel::Unknown);
    };
    let model = folder.path.join(name);
    if !files::is_there(&model)? || !model.is_file() {
        return Ok(MeasuredModel::Missing(model));
    }
    Ok(if hash(&files::read(&model)?) == *measured {
        MeasuredModel::Same
    } else {
        MeasuredModel::Other
    })
}

/// Returns a run's name and its last report.
fn read(run: &Path) -> Result<EvaluatedRun> {
    if run.is_file() {
        return Err(
            Error::file(run, "this is a file; reports are in the folders of runs")
                .with_hint(format!("name a run's folder, or its name below `{RUNS}`")),
        );
    }
    let folder = find_run(run, Path::new(RUNS))?;
    let path = folder.report();
    let Some(kept) = KeptEvaluation::read(&folder)? else {
        return Err(Error::file(&path, "this run has not been measured")
            .with_hint(format!("measure it: vae eval {}", shell_word(&folder.path))));
    };
    if kept.all.get("reconstruction").is_none() {
        return Err(Error::file(
            &path,
            "a report of an earlier version, or not a report: it has no `reconstruction`",
        )
        .with_hint(format!(
            "measure it again: vae eval {}",
            shell_word(&folder.path)
        )));
    }
    // `.` and `..` name a run too.
    let absolute = folder.path.canonicalize();
    let absolute = absolute.unwrap_or_else(|_| folder.path.clone());
    let name = absolute
        .file_name()
        .unwrap_or(folder.path.as_os_str())
        .to_string_lossy()
        .into_owned();
    Ok(EvaluatedRun {
        model: measured_model(&folder, &kept)?,
        name,
        folder: folder.path.display().to_string(),
        report: kept.all,
    })
}
