//! `vae devices`: what can be computed on.

use clap::Args;

use crate::error::Result;
use crate::{device, ui};

/// List what `--device` can name, here and in other builds, and which one `auto` takes
#[derive(Debug, Args)]
pub struct Devices {}

impl Devices {
    pub fn run(self) -> Result<()> {
        let missing: Vec<_> = device::not_built_in()
            .into_iter()
            .map(|(name, about)| (name, format!("{about}: {}", device::build_command(name))))
            .collect();
        let there = device::on_this_machine();
        let there: Vec<_> = there
            .iter()
            .map(|(name, about)| (name.as_str(), about))
            .collect();
        ui::data(format_args!(
            "built in:\n{}",
            ui::two_columns(&device::built_in()).trim_end()
        ))?;
        if !missing.is_empty() {
            ui::data(format_args!(
                "not built in:\n{}",
                ui::two_columns(&missing).trim_end()
            ))?;
        }
        ui::data(format_args!(
            "on this machine:\n{}",
            ui::two_columns(&there).trim_end()
        ))?;
        let auto = match device::choose("auto") {
            Ok(auto) => auto.remark.map_or_else(
                || auto.name.clone(),
                |remark| format!("{}: {remark}", auto.name),
            ),
            Err(error) => format!("none: {error}"),
        };
        ui::data(format_args!("auto:\n  {auto}"))
    }
}
