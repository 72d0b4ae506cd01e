//! Writes a report to stdout, as text or as JSON.

use crate::error::Result;
use crate::report::Report;
use crate::ui;

/// Prints the report as text or, with `--json`, as JSON.
pub fn show(report: &Report, json: bool) -> Result<()> {
    if json {
        ui::data(report.json())
    } else {
        ui::data(report.text())
    }
}
