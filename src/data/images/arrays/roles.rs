//! Reads the name of an array: which split it belongs to, and whether it holds images or labels.

use crate::data::SplitName;

/// The use of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayRole {
    Images,
    Labels,
    /// The number of the value of each factor that the images were made from, as in dSprites.
    Factors,
    /// Something else of a known set, which is not needed.
    Unneeded,
    /// The name does not say it.
    Unknown,
}

/// The parts of a name that say something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameParts {
    pub split: Option<SplitName>,
    pub role: ArrayRole,
}

impl NameParts {
    /// Reads the name of an array, without the ending of its file: `x_train`, `val_labels`, `kmnist-test-imgs`.
    pub fn of(name: &str) -> Self {
        let lower = name.to_lowercase();
        let words: Vec<&str> = lower
            .split(|letter: char| !letter.is_alphanumeric())
            .flat_map(halves)
            .filter(|word| !word.is_empty())
            .collect();
        let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
        let role = if has(&["latents", "latent"]) {
            if has(&["classes"]) {
                ArrayRole::Factors
            } else {
                ArrayRole::Unneeded
            }
        } else if has(&["metadata", "meta"]) {
            ArrayRole::Unneeded
        } else if has(&LABELS) {
            ArrayRole::Labels
        } else if has(&IMAGES) {
            ArrayRole::Images
        } else {
            ArrayRole::Unknown
        };
        Self {
            split: words.iter().find_map(|word| split(word)),
            role,
        }
    }
}

const LABELS: [&str; 9] = [
    "y", "label", "labels", "target", "targets", "class", "classes", "lbl", "lbls",
];
const IMAGES: [&str; 8] = [
    "x", "image", "images", "img", "imgs", "data", "pixels", "samples",
];

fn split(word: &str) -> Option<SplitName> {
    match word {
        "train" | "training" => Some(SplitName::Train),
        "val" | "valid" | "validation" | "dev" => Some(SplitName::Validation),
        "test" | "testing" | "eval" => Some(SplitName::Test),
        _ => None,
    }
}

/// Takes `xtrain` and `trainx` apart.
fn halves(word: &str) -> [&str; 2] {
    for letter in ["x", "y"] {
        if let Some(rest) = word
            .strip_prefix(letter)
            .filter(|rest| split(rest).is_some())
        {
            return [&word[..1], rest];
        }
        if let Some(rest) = word
            .strip_suffix(letter)
            .filter(|rest| split(rest).is_some())
        {
            return [rest, &word[rest.len()..]];
        }
    }
    [word, ""]
}

/// Returns the name of the class whose images all are in the array `name`: `cat`, of QuickDraw's `full_numpy_bitmap_cat`.
pub fn class_of(name: &str) -> &str {
    name.strip_prefix("full_numpy_bitmap_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_arrays_are_read_as_people_write_them() {
        use SplitName::{Test, Train, Validation};
        for (name, split, role) in [
            ("train_images", Some(Train), ArrayRole::Images),
            ("val_labels", Some(Validation), ArrayRole::Labels),
            ("x_train", Some(Train), ArrayRole::Images),
            ("y_test", Some(Test), ArrayRole::Labels),
            ("X_Valid", Some(Validation), ArrayRole::Images),
            ("kmnist-train-imgs", Some(Train), ArrayRole::Images),
            ("xtrain", Some(Train), ArrayRole::Images),
            ("testY", Some(Test), ArrayRole::Labels),
            ("imgs", None, ArrayRole::Images),
            ("labels", None, ArrayRole::Labels),
            ("latents_classes", None, ArrayRole::Factors),
            ("latents_values", None, ArrayRole::Unneeded),
            ("metadata", None, ArrayRole::Unneeded),
            ("arr_0", None, ArrayRole::Unknown),
            ("cat", None, ArrayRole::Unknown),
            ("train", Some(Train), ArrayRole::Unknown),
            ("full_numpy_bitmap_cat", None, ArrayRole::Unknown),
        ] {
            assert_eq!(NameParts::of(name), NameParts { split, role }, "{name}");
        }
        assert_eq!(
            class_of("full_numpy_bitmap_The Eiffel Tower"),
            "The Eiffel Tower"
        );
    }
}
