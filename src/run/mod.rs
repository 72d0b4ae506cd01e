//! Names in a run's folder, and the plain files in it.

mod about;
mod folder;
mod metrics;

pub use about::{About, remembered_data};
pub use folder::{RunFolder, create, newest};
pub use metrics::{Metrics, Record, read_metrics};
