//! The folder of a run: the names of its files, and the formats of its plain files.

mod about;
mod change;
mod folder;
mod metrics;

pub use about::{About, RememberedData, StartedFrom, remembered_data};
pub use change::Change;
pub use folder::{RunFolder, create, newest};
pub use metrics::{Metrics, Record, kept_records, parse_metrics, read_metrics};
