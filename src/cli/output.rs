//! Where a report goes: to stdout, as text or as JSON.

use crate::error::Result;
use crate::report::Report;
use crate::ui;

/// Prints the report for people, or with `--json` for programs.
pub fn show(report: &Report, json: bool) -> Result<()> {
    if json {
        ui::data(report.json())
    } else {
        ui::data(report.text())
    }
}
