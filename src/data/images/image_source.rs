//! The seam for a person's images: whatever lists them and can decode each of them.

use std::fmt::Debug;

pub use crate::data::image_file::{Decoded, ImageFacts};
use crate::data::{GenerativeFactors, SplitName};
use crate::error::Result;

/// An image before it is decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageEntry {
    /// Its name in outputs and messages: the path below the folder, or the array and the index.
    pub name: String,
    /// The split that the folder, the table or the archive puts it in; `None` if nothing does.
    pub split: Option<SplitName>,
    /// The name of its class.
    pub class: Option<String>,
}

/// A person's images, in a fixed order.
pub trait ImageSource: Debug + Send + Sync {
    fn entries(&self) -> &[ImageEntry];

    /// Decodes image `index` of [`ImageSource::entries`].
    ///
    /// # Errors
    /// The image is broken, which the caller may skip. The error names its file, or its place in an array.
    fn decode(&self, index: usize) -> Result<Decoded>;

    /// Returns the width and the height of image `index`, upright, without decoding more than needed.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`ImageSource::decode`]; a broken image may also pass.
    fn size(&self, index: usize) -> Result<[u32; 2]> {
        let image = self.decode(index)?.image;
        Ok([image.width(), image.height()])
    }

    /// Returns bytes that differ if an image may differ: names, sizes and times of files. A cache is keyed by them.
    fn key(&self) -> Vec<u8>;

    /// Returns sentences for the person about what was not as expected, such as labels that were left out.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// Returns the known factors of all images, `[N, F]`, if the images were made from factors.
    fn factors(&self) -> Option<GenerativeFactors> {
        None
    }
}
