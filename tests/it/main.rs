//! The integration tests, one binary: it links burn once.

mod batches;
mod cli;
mod cli_errors;
mod config_text;
mod contract;
mod fetch;
mod golden;
mod idx;
mod interpolation;
mod keras;
mod model_file;
mod models;
#[cfg(feature = "cpu")]
mod ops;
mod program;
mod readme;
mod resume;
mod theory;
mod tidy;
