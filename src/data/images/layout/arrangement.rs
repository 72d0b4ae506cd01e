//! The layouts of image files, and image files sorted into splits and classes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::images::fitting::SkippedImage;
use crate::data::images::image_source::ImageEntry;

/// The ways in which image files are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The first of the others that fits, in the order table, splits, anomaly, classes, flat.
    #[default]
    Auto,
    /// Files in one folder, or in folders that mean nothing.
    Flat,
    /// A folder for each class.
    Classes,
    /// A folder for each split, `train` and `test`, with the classes' folders in it, if there are any.
    Splits,
    /// A folder of normal images and folders of abnormal ones, which are all tested on.
    Anomaly,
    /// A CSV or JSONL file with the names of the images, their classes and their splits.
    Table,
}

/// The part of a file's folders that names its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelsFrom {
    /// The uppermost folder.
    #[default]
    First,
    /// The folder that the file lies in.
    Last,
    /// All folders: `Latin/a`.
    Path,
    /// Nothing: the images have no classes.
    None,
}

/// The way in which image files are to be sorted into splits and classes.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArrangeOptions {
    pub layout: Layout,
    pub labels: LabelsFrom,
    /// Whether an image that a table names and that is not there is left out instead of being an error.
    pub skips_missing: bool,
}

/// Image files, sorted into splits and classes.
#[derive(Clone, Debug)]
pub struct Arrangement {
    /// The layout that was found.
    pub layout: Layout,
    pub entries: Vec<ImageEntry>,
    /// The number of each entry's file in its tree.
    pub files: Vec<usize>,
    /// Whether defects are searched for, so that an image's border must not be cut off.
    pub has_defects: bool,
    /// Images that a table names and that are not there.
    pub missing: Vec<SkippedImage>,
    /// Facts that a person should know.
    pub notes: Vec<String>,
}

/// An image file, and the folders in which it lies below the common one.
pub struct Found<'a> {
    pub file: usize,
    pub path: &'a str,
    pub folders: Vec<&'a str>,
}

impl Layout {
    /// Returns the words of a message for the layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto | Self::Flat => "files",
            Self::Classes => "class folders",
            Self::Splits => "split folders",
            Self::Anomaly => "folders of normal and abnormal images",
            Self::Table => "a table",
        }
    }
}
