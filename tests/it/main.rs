//! The integration tests, one binary: it links burn once.

mod contract;
mod fetch;
mod golden;
mod idx;
mod model_file;
mod models;
mod theory;
mod tidy;
