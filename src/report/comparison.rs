//! The report of `vae compare`: the last evaluations of several runs side by side, and the differences in their
//! protocols.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::evaluation::{MEASURES, PROTOCOL};
use super::{Cell, Report, Table};
use crate::data::Pixels;
use crate::error::shell_word;
use crate::eval::Estimate;
use crate::words::counted;

/// A run and its last evaluation, as stored in its `report.json`.
#[derive(Clone, Debug)]
pub struct EvaluatedRun {
    pub name: String,
    pub report: Value,
    /// The path of the run's folder.
    pub folder: String,
    pub model: MeasuredModel,
}

/// The model in a run's folder, beside the one that its report measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeasuredModel {
    /// The same model.
    Same,
    /// Another model: the run was trained further, or its file was replaced.
    Other,
    /// No model at the path.
    Missing(PathBuf),
    /// A report of an earlier version, which does not tell.
    Unknown,
}

impl MeasuredModel {
    /// Returns whether the numbers may be of another model, or `None` if that cannot be told.
    fn has_changed(&self) -> Option<bool> {
        match self {
            Self::Same => Some(false),
            Self::Other => Some(true),
            Self::Missing(_) | Self::Unknown => None,
        }
    }
}

/// The part of the protocol that draws the noise. Where it draws nothing else, it may differ.
const SEED: &str = "seed";

/// The most characters of a text in a column. The JSON has the whole text.
const LONGEST: usize = 32;

/// Returns the report on `runs`, at least one. The others are compared with the first.
pub fn report(runs: &[EvaluatedRun]) -> Report {
    let mut report = Report::new();
    let [first, others @ ..] = runs else {
        return report;
    };
    let unlike = |run: &EvaluatedRun, key: &str| run.protocol(key) != first.protocol(key);
    let differ = differing_parts(runs, EvaluatedRun::protocol);
    let seed_draws_images = runs.iter().any(EvaluatedRun::seed_draws_images);
    let counts = |key: &str| key != SEED || seed_draws_images;
    report.table(table(runs, &differ, &counts));
    let seeds_differ = differ.contains(&SEED);
    let differ: Vec<&str> = differ.into_iter().filter(|key| counts(key)).collect();
    if seeds_differ {
        report.line(if seed_draws_images {
            "the seeds differ, and draw the images' pixels or corruption: each run was measured on images of its own; measure all with one seed: vae eval RUN --seed N"
        } else {
            "the seeds differ: each run was measured with noise of its own"
        });
    }
    if !differ.is_empty() {
        let differ = differ.join(", ");
        report.line(format!(
            "the protocols differ in {differ}: these numbers are not comparable"
        ));
    }
    let paired: Vec<Option<Paired>> = others
        .iter()
        .map(|run| {
            let mut keys = PROTOCOL.iter().filter(|key| counts(key));
            let comparable = !keys.any(|key| unlike(run, key));
            comparable
                .then(|| Paired::of(&first.report, &run.report))
                .flatten()
        })
        .collect();
    for (run, paired) in others.iter().zip(&paired) {
        if let Some(paired) = paired {
            report.line(paired.text(&run.name, &first.name));
        }
    }
    for EvaluatedRun {
        name,
        folder,
        model,
        ..
    } in runs
    {
        let again = format!("measure it again: vae eval {}", shell_word(folder));
        match model {
            MeasuredModel::Same => {}
            MeasuredModel::Other => report.line(format!(
                "! {name} has another model than the one that was measured, for it was trained further or replaced; {again}"
            )),
            MeasuredModel::Missing(path) => report.line(format!(
                "! {name}: its model file {} is missing, so these numbers cannot be checked; copy the file back or train again",
                path.display()
            )),
            MeasuredModel::Unknown => report.line(format!(
                "! {name} has a report that does not say which model was measured; {again}"
            )),
        }
    }
    report.field(
        "runs",
        runs.iter().map(EvaluatedRun::json).collect::<Vec<_>>(),
    );
    report.field("protocols_differ_in", differ);
    report.field("seeds_differ", seeds_differ);
    let paired = paired
        .iter()
        .map(|paired| paired.as_ref().map(Paired::json));
    report.field(
        "paired_differences_to_the_first",
        paired.map(Value::from).collect::<Vec<_>>(),
    );
    report
}

/// Returns the parts of the protocol in which evaluations differ. `part` returns a part of one of them.
pub fn differing_parts<T>(
    evaluations: &[T],
    part: impl Fn(&T, &str) -> Value,
) -> Vec<&'static str> {
    let Some((first, others)) = evaluations.split_first() else {
        return Vec::new();
    };
    let differs = |key: &&str| {
        let expected = part(first, key);
        others.iter().any(|other| part(other, key) != expected)
    };
    PROTOCOL.iter().copied().filter(differs).collect()
}

impl EvaluatedRun {
    /// Returns the standard error of the number `key`, or `None` if it is not known.
    fn error_of(&self, key: &str) -> Option<f64> {
        // Older versions stored the error of a single image as 0.
        let is_known = self.report["images"].as_u64() != Some(1);
        let se = self.report[format!("{key}_se")].as_f64();
        se.filter(|_| is_known)
    }

    /// Returns a part of the protocol. A report of version 0.1 does not say how its images were chosen: they were all
    /// images of the split, or the first ones.
    fn protocol(&self, key: &str) -> Value {
        let report = &self.report;
        match (key, &report[key]) {
            ("part", Value::Null) if report["images"] == report["images_in_split"] => "all".into(),
            ("part", Value::Null) => "first".into(),
            (_, value) => value.clone(),
        }
    }

    /// Returns whether the seed draws the images as they were measured, and not only the noise of z.
    fn seed_draws_images(&self) -> bool {
        self.report["pixels"] == Pixels::Dynamic.name() || self.report["corrupted_by"].is_string()
    }

    fn json(&self) -> Value {
        let mut report = self.report.clone();
        if let Some(report) = report.as_object_mut() {
            report.remove("by_image");
            report.insert("changed_since".into(), self.model.has_changed().into());
        }
        json!({ "run": self.name, "report": report })
    }
}

/// Returns a row for each run, with every measure that at least one run has and the parts of the protocol that differ.
/// A part that `counts` makes the numbers not comparable, and is marked.
fn table(runs: &[EvaluatedRun], differ: &[&str], counts: &dyn Fn(&str) -> bool) -> Table {
    let is_known = |key: &str| runs.iter().any(|run| run.report[key].is_number());
    let measures = || MEASURES.iter().filter(|measure| is_known(measure.key));
    let mut columns = vec![(String::new(), "run".to_owned())];
    columns.extend(measures().map(|measure| (String::new(), measure.title.to_owned())));
    let titles = differ.iter().map(|key| match counts(key) {
        true => format!("! {key}"),
        false => (*key).to_owned(),
    });
    columns.extend(titles.map(|title| (String::new(), title)));
    let row = |run: &EvaluatedRun| {
        let mut row = vec![Cell::text(&run.name)];
        row.extend(measures().map(|measure| {
            let mean = run.report[measure.key].as_f64();
            let estimate = mean.map(|mean| Estimate {
                mean,
                se: run.error_of(measure.key),
            });
            Cell::estimate(estimate, measure.digits)
        }));
        row.extend(
            differ
                .iter()
                .map(|key| Cell::text(shortened(&run.protocol(key)))),
        );
        row
    };
    Table {
        rows: runs.iter().map(row).collect(),
        columns,
        has_titles: true,
        ..Table::default()
    }
}

/// Returns a value as a column shows it.
pub(super) fn shortened(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= LONGEST {
        text
    } else {
        text.chars()
            .take(LONGEST - 3)
            .chain("...".chars())
            .collect()
    }
}

/// The paired difference of two runs, image by image. The difficulty of an image, common to both runs, cancels.
struct Paired {
    /// The name of the number that is compared.
    what: &'static str,
    difference: Estimate,
    images: usize,
}

impl Paired {
    /// Compares `log p(x)` or another bound if both reports have one, else the ELBO. Returns `None` if a report has no
    /// numbers by image, or if the images differ.
    fn of(first: &Value, other: &Value) -> Option<Self> {
        let values = |report: &Value, key: &str| -> Option<Vec<f64>> {
            let values = report["by_image"][key].as_array()?;
            values.iter().map(Value::as_f64).collect()
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
        let Estimate { mean, .. } = self.difference;
        let error = self.difference.plus_minus(3);
        let images = counted(self.images, "image");
        format!(
            "{} of {name} minus that of {first}, image by image: {mean:+.3} {error} nats ({images})",
            self.what
        )
    }

    fn json(&self) -> Value {
        let Estimate { mean, se } = self.difference;
        json!({ "of": self.what, "difference": mean, "se": se, "images": self.images })
    }
}
