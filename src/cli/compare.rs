//! `vae compare`: the last evaluations of several runs side by side, and what in their protocols differs: numbers of
//! different protocols are not to be compared.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::loaded_model::hash;
use super::model_arg::{RUNS, find_run};
use crate::error::{Error, Result};
use crate::eval::Estimate;
use crate::{files, ui};

/// What two numbers must have in common. Not the likelihood or the objective, which are what is compared; but whether the
/// one and the other are log-likelihoods.
const PROTOCOL: [&str; 12] = [
    "data",
    "data_hash",
    "split",
    "images",
    "pixels",
    "is_log_likelihood",
    "caveat",
    "conditional",
    "samples_of_z",
    "samples",
    "seed",
    "test_was_trained_on",
];

/// The numbers: a column's title, the value's key, that of its standard error, digits.
const COLUMNS: [(&str, &str, &str, usize); 7] = [
    ("ELBO", "elbo", "elbo_se", 2),
    ("log p(x)", "log_px", "log_px_se", 2),
    ("IW bound", "iw_bound", "iw_bound_se", 2),
    ("reconstruction", "reconstruction", "reconstruction_se", 2),
    ("KL", "kl", "kl_se", 2),
    ("bits per dim", "bits_per_dim", "bits_per_dim_se", 4),
    ("square error", "squared_error", "squared_error_se", 2),
];

/// Show the last evaluations of several runs side by side, and where their protocols differ
#[derive(Debug, Args)]
pub struct Compare {
    /// Runs' folders or names, each measured by `vae eval` before
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,

    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub fn run(self) -> Result<()> {
        let reports = self
            .runs
            .iter()
            .map(|run| read(run))
            .collect::<Result<Vec<_>>>()?;
        let first = &reports[0].1;
        let unlike = |report: &Value, key: &str| report[key] != first[key];
        let differ: Vec<&str> = PROTOCOL
            .into_iter()
            .filter(|key| reports.iter().any(|(_, report)| unlike(report, key)))
            .collect();
        let paired: Vec<Option<Paired>> = reports[1..]
            .iter()
            .map(|(_, report)| {
                if PROTOCOL.iter().any(|key| unlike(report, key)) {
                    None
                } else {
                    Paired::of(first, report)
                }
            })
            .collect();
        let changed = reports
            .iter()
            .map(|(name, report)| stale(name, report))
            .collect::<Result<Vec<_>>>()?;
        if self.json {
            let of_run = |(name, report): &(String, Value)| {
                let mut report = report.clone();
                report
                    .as_object_mut()
                    .map(|report| report.remove("by_image"));
                report["changed_since"] =
                    changed.iter().flatten().any(|other| other == name).into();
                serde_json::json!({ "run": name, "report": report })
            };
            let runs: Vec<Value> = reports.iter().map(of_run).collect();
            let paired: Vec<Value> = paired
                .iter()
                .map(|paired| paired.as_ref().map_or(Value::Null, Paired::json))
                .collect();
            return ui::data(serde_json::json!({
                "runs": runs, "protocols_differ_in": differ, "paired_differences_to_the_first": paired,
            }));
        }
        let mut text = table(&reports, &differ);
        for ((name, _), paired) in reports[1..].iter().zip(&paired) {
            text += &paired
                .as_ref()
                .map(|paired| paired.text(name, &reports[0].0))
                .unwrap_or_default();
        }
        for name in changed.into_iter().flatten() {
            text += &format!(
                "! {name} was trained on after it was measured; measure it again: vae eval {name}\n"
            );
        }
        ui::data(text.trim_end())
    }
}

/// How much better one run is than another, image by image: what an easy image gives both is no part of its error.
struct Paired {
    /// The number compared.
    what: &'static str,
    difference: Estimate,
    images: usize,
}

impl Paired {
    /// `log p(x)` or another bound where both have one, else the ELBO; nothing of reports that keep no images, or others.
    fn of(first: &Value, other: &Value) -> Option<Self> {
        let values = |report: &Value, key: &str| -> Option<Vec<f64>> {
            report["by_image"][key]
                .as_array()?
                .iter()
                .map(Value::as_f64)
                .collect()
        };
        let bound = if first["is_log_likelihood"] == true {
            "log p(x)"
        } else {
            "IW bound"
        };
        [("bound", bound), ("elbo", "ELBO")]
            .into_iter()
            .find_map(|(key, what)| {
                let (first, other) = (values(first, key)?, values(other, key)?);
                let differences = other.iter().zip(&first).map(|(other, first)| other - first);
                (first.len() == other.len() && !first.is_empty()).then(|| Self {
                    what,
                    difference: Estimate::of(differences),
                    images: first.len(),
                })
            })
    }

    fn text(&self, name: &str, first: &str) -> String {
        let Self {
            what,
            difference: Estimate { mean, se },
            images,
        } = self;
        format!(
            "{what} of {name} less that of {first}, image by image: {mean:+.3} ± {se:.3} nats ({images} images)\n"
        )
    }

    fn json(&self) -> Value {
        let Self {
            what,
            difference: Estimate { mean, se },
            images,
        } = self;
        serde_json::json!({ "of": what, "difference": mean, "se": se, "images": images })
    }
}

/// The run's name, where its model is no longer the one that was measured.
fn stale(name: &str, report: &Value) -> Result<Option<String>> {
    let Some(model) = report["model"]
        .as_str()
        .map(Path::new)
        .filter(|model| model.is_file())
    else {
        return Ok(None);
    };
    let found = hash(&files::read(model)?);
    Ok(report["model_hash"]
        .as_str()
        .is_some_and(|measured| measured != found)
        .then(|| name.to_owned()))
}

/// A run's name and its last report.
fn read(run: &Path) -> Result<(String, Value)> {
    if run.is_file() {
        return Err(
            Error::file(run, "a file, and reports lie in the folders of runs")
                .with_hint(format!("name a run's folder, or its name below `{RUNS}`")),
        );
    }
    let folder = find_run(run, Path::new(RUNS))?;
    let path = folder.report();
    if !path.is_file() {
        return Err(Error::file(&path, "this run has not been measured")
            .with_hint(format!("measure it: vae eval {}", folder.path.display())));
    }
    let wrong = |error| {
        Error::file(&path, format!("not a report: {error}")).with_hint(format!(
            "measure it again: vae eval {}",
            folder.path.display()
        ))
    };
    let report: Value = serde_json::from_slice(&files::read(&path)?).map_err(wrong)?;
    let name = folder
        .path
        .file_name()
        .unwrap_or(folder.path.as_os_str())
        .to_string_lossy()
        .into_owned();
    Ok((name, report))
}

/// As much of a long text as a column has room for: the JSON has all of it.
fn shortened(text: String) -> String {
    const MOST: usize = 32;
    if text.chars().count() <= MOST {
        text
    } else {
        text.chars().take(MOST - 3).chain("...".chars()).collect()
    }
}

fn table(reports: &[(String, Value)], differ: &[&str]) -> String {
    let shown = COLUMNS
        .iter()
        .filter(|(_, key, ..)| reports.iter().any(|(_, report)| report[key].is_number()));
    let mut rows = vec![vec!["run".to_owned()]];
    rows.extend(reports.iter().map(|(name, _)| vec![name.clone()]));
    for (title, key, error, digits) in shown {
        rows[0].push((*title).to_owned());
        for ((_, report), row) in reports.iter().zip(&mut rows[1..]) {
            row.push(match (report[key].as_f64(), report[error].as_f64()) {
                (Some(value), Some(error)) => format!("{value:.digits$} ± {error:.digits$}"),
                (Some(value), None) => format!("{value:.digits$}"),
                (None, _) => "–".to_owned(),
            });
        }
    }
    for key in differ {
        rows[0].push(format!("! {key}"));
        for ((_, report), row) in reports.iter().zip(&mut rows[1..]) {
            row.push(shortened(
                report[key]
                    .as_str()
                    .map_or_else(|| report[key].to_string(), str::to_owned),
            ));
        }
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    if !differ.is_empty() {
        text += &format!(
            "the protocols differ in {}: these numbers are not to be compared\n",
            differ.join(", ")
        );
    }
    text
}
