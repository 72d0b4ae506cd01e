//! The text of a report.

use super::table::aligned;
use super::{Report, ReportBlock, Row};

impl Report {
    /// Returns the report as lines of text, without a newline at the end.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in self.blocks() {
            match part {
                ReportBlock::Rows(rows) => text += &block(&rows),
                ReportBlock::Table(table) => text = separated(text) + &table.text() + "\n",
                ReportBlock::Line(line) => text += &format!("{line}\n"),
            }
        }
        text.trim_end().to_owned()
    }
}

/// Returns the text followed by an empty line, unless it is empty.
fn separated(text: String) -> String {
    if text.is_empty() || text.ends_with("\n\n") {
        text
    } else {
        text + "\n"
    }
}

/// Returns consecutive rows with their numbers in one column, whose means are aligned at the right.
fn block(rows: &[&Row]) -> String {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let cell = row.cell.render();
            let (mean, error) = match cell.split_once(" ± ") {
                Some((mean, error)) => (mean.to_owned(), format!("± {error}")),
                None => (cell, String::new()),
            };
            let number = if row.cell.is_number() {
                mean.clone()
            } else {
                String::new()
            };
            let rest = if row.cell.is_number() { error } else { mean };
            let rest = [rest.as_str(), row.remark.as_str()].map(str::trim);
            let rest: Vec<&str> = rest.into_iter().filter(|part| !part.is_empty()).collect();
            vec![row.title.clone(), number, rest.join(" ")]
        })
        .collect();
    aligned(&lines, &[false, true, false], "")
}

#[cfg(test)]
mod tests {
    use super::super::{Cell, Measure, Report};
    use crate::eval::Estimate;
    use serde_json::json;

    const MEASURES: &[Measure<f64>] = &[
        Measure {
            key: "elbo",
            title: "ELBO",
            digits: 2,
            value: |mean| {
                Some(Estimate {
                    mean: *mean,
                    se: Some(0.5),
                })
            },
            remark: |_| "nats".into(),
            always: true,
        },
        Measure {
            key: "bits_per_dim",
            title: "bits per dim",
            digits: 4,
            value: |mean| {
                (*mean < 0.0).then_some(Estimate {
                    mean: 0.25,
                    se: Some(0.125),
                })
            },
            remark: |_| String::new(),
            always: true,
        },
        Measure {
            key: "log_px",
            title: "log p(x)",
            digits: 2,
            value: |_| None,
            remark: |_| String::new(),
            always: false,
        },
    ];

    #[test]
    fn numbers_stand_below_each_other_with_their_errors() {
        let mut report = Report::new();
        report.measures(MEASURES, &-105.25);
        report.row("active", "active latents", Cell::Count(7), "of 8");
        report.line("protocol: none");
        report.field("seed", 1);
        assert_eq!(
            report.text(),
            "ELBO            -105.25  ± 0.50 nats\nbits per dim     0.2500  ± 0.1250\nactive latents        7  of 8\nprotocol: none"
        );
        assert_eq!(
            report.json(),
            json!({
                "elbo": -105.25, "elbo_se": 0.5, "bits_per_dim": 0.25, "bits_per_dim_se": 0.125, "log_px": null,
                "log_px_se": null, "active": 7, "seed": 1,
            })
        );
    }

    #[test]
    fn a_number_that_is_not_defined_is_a_dash_and_null() {
        let mut report = Report::new();
        report.measures(MEASURES, &1.0);
        assert!(
            report.text().contains("bits per dim     –"),
            "{}",
            report.text()
        );
        assert!(report.json()["bits_per_dim"].is_null());
    }
}
