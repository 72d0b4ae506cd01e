//! The report of `vae anomalies`: how well scores tell abnormal images from normal ones, beside scores that need no model.

use serde_json::{Value, json};

use super::{Cell, Provenance, Report, Table};
use crate::eval::Estimate;
use crate::eval::anomaly::{
    AUPRO_LIMIT, Detection, FalseAlarmPromise, FlaggingRule, Localisation, Oracle,
};
use crate::words::counted;

/// A difference of areas that chance hardly makes, in standard errors.
const CLEAR: f64 = 2.0;

/// A score of the images.
#[derive(Clone, Debug)]
pub struct MeasuredScore {
    /// The name in the JSON, and on the command line for a score of the model.
    pub name: String,
    pub title: String,
    /// Whether the score needs no VAE.
    pub is_baseline: bool,
    pub detection: Detection,
    /// The images that are flagged; `None` without calibration.
    pub flagged: Option<FlaggedImages>,
}

/// The images above a calibrated threshold.
#[derive(Clone, Copy, Debug)]
pub struct FlaggedImages {
    pub rule: FlaggingRule,
    pub normal: usize,
    pub abnormal: usize,
}

/// A kind of abnormal images, by the first score.
#[derive(Clone, Debug)]
pub struct MeasuredKind {
    pub name: String,
    /// This kind against all normal images.
    pub detection: Detection,
    pub flagged: Option<usize>,
}

/// The images that calibrate.
#[derive(Clone, Debug)]
pub struct CalibrationSource {
    pub count: usize,
    /// Where they come from, in words.
    pub from: String,
}

/// How well abnormal images are found.
#[derive(Clone, Debug)]
pub struct AnomalyReport {
    pub provenance: Provenance,
    pub samples: usize,
    /// The scores of the model, then the others. The first one is looked at more closely.
    pub scores: Vec<MeasuredScore>,
    pub kinds: Vec<MeasuredKind>,
    pub oracle: Option<Oracle>,
    pub localisation: Option<Localisation>,
    pub promise: FalseAlarmPromise,
    pub calibration: Option<CalibrationSource>,
    /// Sentences that a reader must know besides.
    pub notes: Vec<String>,
}

impl AnomalyReport {
    pub fn report(&self) -> Report {
        let mut report = Report::new();
        report.table(self.score_table());
        report.table(self.kind_table());
        if let Some(found) = &self.localisation {
            let remark = format!(
                "of the maps; {}",
                counted(found.region_count, "abnormal region")
            );
            let cell = |area| Cell::number(area, 3);
            report.row(
                "pixel_auroc",
                "pixel AUROC",
                cell(found.pixel_auroc),
                remark,
            );
            let remark = format!("up to {:.0} % of normal pixels", 100.0 * AUPRO_LIMIT);
            report.row("aupro", "AUPRO", cell(found.aupro), remark);
            report.line("");
        }
        let lines = [self.promise_line(), self.oracle_line(), self.verdict_line()];
        let lines = lines.into_iter().flatten();
        lines
            .chain(self.notes.iter().cloned())
            .for_each(|line| report.line(line));
        report.line(format!(
            "protocol: {}, {} normal and {} abnormal, {}, seed {}; ± is the standard error over images, by the bootstrap; vae {}",
            self.provenance.data,
            self.normal_count(),
            self.abnormal_count(),
            counted(self.samples, "sample") + " of z",
            self.provenance.seed,
            env!("CARGO_PKG_VERSION"),
        ));
        report.line(self.provenance.hashes());
        self.add_fields(&mut report);
        report
    }

    fn normal_count(&self) -> usize {
        self.scores
            .first()
            .map_or(0, |score| score.detection.normal_count)
    }

    fn abnormal_count(&self) -> usize {
        self.scores
            .first()
            .map_or(0, |score| score.detection.abnormal_count)
    }

    fn chance_auprc(&self) -> f64 {
        self.scores
            .first()
            .map_or(f64::NAN, |score| score.detection.chance_auprc)
    }

    fn score_table(&self) -> Table {
        let share = |found: &FlaggedImages| found.abnormal as f64 / self.abnormal_count() as f64;
        let alarms = |found: &FlaggedImages| {
            let words = format!("{} of {}", found.normal, self.normal_count());
            Cell::Said(json!(found.normal), words)
        };
        let rows = self.scores.iter().map(|score| {
            let flagged = score.flagged.as_ref();
            vec![
                Cell::text(&score.name),
                Cell::text(&score.title),
                Cell::Flag(score.is_baseline),
                Cell::estimate(Some(score.detection.auroc), 3),
                Cell::estimate(Some(score.detection.auprc), 3),
                Cell::estimate(self.above_best_baseline(score), 3),
                Cell::number(flagged.map(|flagged| flagged.rule.threshold), 3),
                Cell::Share(flagged.map(share)),
                flagged.map_or(Cell::Share(None), alarms),
            ]
        });
        let chance = format!("AUPRC (chance {:.3})", self.chance_auprc());
        let columns = [
            ("name", ""),
            ("title", "score"),
            ("is_baseline", ""),
            ("auroc", "AUROC"),
            ("auprc", &chance),
            ("above_best_baseline", ""),
            ("threshold", ""),
            ("found", "found"),
            ("false_alarms", "false alarms"),
        ];
        table("scores", &columns, rows.collect())
    }

    fn kind_table(&self) -> Table {
        let rows = self.kinds.iter().map(|kind| {
            let count = kind.detection.abnormal_count;
            vec![
                Cell::text(&kind.name),
                Cell::Count(count),
                Cell::estimate(Some(kind.detection.auroc), 3),
                Cell::Share(kind.flagged.map(|flagged| flagged as f64 / count as f64)),
            ]
        });
        let title = self.scores.first().map_or("", |score| &score.title);
        let columns = [
            ("kind", "kind"),
            ("images", "images"),
            ("auroc", "AUROC"),
            ("found", "found"),
        ];
        Table {
            heading: Some(format!("by kind, {title}:")),
            ..table("kinds", &columns, rows.collect())
        }
    }

    fn promise_line(&self) -> Option<String> {
        let CalibrationSource { count, from } = self.calibration.as_ref()?;
        let rule = self.scores.first()?.flagged?.rule;
        let [low, high] = rule.rate_range.map(|rate| 100.0 * rate);
        Some(format!(
            "found and false alarms: above the threshold that {count} normal images calibrate, {from}; it flags a normal image with probability at most {:.2} %, and the rate of one calibration set is between {low:.1} and {high:.1} % for 90 % of such sets",
            100.0 * rule.mean_rate,
        ))
    }

    fn oracle_line(&self) -> Option<String> {
        let oracle = self.oracle?;
        Some(format!(
            "oracle, not reachable without labels: the best F1 of {} is {:.3}, where {:.0} % of the abnormal images are found and {:.0} % of the normal ones are flagged",
            self.scores.first()?.title,
            oracle.f1,
            100.0 * oracle.found,
            100.0 * oracle.false_alarms,
        ))
    }

    /// Returns the baseline with the largest area.
    fn best_baseline(&self) -> Option<&MeasuredScore> {
        let baselines = self.scores.iter().filter(|score| score.is_baseline);
        baselines.max_by(|a, b| {
            let area = |score: &MeasuredScore| score.detection.auroc.mean;
            area(a).total_cmp(&area(b))
        })
    }

    fn above_best_baseline(&self, score: &MeasuredScore) -> Option<Estimate> {
        let baseline = self.best_baseline()?;
        (!score.is_baseline).then(|| score.detection.above(&baseline.detection))
    }

    fn is_clearly_above(&self, score: &MeasuredScore) -> bool {
        let above = self.above_best_baseline(score);
        above.is_some_and(|above| above.mean > CLEAR * above.se.unwrap_or(f64::INFINITY))
    }

    /// Says that the model does not beat the scores that need none, if so, and what to try.
    fn verdict_line(&self) -> Option<String> {
        let (score, baseline) = (self.scores.first()?, self.best_baseline()?);
        if self.is_clearly_above(score) {
            return None;
        }
        let above = self.above_best_baseline(score)?;
        let what = if above.mean > 0.0 {
            "is not clearly better than"
        } else {
            "does not beat"
        };
        let others = self
            .scores
            .iter()
            .filter(|score| self.is_clearly_above(score));
        let best = others.max_by(|a, b| {
            let area = |score: &MeasuredScore| score.detection.auroc.mean;
            area(a).total_cmp(&area(b))
        });
        let hint = match best {
            Some(best) => format!(
                "`--score {}` is better here, {:.3}: a score that is chosen by these labels is to be checked on other images",
                best.name, best.detection.auroc.mean
            ),
            None => "try fewer or more latents, larger images (`data.images.size`) or the scores `iw` and `regret`; flaws of a texture are found better by methods on features of ImageNet, such as PatchCore".to_owned(),
        };
        Some(format!(
            "{} {what} {}, AUROC {:.3} against {:.3} (difference {:.3} {}): {hint}",
            score.title,
            baseline.title,
            score.detection.auroc.mean,
            baseline.detection.auroc.mean,
            above.mean,
            above.plus_minus(3),
        ))
    }

    fn add_fields(&self, report: &mut Report) {
        let rule = self.scores.first().and_then(|score| score.flagged);
        let rule = rule.map(|flagged| flagged.rule);
        let score = self.scores.first();
        let oracle = self.oracle.map(|oracle| {
            json!({
                "f1": oracle.f1, "threshold": oracle.threshold,
                "found": oracle.found, "false_alarms": oracle.false_alarms,
            })
        });
        let fields: [(&str, Value); 14] = [
            ("score", json!(score.map(|score| &score.name))),
            ("samples", json!(self.samples)),
            ("normal_images", json!(self.normal_count())),
            ("abnormal_images", json!(self.abnormal_count())),
            ("chance_auprc", json!(self.chance_auprc())),
            ("fpr", json!(self.promise.rate)),
            ("confidence", json!(self.promise.confidence)),
            (
                "calibration_images",
                json!(self.calibration.as_ref().map(|c| c.count)),
            ),
            ("mean_rate", json!(rule.map(|rule| rule.mean_rate))),
            ("rate_range", json!(rule.map(|rule| rule.rate_range))),
            ("oracle", json!(oracle)),
            (
                "regions",
                json!(self.localisation.map(|found| found.region_count)),
            ),
            (
                "beats_baselines",
                json!(score.map(|score| self.is_clearly_above(score))),
            ),
            ("verdict", json!(self.verdict_line())),
        ];
        for (key, value) in fields {
            report.field(key, value);
        }
        if self.localisation.is_none() {
            report.field("pixel_auroc", Value::Null);
            report.field("aupro", Value::Null);
        }
        report.field("notes", json!(self.notes));
        self.provenance.add_fields(report);
    }
}

/// Returns a table with these keys and titles.
fn table(key: &str, columns: &[(&str, &str)], rows: Vec<Vec<Cell>>) -> Table {
    let columns = columns.iter();
    let columns = columns.map(|(key, title)| ((*key).to_owned(), (*title).to_owned()));
    Table {
        key: Some(key.to_owned()),
        columns: columns.collect(),
        rows,
        has_titles: true,
        ..Table::default()
    }
}
