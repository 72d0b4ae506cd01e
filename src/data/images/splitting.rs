//! Divides fitted images into those to train on, to validate on, to calibrate on and to test on.

use md5::{Digest, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fitting::FittedImage;
use super::image_source::ImageEntry;
use crate::data::SplitName;
use crate::data::image_file::stem;

/// Which images are kept together when the test images are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TestGroup {
    /// Equal images alone.
    #[default]
    None,
    /// The images of a folder: a patient, a day.
    Folder,
    /// The images whose names differ in the number at the end: the frames of a film.
    Stem,
}

/// The images of each split, as numbers of fitted images, ordered by their hashes: so any part of a split is a random
/// part, and a new image moves none of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Division {
    pub train: Vec<usize>,
    /// Empty unless the layout names validation images beside test images.
    pub validation: Vec<usize>,
    /// Images that neither train nor choose the model; empty unless a share of them is asked for.
    pub calibration: Vec<usize>,
    pub test: Vec<usize>,
    /// Whether the test images were chosen here.
    pub by_hash: bool,
    /// Whether the images that the layout calls validation images are tested on, because there are no test images.
    pub tests_on_validation: bool,
    /// The number of images that are equal to an earlier one.
    pub duplicates: usize,
    /// The number of images to train on that are equal to one of the test images.
    pub on_both_sides: usize,
}

/// The shares of the images to test on and to calibrate on.
#[derive(Clone, Copy, Debug)]
pub struct HeldOutShares {
    pub test: f64,
    pub calibration: f64,
}

/// Divides images. The layout's splits hold; images without one are trained on or, for a share of them, tested on by a hash of
/// their bytes or of their group's name. Of the images to train on, a share is kept to calibrate on in the same way.
pub fn divide(
    entries: &[ImageEntry],
    images: &[FittedImage],
    HeldOutShares { test, calibration }: HeldOutShares,
    group: TestGroup,
) -> Division {
    let below = |place: u64, share: f64| (place as f64) < share * 2_f64.powi(64);
    let split = |image: &FittedImage| entries[image.entry].split;
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|&index| {
        let image = &images[index];
        (image.hash, &entries[image.entry].name)
    });
    let has = |wanted: SplitName| images.iter().any(|image| split(image) == Some(wanted));
    let mut division = Division {
        tests_on_validation: has(SplitName::Validation) && !has(SplitName::Test),
        ..Division::default()
    };
    // Named test images are the test set, but abnormal ones alone are not: normal ones belong to it as well.
    let names_all = images.iter().all(|image| split(image).is_some());
    division.by_hash = !(names_all && (has(SplitName::Test) || has(SplitName::Validation)));
    let (has_test, validates) = (has(SplitName::Test), division.tests_on_validation);
    let place_of = |index: usize| {
        let image = &images[index];
        place(&entries[image.entry].name, image, group)
    };
    let mut nearest: Option<u64> = None;
    for &index in &order {
        let image = &images[index];
        let part = match split(image) {
            Some(SplitName::Test) => &mut division.test,
            Some(SplitName::Validation) if division.tests_on_validation => &mut division.test,
            Some(SplitName::Validation) => &mut division.validation,
            Some(SplitName::Train) if !division.by_hash || has_test || validates => {
                if calibration > 0.0 && below(place_of(index), calibration) {
                    &mut division.calibration
                } else {
                    &mut division.train
                }
            }
            _ => {
                let place = place_of(index);
                if below(place, test) {
                    &mut division.test
                } else if calibration > 0.0 && below(place, test + calibration) {
                    &mut division.calibration
                } else {
                    nearest = Some(nearest.map_or(place, |least| least.min(place)));
                    &mut division.train
                }
            }
        };
        part.push(index);
    }
    // A small set may have no image below the share.
    if division.test.is_empty()
        && let Some(least) = nearest
    {
        let named = |&index: &usize| split(&images[index]).is_none() || division.by_hash;
        let (test, train) = division
            .train
            .iter()
            .partition(|index| named(index) && place_of(**index) == least);
        (division.test, division.train) = (test, train);
    }
    let hash = |index: usize| images[index].hash;
    division.duplicates = order
        .windows(2)
        .filter(|pair| hash(pair[0]) == hash(pair[1]))
        .count();
    let tested: std::collections::HashSet<[u8; 16]> =
        division.test.iter().map(|&index| hash(index)).collect();
    division.on_both_sides = division
        .train
        .iter()
        .filter(|&&index| tested.contains(&hash(index)))
        .count();
    // Groups, or the layout, may have put equal images on both sides.
    let seen: std::collections::HashSet<[u8; 16]> = [&division.train, &division.validation]
        .into_iter()
        .flatten()
        .map(|&index| hash(index))
        .collect();
    division
        .calibration
        .retain(|&index| !seen.contains(&hash(index)));
    division
}

/// Returns the place of an image between 0 and 2^64, the same one whatever the other images are.
fn place(name: &str, image: &FittedImage, group: TestGroup) -> u64 {
    let hash: [u8; 16] = match group {
        TestGroup::None => image.hash,
        TestGroup::Folder => {
            Md5::digest(name.rsplit_once('/').map_or("", |(folder, _)| folder)).into()
        }
        TestGroup::Stem => Md5::digest(film(name)).into(),
    };
    hash[..8]
        .iter()
        .fold(0, |place, &byte| place << 8 | u64::from(byte))
}

/// Returns the path of an image without the number at the end of its name.
fn film(name: &str) -> String {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let film = stem(name)
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches(['-', '_', ' ', '.']);
    format!("{folder}/{film}")
}

/// Returns whether most names end in numbers that follow each other, as those of the frames of a film do.
pub fn looks_like_a_film(entries: &[ImageEntry]) -> bool {
    let number = |entry: &ImageEntry| {
        let name = stem(&entry.name);
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = name[name.len() - digits..].parse().ok()?;
        Some((film(&entry.name), number))
    };
    let mut numbers: Vec<(String, u64)> = entries.iter().filter_map(number).collect();
    numbers.sort_unstable();
    let follow = numbers
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0 && pair[1].1 == pair[0].1 + 1)
        .count();
    2 * follow > entries.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(entry: usize, content: &str) -> FittedImage {
        FittedImage {
            entry,
            hash: Md5::digest(content).into(),
            checksum: 0,
        }
    }

    fn tested(test: f64) -> HeldOutShares {
        HeldOutShares {
            test,
            calibration: 0.0,
        }
    }

    fn named(names: &[String]) -> Vec<ImageEntry> {
        names
            .iter()
            .map(|name| ImageEntry {
                name: name.clone(),
                ..ImageEntry::default()
            })
            .collect()
    }

    #[test]
    fn a_new_image_or_a_new_name_moves_no_other_image() {
        let names: Vec<String> = (0..300).map(|i| format!("{i}.png")).collect();
        let renamed: Vec<String> = (0..300).map(|i| format!("x{}.png", 300 - i)).collect();
        let images: Vec<FittedImage> = (0..300).map(|i| image(i, &i.to_string())).collect();
        let all = divide(&named(&names), &images, tested(0.1), TestGroup::None);
        assert!((15..45).contains(&all.test.len()), "{}", all.test.len());
        let fewer = divide(&named(&names), &images[..200], tested(0.1), TestGroup::None);
        let kept: Vec<usize> = all.test.iter().copied().filter(|&i| i < 200).collect();
        assert_eq!(fewer.test, kept);
        assert_eq!(
            divide(&named(&renamed), &images, tested(0.1), TestGroup::None),
            all
        );
    }

    #[test]
    fn equal_images_lie_on_one_side() {
        let names: Vec<String> = (0..200).map(|i| format!("{i}.png")).collect();
        let images: Vec<FittedImage> = (0..200).map(|i| image(i, &(i / 2).to_string())).collect();
        let division = divide(&named(&names), &images, tested(0.3), TestGroup::None);
        assert_eq!((division.duplicates, division.on_both_sides), (100, 0));
        assert!(division.test.len().is_multiple_of(2));
    }

    #[test]
    fn a_film_and_a_folder_lie_on_one_side() {
        let names: Vec<String> = (0..200)
            .map(|i| format!("film{}_{:03}.png", i / 10, i % 10))
            .collect();
        let images: Vec<FittedImage> = (0..200).map(|i| image(i, &i.to_string())).collect();
        let division = divide(&named(&names), &images, tested(0.3), TestGroup::Stem);
        assert!(!division.test.is_empty() && division.test.len().is_multiple_of(10));
        let names: Vec<String> = (0..200).map(|i| format!("p{}/{i}.png", i / 20)).collect();
        let division = divide(&named(&names), &images, tested(0.3), TestGroup::Folder);
        assert!(!division.test.is_empty() && division.test.len().is_multiple_of(20));
        assert!(looks_like_a_film(&named(
            &(0..9).map(|i| format!("a_{i}.png")).collect::<Vec<_>>()
        )));
        assert!(!looks_like_a_film(&named(
            &(0..9)
                .map(|i| format!("a_{}.png", i * i * 7))
                .collect::<Vec<_>>()
        )));
    }

    #[test]
    fn the_splits_of_a_layout_hold() {
        let mut entries = named(&(0..30).map(|i| format!("{i}.png")).collect::<Vec<_>>());
        let images: Vec<FittedImage> = (0..30).map(|i| image(i, &i.to_string())).collect();
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.split = Some([SplitName::Train, SplitName::Validation][index % 2]);
        }
        let division = divide(&entries, &images, tested(0.1), TestGroup::None);
        assert!(division.tests_on_validation && !division.by_hash);
        assert_eq!((division.train.len(), division.test.len()), (15, 15));
        entries[0].split = Some(SplitName::Test);
        let division = divide(&entries, &images, tested(0.1), TestGroup::None);
        assert_eq!(
            (division.test.as_slice(), division.validation.len()),
            (&[0][..], 15)
        );
    }

    #[test]
    fn a_few_images_still_have_a_test_image() {
        let entries = named(&["a.png".to_owned(), "b.png".to_owned()]);
        let division = divide(
            &entries,
            &[image(0, "a"), image(1, "b")],
            tested(1e-9),
            TestGroup::None,
        );
        assert_eq!((division.train.len(), division.test.len()), (1, 1));
    }

    #[test]
    fn images_to_calibrate_on_are_taken_from_those_to_train_on_and_no_test_image_moves() {
        let mut entries = named(&(0..400).map(|i| format!("{i}.png")).collect::<Vec<_>>());
        // Each image twice.
        let images: Vec<FittedImage> = (0..400).map(|i| image(i, &(i / 2).to_string())).collect();
        let calibrated = |entries: &[ImageEntry], calibration| {
            let shares = HeldOutShares {
                test: 0.1,
                calibration,
            };
            divide(entries, &images, shares, TestGroup::None)
        };
        let [without, with] = [0.0, 0.2].map(|share| calibrated(&entries, share));
        assert_eq!((&with.test, without.calibration.len()), (&without.test, 0));
        assert!((50..110).contains(&with.calibration.len()), "{with:?}");
        let mut both = [with.train.clone(), with.calibration.clone()].concat();
        let mut trained = without.train.clone();
        both.sort_unstable();
        trained.sort_unstable();
        assert_eq!(both, trained);
        let hashes = |rows: &[usize]| rows.iter().map(|&i| images[i].hash).collect::<Vec<_>>();
        let seen = hashes(&with.train);
        assert!(
            hashes(&with.calibration)
                .iter()
                .all(|hash| !seen.contains(hash))
        );
        // Abnormal images are tested on, and images that the layout trains on calibrate as well.
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.split = Some([SplitName::Train, SplitName::Test][index / 2 % 2]);
        }
        let with = calibrated(&entries, 0.2);
        assert!((15..70).contains(&with.calibration.len()), "{with:?}");
        assert_eq!(with.test.len(), 200);
        let is_train = |&index: &usize| entries[index].split == Some(SplitName::Train);
        assert!(with.calibration.iter().all(is_train));
    }
}
