//! The report of `vae doctor`: numbers for each latent and for all of them, and a verdict with its reason and advice.

mod advice;
mod course;
mod reason;

pub use course::course;

use std::path::Path;

use serde_json::{Value, json};

use self::reason::reason;
use super::{Cell, Column, Measure, Provenance, Report, Table};
use crate::config::Config;
use crate::error::shell_word;
use crate::eval::{
    ACTIVE, Course, Diagnostics, Finding, KlDecomposition, LatentStatistics, LayerUnits, MORE_THAN,
};
use crate::model::Activation;
use crate::objective::NO_ELBO;
use crate::run::{Record, RunFolder};

/// The most rows of the table in the text. The JSON has all rows.
const ROWS: usize = 32;

/// The remark for an autoencoder, which has no posterior to diagnose.
const NO_POSTERIOR: &str = "KL, mutual information and the prior are not looked at";

/// The diagnostics of one model, with the model and the data that were measured.
pub struct Diagnosis {
    pub provenance: Provenance,
    pub health: Diagnostics,
    pub course: Course,
    pub findings: Vec<Finding>,
    /// The decomposition of the KL; `None` for an autoencoder.
    pub decomposition: Option<KlDecomposition>,
    pub units: Vec<LayerUnits>,
    /// The records of training, from the first epoch to the last.
    pub training: Vec<Record>,
    /// The names of the layers, in order.
    pub layers: Vec<String>,
    /// The path of the chart of the latents; `None` if it could not be written.
    pub chart: Option<String>,
}

/// A row of the table of latents.
struct LatentRow {
    index: usize,
    latent: LatentStatistics,
    is_active: bool,
    dimension_wise_kl: Option<f64>,
}

const LATENTS: &[Column<LatentRow>] = &[
    Column {
        key: "latent",
        title: "latent",
        cell: |row| Cell::Said(row.index.into(), format!("z{}", row.index)),
    },
    Column {
        key: "kl",
        title: "KL",
        cell: |row| Cell::number(row.latent.kl, 3),
    },
    Column {
        key: "variance_of_mean",
        title: "var of mean",
        cell: |row| Cell::number(row.latent.variance_of_mean, 3),
    },
    Column {
        key: "mean_variance",
        title: "mean of var",
        cell: |row| {
            let has_variance = row.latent.kl.is_some();
            Cell::number(has_variance.then_some(row.latent.mean_variance), 3)
        },
    },
    Column {
        key: "aggregate_mean",
        title: "mean",
        cell: |row| Cell::number(row.latent.mean, 2),
    },
    Column {
        key: "aggregate_variance",
        title: "variance",
        cell: |row| Cell::number(row.latent.variance(), 2),
    },
    Column {
        key: "dimension_wise_kl",
        title: "",
        cell: |row| Cell::number(row.dimension_wise_kl, 3),
    },
    Column {
        key: "active",
        title: "active",
        cell: |row| Cell::Flag(row.is_active),
    },
];

const MEASURES: &[Measure<Diagnosis>] = &[
    Measure {
        key: "kl",
        title: "KL",
        digits: 2,
        value: |found| found.health.kl,
        remark: |_| "nats".into(),
        always: false,
    },
    Measure {
        key: "mutual_information",
        title: "mutual information",
        digits: 2,
        value: |found| Some(found.decomposition.as_ref()?.mutual_information),
        remark: |found| {
            let images = found.health.images;
            let more = if found.is_saturated() {
                ": there may be more"
            } else {
                ""
            };
            let most = found.most_information();
            format!("nats (of {images} images at most {most:.2}{more})")
        },
        always: false,
    },
    Measure {
        key: "total_correlation",
        title: "total correlation",
        digits: 2,
        value: |found| Some(found.decomposition.as_ref()?.total_correlation),
        remark: |found| {
            let caution = if found.is_saturated() {
                " (may include mutual information that so few images cannot show; read both together)"
            } else {
                ""
            };
            format!("nats{caution}")
        },
        always: false,
    },
    Measure {
        key: "dimension_wise_kl",
        title: "latents to prior",
        digits: 2,
        value: |found| Some(found.decomposition.as_ref()?.dimension_wise),
        remark: |_| "nats (dimension-wise KL)".into(),
        always: false,
    },
    Measure {
        key: "reconstruction",
        title: "reconstruction",
        digits: 2,
        value: |found| Some(found.health.shuffled.reconstruction),
        remark: |_| "nats".into(),
        always: true,
    },
    Measure {
        key: "shuffled_latents_add",
        title: "  with another's latent",
        digits: 2,
        value: |found| Some(found.health.shuffled.difference),
        remark: |_| "nats more".into(),
        always: true,
    },
];

/// Returns the verdict in a few words: the name of the worst finding.
pub fn verdict(findings: &[Finding]) -> &'static str {
    findings.first().map_or("healthy", Finding::name)
}

/// Returns the summary for the end of training: the verdict, its numbers and, if something is wrong, advice.
pub fn summary(
    health: &Diagnostics,
    findings: &[Finding],
    course: &Course,
    config: &Config,
    run: &Path,
) -> String {
    let (active, latents) = (health.active(), health.latents.len());
    let (verdict, images) = (verdict(findings), health.images);
    let difference = health.shuffled.difference.mean;
    let numbers = match health.kl {
        Some(kl) => format!(
            "{active} of {latents} latents active, KL {:.2} nats",
            kl.mean
        ),
        None => format!("{active} of {latents} latents vary"),
    };
    let mut text = format!(
        "health: {verdict}: {numbers}, another image's latent costs {difference:.2} nats (on {images} test images)"
    );
    if let Some(worst) = findings.first() {
        let reason = match worst {
            // The numbers above say why.
            Finding::Collapsed | Finding::IgnoresLatent | Finding::PartlyCollapsed => None,
            other => Some(reason(other, health)),
        };
        let advice = advice::advice(worst, health, course, config, run);
        let parts = [
            reason,
            advice,
            Some(format!("more: vae doctor {}", shell_word(run))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        text += &format!("\n{}", parts.join("; "));
    }
    text
}

impl Diagnosis {
    pub fn report(&self) -> Report {
        let mut report = self.numbers();
        report.line(format!("verdict: {}", verdict(&self.findings)));
        for finding in self.findings_in_words() {
            report.line(format!("  {finding}"));
        }
        self.add_fields(&mut report);
        report
    }

    /// Returns the numbers and their protocol, without the verdict.
    pub fn numbers(&self) -> Report {
        let (health, provenance) = (&self.health, &self.provenance);
        let mut report = Report::new();
        report.table(self.latents());
        let active = format!(
            "of {}{}",
            health.latents.len(),
            match health.kl {
                Some(_) => format!(" (the variance of the posterior mean is above {ACTIVE})"),
                None => " (their values vary)".to_owned(),
            }
        );
        report.row(
            "active",
            "active latents",
            Cell::Count(health.active()),
            active,
        );
        report.measures(MEASURES, self);
        self.add_layers(&mut report);
        report.line(format!(
            "protocol: {}, {} pixels, seed {}; {}",
            provenance.images(),
            provenance.config.data.kind().pixels_name(),
            provenance.seed,
            provenance.plus_minus(),
        ));
        report.line(provenance.hashes());
        if health.kl.is_none() {
            report.line(format!("{NO_ELBO}; {NO_POSTERIOR}"));
        }
        report
    }

    /// Returns each finding with its reason and, where there is some, advice.
    pub fn findings_in_words(&self) -> Vec<String> {
        let words = |finding: &Finding| {
            let reason = reason(finding, &self.health);
            let advice = self.advice(finding).map(|advice| format!("; {advice}"));
            format!("{}: {reason}{}", finding.name(), advice.unwrap_or_default())
        };
        self.findings.iter().map(words).collect()
    }

    /// Returns a row for each latent. The text starts with the latents that carry most.
    fn latents(&self) -> Table {
        let largest = self.health.largest_variance();
        let decomposition = self.decomposition.as_ref();
        let row = |index: usize| {
            let latent = self.health.latents[index];
            LatentRow {
                index,
                latent,
                is_active: latent.is_active(largest),
                dimension_wise_kl: decomposition.map(|found| found.by_latent[index]),
            }
        };
        let rows: Vec<LatentRow> = (0..self.health.latents.len()).map(row).collect();
        Table {
            order: Some(self.health.order()),
            most: Some(ROWS),
            ..Table::of("latents", &rows, LATENTS)
        }
    }

    fn add_layers(&self, report: &mut Report) {
        if !self.units.is_empty() {
            let units = self.units.iter().map(|units| {
                let (layer, saturated, all) = (&units.layer, units.saturated, units.units);
                format!("{layer} {saturated} of {all}")
            });
            let units = units.collect::<Vec<_>>().join(", ");
            let is_tanh = |units: &LayerUnits| units.activation == Activation::Tanh;
            let meaning = if self.units.iter().any(is_tanh) {
                let share = 100.0 * MORE_THAN;
                format!("0 for every image, or at -1 or 1 for over {share:.0} % of them")
            } else {
                "0 for every image".to_owned()
            };
            report.text_row("saturated units", Cell::Text(units), format!("({meaning})"));
        }
        let mut recorded = self.with_norms();
        if let Some(first) = recorded.next() {
            let last = recorded.last();
            let layers = self.layers.iter().filter_map(|layer| {
                let from = first.gradient_norms.get(layer)?;
                Some(match last {
                    Some(last) => {
                        format!(
                            "{layer} {from:.3} to {:.3}",
                            last.gradient_norms.get(layer)?
                        )
                    }
                    None => format!("{layer} {from:.3}"),
                })
            });
            let layers = layers.collect::<Vec<_>>().join(", ");
            let epochs = match last {
                Some(last) => format!("(epoch {} to {})", first.epoch, last.epoch),
                None => format!("(epoch {})", first.epoch),
            };
            report.text_row("gradient norms", Cell::Text(layers), epochs);
        }
    }

    fn add_fields(&self, report: &mut Report) {
        let health = &self.health;
        let finding = |finding: &Finding| {
            json!({
                "name": finding.name(), "reason": reason(finding, health), "advice": self.advice(finding),
            })
        };
        let units = |units: &LayerUnits| json!({ "layer": units.layer, "units": units.units, "saturated": units.saturated });
        let norms =
            |record: &Record| json!({ "epoch": record.epoch, "norms": record.gradient_norms });
        report.field("verdict", verdict(&self.findings));
        report.field(
            "findings",
            self.findings.iter().map(finding).collect::<Vec<_>>(),
        );
        let decomposition = self.decomposition.as_ref();
        let most = decomposition.map(|_| self.most_information());
        report.field("mutual_information_at_most", most);
        let is_saturated = decomposition.map(|_| self.is_saturated());
        report.field("mutual_information_is_saturated", is_saturated);
        let sampled = Cell::estimate(decomposition.map(|found| found.kl), 2);
        sampled.fields("sampled_kl", &mut |key, value| report.field(key, value));
        report.field(
            "saturated_units",
            self.units.iter().map(units).collect::<Vec<_>>(),
        );
        report.field(
            "gradient_norms",
            self.with_norms().map(norms).collect::<Vec<Value>>(),
        );
        report.field("unit", "nats per image");
        report.field("chart", self.chart.clone());
        self.provenance.add_fields(report);
    }

    fn advice(&self, finding: &Finding) -> Option<String> {
        let Provenance { config, model, .. } = &self.provenance;
        let run = RunFolder::of_file(model).path;
        advice::advice(finding, &self.health, &self.course, config, &run)
    }

    /// Returns the largest mutual information that this number of images can show, in nats.
    fn most_information(&self) -> f64 {
        (self.health.images as f64).ln()
    }

    fn is_saturated(&self) -> bool {
        let found = self.decomposition.as_ref();
        found.is_some_and(|found| found.is_saturated(self.health.images))
    }

    /// Returns the records that have gradient norms. Earlier versions recorded none.
    fn with_norms(&self) -> impl Iterator<Item = &Record> {
        let has_norms = |record: &&Record| !record.gradient_norms.is_empty();
        self.training.iter().filter(has_norms)
    }
}
