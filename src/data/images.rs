//! Images, and what is known of them: bytes held in memory, or drawn each time they are asked for.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::GenerativeFactors;
use super::resident::{DevicePixels, upload};
use crate::ops::team;
use crate::rng::Rng;

/// `N` images of one size, with their labels where there are any.
#[derive(Clone, Debug)]
pub struct Images {
    store: Store,
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// `[N]`: the class of each image, an index into [`Dataset::classes`].
    pub labels: Option<Vec<u8>>,
    /// What each image was drawn from, where that is known.
    pub truth: Option<GenerativeFactors>,
    resident: DevicePixels,
}

#[derive(Clone, Debug)]
enum Store {
    /// `[N, C, H, W]`.
    Held(Vec<u8>),
    /// Image `index` is number `numbers[index]` of the painter's.
    Drawn {
        painter: Arc<dyn Generator>,
        numbers: Vec<u32>,
    },
}

/// Draws the images of a set that is much larger than what it is drawn from.
pub trait Generator: Debug + Send + Sync {
    /// Draws image `number` on black, `[C, H, W]`: always the same.
    fn paint(&self, number: u32, image: &mut [u8]);

    /// Bytes that all images follow from, which are others where an image is another: what is hashed in their place.
    fn definition(&self) -> Vec<u8>;
}

impl Images {
    /// Images held in memory. `pixels`: `[N, C, H, W]`, one byte a value, 0 is black and 255 is white.
    pub fn new(pixels: Vec<u8>, shape: [usize; 3]) -> Self {
        Self {
            store: Store::Held(pixels),
            shape,
            labels: None,
            truth: None,
            resident: DevicePixels::default(),
        }
    }

    /// The images `numbers` of a painter's, of which none is held.
    pub fn drawn(painter: Arc<dyn Generator>, numbers: Vec<u32>, shape: [usize; 3]) -> Self {
        let store = Store::Drawn { painter, numbers };
        Self {
            store,
            shape,
            labels: None,
            truth: None,
            resident: DevicePixels::default(),
        }
    }

    #[must_use]
    pub fn with_labels(self, labels: Vec<u8>) -> Self {
        Self {
            labels: Some(labels),
            ..self
        }
    }

    #[must_use]
    pub fn with_truth(self, truth: GenerativeFactors) -> Self {
        Self {
            truth: Some(truth),
            ..self
        }
    }

    /// `N`.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Held(pixels) => pixels.len() / self.values(),
            Store::Drawn { numbers, .. } => numbers.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values in an image: `C * H * W`.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of image `index`, `[C, H, W]`: 0 is black, 255 is white. Borrowed where the images are held.
    pub fn image(&self, index: usize) -> Cow<'_, [u8]> {
        match &self.store {
            Store::Held(pixels) => Cow::Borrowed(&pixels[index * self.values()..][..self.values()]),
            Store::Drawn { painter, numbers } => {
                let mut image = vec![0; self.values()];
                painter.paint(numbers[index], &mut image);
                Cow::Owned(image)
            }
        }
    }

    /// The bytes of the images `indices` on a GPU, four to a word: gathered there where the images are held and not too
    /// many (see [`super::resident`]), and otherwise brought there.
    ///
    /// # Shapes
    /// `indices`: `[B]`; result: `[B, W]`, `W` a quarter of an image's values, rounded up.
    pub fn words(&self, indices: &[u32], device: &Device) -> Tensor<2, Int> {
        if let Store::Held(pixels) = &self.store
            && let Some(all) = self.resident.words(pixels, self.values(), device)
        {
            let indices: Vec<i32> = indices.iter().map(|&index| index as i32).collect();
            let shape = [indices.len()];
            let indices = Tensor::from_data(TensorData::new(indices, shape), &all.device());
            return all.select(0, indices);
        }
        let mut bytes = vec![0; indices.len() * self.values()];
        team::for_each(
            bytes.chunks_mut(self.values()).zip(indices),
            |(row, &index)| {
                row.copy_from_slice(&self.image(index as usize));
            },
        );
        upload(&bytes, self.values(), device)
    }

    /// The bytes of all images, `[N, C, H, W]`. Those that are not held are all drawn for it.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.store {
            Store::Held(pixels) => pixels,
            Store::Drawn { .. } => (0..self.len())
                .flat_map(|index| self.image(index).into_owned())
                .collect(),
        }
    }

    /// Bytes that are others where an image is another: the images themselves where they are held, else what they
    /// are drawn from and which they are.
    pub fn definition(&self) -> Cow<'_, [u8]> {
        match &self.store {
            Store::Held(pixels) => Cow::Borrowed(pixels),
            Store::Drawn { painter, numbers } => {
                let mut definition = painter.definition();
                definition.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                Cow::Owned(definition)
            }
        }
    }

    /// These, then `others` of the same size, all held in memory; what they were drawn from is forgotten.
    #[must_use]
    pub fn followed_by(self, others: &Self) -> Self {
        let shape = self.shape;
        let labels = self
            .labels
            .clone()
            .zip(others.labels.clone())
            .map(|(these, those)| [these, those].concat());
        let bytes = [self.into_bytes(), others.clone().into_bytes()].concat();
        Self {
            labels,
            ..Self::new(bytes, shape)
        }
    }

    /// The mean of each value over all images, in [0, 1].
    pub fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0_u64; self.values()];
        for index in 0..self.len() {
            sums.iter_mut()
                .zip(self.image(index).iter())
                .for_each(|(sum, &byte)| *sum += u64::from(byte));
        }
        sums.into_iter()
            .map(|sum| (sum as f64 / (255 * self.len().max(1)) as f64) as f32)
            .collect()
    }

    /// The values, in [0, 1], of `count` different images drawn by lot; of all where there are no more.
    ///
    /// # Shapes
    /// Result: `count * C * H * W` numbers.
    pub fn drawn_pixels(&self, count: usize, rng: Rng) -> Vec<f32> {
        let order = rng.permutation(self.len());
        order
            .iter()
            .take(count)
            .flat_map(|&index| self.image(index as usize).to_vec())
            .map(|byte| f32::from(byte) / 255.0)
            .collect()
    }

    /// The indices of a class's images, in order; none where there are no labels.
    pub fn members(&self, class: u8) -> Vec<u32> {
        let labels = self.labels.as_deref().unwrap_or_default();
        (0_u32..)
            .zip(labels)
            .filter(|(_, label)| **label == class)
            .map(|(index, _)| index)
            .collect()
    }

    /// The images of `range`, in order.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let store = match &self.store {
            Store::Held(pixels) => {
                Store::Held(pixels[range.start * self.values()..range.end * self.values()].to_vec())
            }
            Store::Drawn { painter, numbers } => Store::Drawn {
                painter: Arc::clone(painter),
                numbers: numbers[range.clone()].to_vec(),
            },
        };
        Self {
            store,
            shape: self.shape,
            labels: self
                .labels
                .as_ref()
                .map(|labels| labels[range.clone()].to_vec()),
            truth: self.truth.as_ref().map(|truth| truth.slice(range)),
            resident: DevicePixels::default(),
        }
    }
}

/// The same images with the same labels and the same truth, wherever they come from.
impl PartialEq for Images {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.labels == other.labels
            && self.truth == other.truth
            && self.len() == other.len()
            && (0..self.len()).all(|index| self.image(index) == other.image(index))
    }
}

impl Eq for Images {}

/// A data set: what a model is trained on, and what it is measured on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// As the person who reads a report knows it: "mnist", "digits".
    pub name: String,
    /// The classes' names, in the order of the labels. Empty where there are no labels.
    pub classes: Vec<String>,
    pub train: Images,
    /// Set aside from the training images where the config asks for it, to choose the best model on.
    pub validation: Option<Images>,
    pub test: Images,
}
