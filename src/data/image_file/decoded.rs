//! A decoded image, and what is known of the file that held it.

use image::DynamicImage;

/// A decoded image, and what is known of the file that held it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// In any size, upright.
    pub image: DynamicImage,
    pub facts: ImageFacts,
}

/// The properties of a file that its decoded image does not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// The orientation that a camera noted was applied.
    pub rotated: bool,
    /// The file is an animation, and this is its first image.
    pub animated: bool,
    /// The colours were those of a printer.
    pub cmyk: bool,
}

impl Decoded {
    /// Returns an image with nothing special to it.
    pub fn plain(image: DynamicImage) -> Self {
        Self {
            image,
            facts: ImageFacts::default(),
        }
    }
}
