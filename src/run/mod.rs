//! A run's folder: the names of its files, and the plain files among them.

mod about;
mod folder;
mod metrics;

pub use about::{About, remembered_data};
pub use folder::{RunFolder, create, newest};
pub use metrics::{Metrics, Record, read_metrics};
