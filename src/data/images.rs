//! Pictures as they are held in memory: bytes, and what is known of them.

use std::ops::Range;

/// `N` pictures of one size, with their labels where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `[N, C, H, W]`, one byte a value: 0 is black, 255 is white.
    pub pixels: Vec<u8>,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// `[N]`: the class of each picture, an index into [`Dataset::classes`].
    pub labels: Option<Vec<u8>>,
}

impl Images {
    /// `N`.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.values()
    }

    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Values in a picture: `C * H * W`.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of picture `index`, `[C, H, W]`.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.values()..][..self.values()]
    }

    /// Puts `others`, of the same size, after these.
    pub fn append(&mut self, others: &Self) {
        self.pixels.extend_from_slice(&others.pixels);
        if let (Some(labels), Some(more)) = (&mut self.labels, &others.labels) {
            labels.extend_from_slice(more);
        }
    }

    /// The pictures of `range`, in order.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self {
            pixels: self.pixels[range.start * self.values()..range.end * self.values()].to_vec(),
            shape: self.shape,
            labels: self.labels.as_ref().map(|labels| labels[range].to_vec()),
        }
    }
}

/// A data set: what a model is trained on, and what it is measured on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// As the person who reads a report knows it: "mnist", "digits".
    pub name: String,
    /// The classes' names, in the order of the labels. Empty where there are no labels.
    pub classes: Vec<String>,
    pub train: Images,
    /// Set aside from the training pictures where the config asks for it, to choose the best model on.
    pub validation: Option<Images>,
    pub test: Images,
}
