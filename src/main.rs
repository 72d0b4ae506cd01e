//! Parses the arguments, runs the command, and ends with an exit code.

use std::panic::resume_unwind;
use std::process::ExitCode;
use std::time::Instant;

use vae::cli::Cli;
use vae::error::{Error, ErrorKind, Result};
use vae::os::{allocator, start, turn_limits_into_errors};
use vae::{parallel, ui};

/// The bytes of the stack on which the arguments are parsed. The system's stack may be too small for that (`ulimit -s`).
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let began = Instant::now();
    turn_limits_into_errors();
    allocator::keep_freed_pages();
    match run(began) {
        // Where several processes fail together, the launcher reports the exit code of the first one, which prints the error.
        Err(error) if parallel::is_first() && reports(&error) => ExitCode::from(error.code()),
        _ => ExitCode::SUCCESS,
    }
}

/// Returns whether this process reports its error. A wrong request is wrong for all processes that a launcher started.
fn reports(error: &Error) -> bool {
    error.kind() != ErrorKind::Request || parallel::reports_wrong_requests()
}

/// Parses the arguments and runs the command, on a thread with a stack of its own, and prints the error if it fails.
fn run(began: Instant) -> Result<()> {
    let work = move || {
        let result = Cli::from_arguments().and_then(|cli| cli.run(began));
        // A launcher kills the other processes once one has ended with an error, so this is printed first.
        if let Err(error) = &result
            && reports(error)
        {
            ui::error_line(error.render());
        }
        parallel::finish();
        result
    };
    start("main", Some(STACK), work)
        .map_err(|error| {
            let error = Error::failed(format!("the first thread cannot be started: {error}"))
                .with_hint("raise the limit on memory or on processes (`ulimit -a` shows them)");
            ui::error_line(error.render());
            error
        })?
        .join()
        .unwrap_or_else(|panic| resume_unwind(panic))
}
