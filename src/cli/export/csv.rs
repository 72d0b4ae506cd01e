//! `vae export --to csv`: the records of a run as a table.

use std::path::PathBuf;

use super::records::ExportedRun;
use super::request::ExportRequest;
use crate::cli::destination::Destination;
use crate::error::Result;
use crate::export::metrics_csv;
use crate::files;
use crate::run::exports::{CSV, METRICS};

/// Writes the table, and returns its path.
pub fn export(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    request.refuse_computation(CSV)?;
    let run = ExportedRun::find(request.run.as_deref())?;
    let destination = Destination::claim(request.out.as_deref(), &run.folder.path, CSV)?;
    let table = metrics_csv::table(&run.records)?;
    let path = destination.path.join(METRICS);
    files::write_inside(&path, &table)?;
    Ok(vec![path])
}
