//! The lines that say what was found in a folder of images, and what was made of it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cache::FittedSet;
use super::fitting::{ImageSummary, SkippedImage};
use super::image_source::ImageEntry;
use super::layout::{Layout, is_normal, tells_abnormal_apart};
use super::natural_order;
use super::open_source::OpenedSource;
use super::settings::Images;
use super::splitting::{Division, TestGroup, looks_like_a_film};
use crate::check::is_default;
use crate::data::image_file::{ALL_LEVELS, FitMode};
use crate::data::{Dataset, Split};
use crate::words::counted;

/// The most classes that a line lists.
const LISTED: usize = 12;

/// The fewest training images with which overfitting is not expected.
const FEW: usize = 500;

/// The fewest test images whose mean says something.
const FEW_TESTS: usize = 10;

/// A report of what was found in a folder of images, and what was made of it.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReport {
    /// The folder or file.
    #[serde(skip)]
    pub place: PathBuf,
    /// The last name of the path.
    pub name: String,
    /// The words for the layout.
    pub layout: String,
    /// The settings, with all that was chosen.
    #[serde(rename = "config")]
    pub settings: Images,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    pub summary: ImageSummary,
    /// The images of each class, in the order of the classes.
    pub classes: Vec<(String, usize)>,
    pub train: usize,
    pub validation: usize,
    #[serde(skip_serializing_if = "is_default")]
    pub calibration: usize,
    pub test: usize,
    /// The abnormal ones of the test images, and the number of their kinds, where they are told apart.
    #[serde(skip_serializing_if = "is_default")]
    pub abnormal: usize,
    #[serde(skip_serializing_if = "is_default")]
    pub abnormal_kinds: usize,
    pub test_by_hash: bool,
    pub duplicates: usize,
    pub skipped: Vec<SkippedImage>,
    pub notes: Vec<String>,
}

/// Returns the classes of the abnormal test images; none if no abnormal images are told apart.
fn abnormal_classes<'a>(
    entries: &'a [ImageEntry],
    set: &FittedSet,
    division: &Division,
) -> Vec<&'a str> {
    if !tells_abnormal_apart(entries) {
        return Vec::new();
    }
    let entry = |&row: &usize| &entries[set.index.images[row].entry];
    let classes = division.test.iter().map(entry);
    let classes = classes.filter_map(|entry| entry.class.as_deref());
    classes.filter(|class| !is_normal(class)).collect()
}

impl ImageReport {
    pub fn new(
        root: &Path,
        settings: &Images,
        set: &FittedSet,
        division: &Division,
        source: &OpenedSource,
    ) -> Self {
        let entries = source.images.entries();
        let mut notes = source.notes.clone();
        let summary = set.index.summary.clone();
        let used: Vec<&ImageEntry> = set
            .index
            .images
            .iter()
            .map(|image| &entries[image.entry])
            .collect();
        let mut names: Vec<&str> = used
            .iter()
            .filter_map(|entry| entry.class.as_deref())
            .collect();
        let unlabelled = used.len() - names.len();
        names.sort_unstable_by(|a, b| natural_order::compare(a, b));
        let classes: Vec<(String, usize)> = names
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0].to_owned(), same.len()))
            .collect();
        if unlabelled > 0 && !classes.is_empty() {
            notes.push(format!(
                "{} without a class, so that no classes are used",
                counted(unlabelled, "image")
            ));
        }
        let quarter = u16::MAX / 4;
        if summary.sixteen_bit > 0
            && settings.levels == ALL_LEVELS
            && summary.highest_level < quarter
        {
            // Cameras have 10, 12 or 14 bits.
            let top = (u32::from(summary.highest_level) + 1).next_power_of_two() - 1;
            notes.push(format!(
                "16-bit images reach level {} of 65535 only, and will be dark: `--set data.images.levels=[0,{top}]` spreads them",
                summary.highest_level
            ));
        }
        if summary.alpha * 100 > summary.images && settings.background == Default::default() {
            notes.push(format!(
                "{} with transparent parts, which become black: `--set data.images.background=white` makes them white",
                counted(summary.alpha, "image")
            ));
        }
        if division.tests_on_validation {
            notes.push("there are no test images: the validation images are tested on".to_owned());
        }
        if division.on_both_sides > 0 {
            notes.push(format!(
                "{} of the images to train on are also test images, because the layout or the groups say so: the test ELBO flatters the model",
                division.on_both_sides
            ));
        }
        let by_image = division.by_hash && settings.group == TestGroup::None;
        if by_image && looks_like_a_film(entries) {
            notes.push("most names are numbered in a row; if neighbours look alike, as frames of a film do, the test ELBO flatters the model: `--set data.images.group=stem` (or folder) keeps them on one side".to_owned());
        }
        if division.train.len() < FEW {
            notes.push(format!(
                "{} to train on: few enough for the model to learn by heart, which the test ELBO shows",
                counted(division.train.len(), "image")
            ));
        }
        if division.test.len() < FEW_TESTS {
            notes.push(format!(
                "{} can hardly tell one model from another: see the error of the test ELBO",
                counted(division.test.len(), "test image")
            ));
        }
        let name = root.file_name().unwrap_or(root.as_os_str());
        let mut abnormal = abnormal_classes(entries, set, division);
        let abnormal_images = abnormal.len();
        abnormal.sort_unstable();
        abnormal.dedup();
        Self {
            place: root.to_owned(),
            name: name.to_string_lossy().into_owned(),
            layout: source.layout.map_or("arrays", Layout::name).to_owned(),
            settings: settings.clone(),
            shape: set.index.shape,
            summary,
            classes,
            train: division.train.len(),
            validation: division.validation.len(),
            calibration: division.calibration.len(),
            test: division.test.len(),
            abnormal: abnormal_images,
            abnormal_kinds: abnormal.len(),
            test_by_hash: division.by_hash,
            duplicates: division.duplicates,
            skipped: [&source.missing[..], &set.index.skipped].concat(),
            notes,
        }
    }

    /// Returns the report with the numbers of images in `dataset`, after images to validate on were set aside.
    #[must_use]
    pub fn with_counts(mut self, dataset: &Dataset) -> Self {
        self.train = dataset.train.len();
        self.validation = dataset.validation.as_ref().map_or(0, Split::len);
        self
    }

    /// Returns the report as lines for people. `listed_in` names the file with all skipped images.
    pub fn text(&self, listed_in: Option<&str>) -> String {
        let summary = &self.summary;
        let mut text = format!(
            "{}: {} in {}",
            self.name,
            counted(summary.images, "image"),
            self.layout
        );
        let classes: Vec<String> = self
            .classes
            .iter()
            .take(LISTED)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if self.classes.len() > 1 {
            let _ = write!(text, ": {}", classes.join(", "));
            if self.classes.len() > LISTED {
                let _ = write!(text, ", ... ({} classes)", self.classes.len());
            }
        }
        let size = |[width, height]: [u32; 2]| format!("{width}x{height}");
        let (smallest, largest) = (size(summary.smallest), size(summary.largest));
        let sizes = if smallest == largest {
            smallest
        } else {
            format!("{smallest} to {largest}")
        };
        let colours = match (summary.colour, self.shape[0]) {
            (_, 1) => "grey",
            (0, _) => "grey, as colour",
            _ => "colour",
        };
        let [channels, height, width] = self.shape;
        let is_same =
            summary.smallest == summary.largest && summary.largest == [width as u32, height as u32];
        let fitted = if is_same {
            format!("as they are: {channels}x{height}x{width}")
        } else {
            let way = match self.settings.fit {
                Some(FitMode::Pad) => "whole, padded",
                Some(FitMode::Stretch) => "stretched",
                _ => "centre crop",
            };
            format!("fitted to {channels}x{height}x{width}: {way}, antialiased")
        };
        let _ = write!(text, "\n  {sizes}, {colours}; {fitted}");
        let chosen = match (self.test_by_hash, self.settings.group) {
            (false, _) => "as the layout says",
            (true, TestGroup::None) => "chosen by a hash of the pixels",
            (true, TestGroup::Folder) => "chosen by a hash of the folder",
            (true, TestGroup::Stem) => "chosen by a hash of the name without its number",
        };
        let _ = write!(text, "\n  test {}, {chosen}", self.test);
        if self.abnormal > 0 {
            let _ = write!(
                text,
                " ({} abnormal of {}, for `vae anomalies`)",
                self.abnormal,
                counted(self.abnormal_kinds, "kind")
            );
        }
        let _ = write!(text, "; {} to train on", self.train);
        if self.validation > 0 {
            let _ = write!(text, "; validation {}", self.validation);
        }
        if self.calibration > 0 {
            let _ = write!(text, "; calibration {}", self.calibration);
        }
        if self.duplicates > 0 {
            let side = if self.test_by_hash && self.settings.group == TestGroup::None {
                ", each on the side of its equal"
            } else {
                ""
            };
            let duplicates = counted(self.duplicates, "exact duplicate");
            let _ = write!(text, "; {duplicates}{side}");
        }
        let counts = [
            (summary.rotated, "rotated by EXIF"),
            (summary.animated, "first frame of an animation"),
            (summary.cmyk, "from CMYK"),
            (summary.alpha, "with alpha"),
            (summary.sixteen_bit, "of 16 bits"),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{what} {count}"))
            .collect();
        if !counts.is_empty() {
            let _ = write!(text, "\n  {}", counts.join("; "));
        }
        if !self.skipped.is_empty() {
            let few: Vec<String> = self
                .skipped
                .iter()
                .take(if listed_in.is_some() { 3 } else { 20 })
                .map(|image| format!("{}: {}", image.name, image.reason))
                .collect();
            let more = if few.len() < self.skipped.len() {
                "; ..."
            } else {
                ""
            };
            let listed = listed_in.map_or(String::new(), |file| format!(", see {file}"));
            let _ = write!(
                text,
                "\n  skipped {}{listed} ({}{more})",
                self.skipped.len(),
                few.join("; ")
            );
        }
        for note in &self.notes {
            let _ = write!(text, "\n  note: {note}");
        }
        text
    }
}
