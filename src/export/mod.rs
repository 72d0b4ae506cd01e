//! Runs as files for other programs: TensorBoard's events, its Embedding Projector, and tables.

pub mod metrics_csv;
mod older_records;
pub mod projector;
mod scalars;
pub mod tensorboard;

pub use older_records::{complete, steps_per_epoch};
