//! The names of folders that mean a split, normal or abnormal images, or masks.

use super::arrangement::LabelsFrom;
use crate::data::SplitName;

const SPLITS: [(SplitName, &[&str]); 3] = [
    (SplitName::Train, &["train", "training"]),
    (
        SplitName::Validation,
        &["validation", "valid", "val", "dev"],
    ),
    (SplitName::Test, &["test", "testing", "eval", "evaluation"]),
];

pub const NORMAL: [&str; 3] = ["normal", "good", "ok"];
pub const ABNORMAL: [&str; 9] = [
    "abnormal",
    "bad",
    "defect",
    "defects",
    "defective",
    "anomaly",
    "anomalies",
    "anomalous",
    "ng",
];
pub const MASKS: [&str; 4] = ["ground_truth", "mask", "masks", "gt"];

pub fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.contains(&name.to_lowercase().as_str())
}

/// Returns the split that a folder's name, or a cell of a table, means.
pub fn split_of(name: &str) -> Option<SplitName> {
    SPLITS
        .iter()
        .find(|(_, names)| is_one_of(name.trim(), names))
        .map(|(split, _)| *split)
}

/// Returns the class that folders name, or `None` if they name none.
pub fn class_name(folders: &[&str], labels: LabelsFrom) -> Option<String> {
    match labels {
        LabelsFrom::None => None,
        LabelsFrom::First => folders.first().map(|&name| name.to_owned()),
        LabelsFrom::Last => folders.last().map(|&name| name.to_owned()),
        LabelsFrom::Path => (!folders.is_empty()).then(|| folders.join("/")),
    }
}
