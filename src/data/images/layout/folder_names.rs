//! The names of folders that mean a split, normal or abnormal images, or masks.

use super::arrangement::LabelsFrom;
use crate::data::SplitName;
use crate::data::images::image_source::ImageEntry;

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

/// Returns whether a class, the name of a folder or of folders, is that of normal images.
pub fn is_normal(class: &str) -> bool {
    is_one_of(class.rsplit('/').next().unwrap_or_default(), &NORMAL)
}

/// Returns whether only normal images are trained on and others are tested on, as the folders' names say.
pub fn tells_abnormal_apart(entries: &[ImageEntry]) -> bool {
    let of_normal = |entry: &ImageEntry| is_normal(entry.class.as_deref().unwrap_or_default());
    let mut trained = entries
        .iter()
        .filter(|entry| entry.split != Some(SplitName::Test))
        .peekable();
    let mut tested = entries
        .iter()
        .filter(|entry| entry.split == Some(SplitName::Test));
    trained.peek().is_some() && trained.all(of_normal) && tested.any(|entry| !of_normal(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abnormal_images_are_told_apart_where_only_normal_ones_are_trained_on() {
        let entry = |split, class: &str| ImageEntry {
            split,
            class: Some(class.to_owned()),
            ..ImageEntry::default()
        };
        let (train, test) = (Some(SplitName::Train), Some(SplitName::Test));
        for (expected, entries) in [
            (true, [(None, "normal"), (None, "normal"), (test, "bad")]),
            (true, [(train, "good"), (test, "good"), (test, "crack")]),
            (
                true,
                [
                    (train, "screw/good"),
                    (train, "nut/good"),
                    (test, "screw/bent"),
                ],
            ),
            (false, [(train, "good"), (test, "good"), (test, "good")]),
            (false, [(train, "cat"), (train, "dog"), (test, "cat")]),
            (false, [(test, "good"), (test, "good"), (test, "crack")]),
        ] {
            let entries = entries.map(|(split, class)| entry(split, class));
            assert_eq!(tells_abnormal_apart(&entries), expected, "{entries:?}");
        }
    }
}
