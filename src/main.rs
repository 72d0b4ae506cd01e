//! Parses, runs, and ends with an exit code.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use vae::cli::Cli;
use vae::ui;

/// A training step frees what the next one needs again; the system's allocator would hand the pages back in between.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let began = Instant::now();
    match Cli::parse().run(began) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::error_line(error.render());
            ExitCode::from(error.code())
        }
    }
}
