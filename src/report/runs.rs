//! The table of `vae list runs`: a row for each folder of runs.

use std::time::SystemTime;

use serde_json::Value;

use super::{Cell, Column, Table};
use crate::eval::Estimate;
use crate::run::Utc;

/// The facts about a run, as far as its files say them.
#[derive(Clone, Debug)]
pub struct RunSummary {
    pub name: String,
    pub state: RunState,
    /// The name of the data set, or of the folder of one's own images.
    pub data: Option<String>,
    /// The kind of network.
    pub model: Option<String>,
    pub latents: Option<usize>,
    /// The ELBO in nats per image, `None` for an autoencoder.
    pub elbo: Option<Estimate>,
    /// The measurement that the ELBO is from, in words: "eval" or "epoch 10".
    pub measured: Option<String>,
    pub epochs_done: usize,
    /// The number of epochs that the config asks for.
    pub epochs: Option<usize>,
    /// The time of the last training.
    pub trained: Option<SystemTime>,
    /// The size of all files.
    pub bytes: u64,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// A process trains it now.
    Running,
    /// All epochs are done.
    Finished,
    /// It ended before its last epoch, because patience ran out.
    Stopped,
    /// Epochs are left to do.
    Unfinished,
    /// A file is missing or damaged, for this reason.
    Broken(String),
}

impl RunState {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Unfinished => "unfinished",
            Self::Broken(_) => "broken",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Broken(reason) => Some(reason),
            _ => None,
        }
    }
}

const COLUMNS: &[Column<RunSummary>] = &[
    Column {
        key: "name",
        title: "run",
        cell: |run| Cell::text(&run.name),
    },
    Column {
        key: "data",
        title: "data",
        cell: |run| Cell::optional_text(run.data.as_deref()),
    },
    Column {
        key: "model",
        title: "model",
        cell: |run| Cell::optional_text(run.model.as_deref()),
    },
    Column {
        key: "latents",
        title: "latents",
        cell: |run| run.latents.map_or(Cell::number(None, 0), Cell::Count),
    },
    Column {
        key: "elbo",
        title: "ELBO",
        cell: |run| Cell::estimate(run.elbo, 2),
    },
    Column {
        key: "measured",
        title: "measured",
        cell: |run| Cell::optional_text(run.measured.as_deref()),
    },
    Column {
        key: "epochs_done",
        title: "epochs",
        cell: |run| {
            let of = run.epochs.map(|epochs| format!("/{epochs}"));
            let text = format!("{}{}", run.epochs_done, of.unwrap_or_default());
            Cell::Said(run.epochs_done.into(), text)
        },
    },
    Column {
        key: "epochs",
        title: "",
        cell: |run| Cell::Said(run.epochs.map_or(Value::Null, Value::from), String::new()),
    },
    Column {
        key: "trained",
        title: "trained (UTC)",
        cell: |run| match run.trained.map(Utc::of) {
            Some(moment) => Cell::Said(moment.iso_8601().into(), moment.text()),
            None => Cell::optional_text(None),
        },
    },
    Column {
        key: "bytes",
        title: "size",
        cell: |run| Cell::Bytes(run.bytes),
    },
    Column {
        key: "state",
        title: "state",
        cell: |run| {
            let name = run.state.name();
            match run.state.reason() {
                Some(reason) => Cell::Said(name.into(), format!("{name}: {reason}")),
                None => Cell::text(name),
            }
        },
    },
    Column {
        key: "reason",
        title: "",
        cell: |run| Cell::optional_text(run.state.reason()),
    },
];

/// Returns the table of runs, in their order.
pub fn table(runs: &[RunSummary]) -> Table {
    Table::of("runs", runs, COLUMNS)
}
