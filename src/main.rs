//! Parses the arguments, runs the command, and ends with an exit code.

use std::process::ExitCode;
use std::time::Instant;

use vae::cli::Cli;
use vae::ops::allocator;
use vae::ui;

fn main() -> ExitCode {
    let began = Instant::now();
    allocator::keep_freed_pages();
    match Cli::from_arguments().and_then(|cli| cli.run(began)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::error_line(error.render());
            ExitCode::from(error.code())
        }
    }
}
