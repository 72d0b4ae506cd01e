//! The folder of a run: the names of its files, and the formats of its plain files.

mod about;
mod change;
mod contents;
mod folder;
mod hidden_name;
mod lock;
mod metrics;
mod removal;

pub use about::{About, RememberedData, StartedFrom, remembered_data};
pub use change::Change;
pub use contents::{Contents, NEW};
pub use folder::{RunFolder, create, newest};
pub use hidden_name::is_hidden_run;
pub use metrics::{
    Metrics, Record, best_validation, kept_records, last_records, parse_metrics, read_metrics,
};
pub use removal::{remove, remove_abandoned};
