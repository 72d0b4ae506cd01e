//! Writes a report to stdout, as text or as JSON, and warns of a place where results cannot be kept.

use std::path::Path;

use crate::error::Result;
use crate::report::Report;
use crate::{files, ui};

/// Prints the report as text or, with `--json`, as JSON.
pub fn show(report: &Report, json: bool) -> Result<()> {
    if json {
        ui::data(report.json())
    } else {
        ui::data(report.text())
    }
}

/// Warns, before a long computation, that its results will be printed and not kept, if `path` cannot be written.
pub fn warn_if_unwritable(path: &Path) {
    if let Err(error) = files::check_writable(path) {
        ui::note(format_args!(
            "warning: {error}; the results will only be printed"
        ));
    }
}
