//! The integration tests, one binary: it links burn once.

mod contract;
mod fetch;
mod golden;
mod idx;
mod models;
mod theory;
