//! The folder of a run: the names of its files, and the formats of its plain files.

mod about;
mod folder;
mod metrics;

pub use about::{About, RememberedData, remembered_data};
pub use folder::{RunFolder, create, newest};
pub use metrics::{Metrics, Record, read_metrics};
