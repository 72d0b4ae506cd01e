//! The folder of a run: the names of its files, and the formats of its plain files.

mod about;
mod change;
mod contents;
pub mod exports;
mod folder;
mod hidden_name;
mod kept_evaluation;
mod lock;
mod metrics;
mod removal;
mod utc;

pub use about::{About, RememberedData, StartedFrom, remembered_data};
pub use change::Change;
pub use contents::Contents;
pub use exports::NEW;
pub use folder::{RUNS, RunFolder, create, newest};
pub use hidden_name::is_hidden_run;
pub use kept_evaluation::KeptEvaluation;
pub use metrics::{
    Metrics, Record, best_validation, kept_records, last_records, parse_metrics, read_metrics,
    read_whole_records, record_of_model,
};
pub use removal::{remove, remove_abandoned};
pub use utc::Utc;
