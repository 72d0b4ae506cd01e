//! The integration tests, one binary: it links burn once.

mod cli;
mod fetch;
mod idx;
mod program;
mod resume;
