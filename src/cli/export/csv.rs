//! `vae export --to csv`: the records of a run as a table.

use std::path::PathBuf;

use super::destination::Destination;
use super::records::ExportedRun;
use super::request::ExportRequest;
use crate::error::Result;
use crate::export::metrics_csv;
use crate::files;

/// The format's name, and that of its folder.
const NAME: &str = "csv";

/// Writes the table, and returns its path.
pub fn export(request: &ExportRequest) -> Result<Vec<PathBuf>> {
    request.refuse_computation(NAME)?;
    let run = ExportedRun::find(request.run.as_deref())?;
    let table = metrics_csv::table(&run.records)?;
    let destination = Destination::claim(request.out.as_deref(), &run.folder.path, NAME)?;
    let path = destination.path.join(metrics_csv::NAME);
    files::write_inside(&path, &table)?;
    Ok(vec![path])
}
