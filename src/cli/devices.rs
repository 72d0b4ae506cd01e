//! `vae devices`: lists the devices that a model can run on, and the vector instructions of the processor.

use clap::Args;

use super::next::{BEGIN, next};
use super::output::show;
use crate::error::Result;
use crate::report::{Report, Table};
use crate::{device, parallel};

/// List what `--device` can name, here and in other builds, and which one `auto` takes
#[derive(Debug, Args)]
pub struct Devices {
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub fn run(self) -> Result<()> {
        let mut report = Report::new();
        report.table(Table::names("built_in", device::built_in()));
        let missing = device::not_built_in().into_iter();
        let missing: Vec<_> = missing
            .map(|(name, about)| (name, format!("{about}: {}", device::build_command(name))))
            .collect();
        if !missing.is_empty() {
            report.table(Table::names("not_built_in", missing));
        }
        report.table(Table::names("on_this_machine", device::on_this_machine()));
        if let Some(instructions) = device::kernel_instructions()? {
            report.table(Table::names(
                "instruction_set",
                [(instructions.used, instructions.reason)],
            ));
            report.field("widest_instruction_set", instructions.widest);
        }
        let mpi = match parallel::version() {
            Some(version) => (
                version,
                "`mpirun -n N vae train` trains on N processes".to_owned(),
            ),
            None => (
                "not built in".to_owned(),
                format!(
                    "to train on several processes: {}",
                    device::build_command("mpi")
                ),
            ),
        };
        report.table(Table::names("mpi", [mpi]));
        let auto = match device::select("auto") {
            Ok(auto) => (auto.name, auto.remark.unwrap_or_default()),
            Err(error) => ("none".to_owned(), error.to_string()),
        };
        report.table(Table::names("auto", [auto]));
        show(&report, self.json)?;
        if !self.json {
            next(BEGIN);
        }
        Ok(())
    }
}
