//! The integration tests, one binary: it links burn once.

mod fetch;
mod idx;
mod ops;
