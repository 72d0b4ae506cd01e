//! The integration tests, one binary: it links burn once.

mod batches;
mod cli;
mod cli_errors;
mod codes;
mod config_text;
mod contract;
mod fetch;
mod golden;
mod idx;
mod interpolation;
mod model_file;
mod models;
#[cfg(feature = "cpu")]
mod ops;
mod pca;
mod program;
mod readme;
mod resume;
mod theory;
mod tidy;
