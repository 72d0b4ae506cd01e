//! A split: examples, and what is known of each of them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Int, Tensor};

use super::GenerativeFactors;
use super::examples::{Example, Examples, expect_length};
use super::in_memory::InMemory;
use crate::error::Result;
use crate::rng::Rng;

/// A copy of a split's bytes on the first device that asked for one; the loader fills it.
pub type DeviceCopy = Arc<OnceLock<(Device, Tensor<2, Int>)>>;

/// `N` examples of one shape, with their labels and factors if these are known.
#[derive(Clone, Debug)]
pub struct Split {
    examples: Arc<dyn Examples>,
    /// Which of the source's examples these are.
    range: Range<usize>,
    /// `[C, H, W]`; a vector is one row of one channel.
    pub shape: [usize; 3],
    /// `[N]`: the class of each example, an index into [`Dataset::classes`](super::Dataset::classes).
    pub labels: Option<Vec<u32>>,
    /// `[N]`: the name of each example, where examples have names.
    pub names: Option<Vec<String>>,
    /// The known factors that each example was generated from.
    pub factors: Option<GenerativeFactors>,
    pub(crate) device_copy: DeviceCopy,
}

impl Split {
    /// Returns all examples of a source, without labels.
    pub fn new(examples: impl Examples + 'static) -> Self {
        Self {
            range: 0..examples.len(),
            shape: examples.shape().as_image(),
            examples: Arc::new(examples),
            labels: None,
            names: None,
            factors: None,
            device_copy: DeviceCopy::default(),
        }
    }

    /// Returns images in memory. `pixels`: `[N, C, H, W]`, one byte a value, 0 is black and 255 is white.
    pub fn in_memory(pixels: Vec<u8>, shape: [usize; 3]) -> Self {
        Self::new(InMemory::new(pixels, shape))
    }

    #[must_use]
    pub fn with_labels(self, labels: Vec<u32>) -> Self {
        Self {
            labels: Some(labels),
            ..self
        }
    }

    #[must_use]
    pub fn with_factors(self, factors: GenerativeFactors) -> Self {
        Self {
            factors: Some(factors),
            ..self
        }
    }

    /// Returns `N`.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Returns the number of values in an example: `C * H * W`.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// Reads example `index`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn example(&self, index: usize) -> Result<Example<'_>> {
        let example = self.examples.read(self.range.start + index)?;
        expect_length(&example, index, self.values())?;
        Ok(example)
    }

    /// Whether reading waits for a disk or a network.
    pub fn may_block(&self) -> bool {
        self.examples.may_block()
    }

    /// Returns the bytes of all examples, `[N, C, H, W]`, if they lie in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        let (start, end) = (
            self.range.start * self.values(),
            self.range.end * self.values(),
        );
        self.examples.bytes().map(|bytes| &bytes[start..end])
    }

    /// Copies the bytes of all examples, `[N, C, H, W]`; examples of floats are rounded to levels.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut all = Vec::with_capacity(self.len() * self.values());
        for index in 0..self.len() {
            all.extend_from_slice(&self.image(index)?);
        }
        Ok(all)
    }

    /// Calls `sink` with bytes that differ if an example differs, a part at a time.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn fingerprint(&self, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.examples.fingerprint(self.range.clone(), sink)
    }

    /// Returns the examples of `range`, in order. Nothing is copied but labels and factors.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let start = self.range.start;
        Self {
            examples: Arc::clone(&self.examples),
            range: start + range.start..start + range.end,
            shape: self.shape,
            labels: self
                .labels
                .as_ref()
                .map(|labels| labels[range.clone()].to_vec()),
            names: self
                .names
                .as_ref()
                .map(|names| names[range.clone()].to_vec()),
            factors: self.factors.as_ref().map(|factors| factors.slice(range)),
            device_copy: DeviceCopy::default(),
        }
    }

    /// Returns these examples, then `others` of the same shape, all copied into memory. The factors are dropped.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn followed_by(&self, others: &Self) -> Result<Self> {
        let labels = self
            .labels
            .as_ref()
            .zip(others.labels.as_ref())
            .map(|(these, those)| [these.as_slice(), those].concat());
        let bytes = [self.to_bytes()?, others.to_bytes()?].concat();
        Ok(Self {
            labels,
            ..Self::in_memory(bytes, self.shape)
        })
    }

    /// Returns the mean of each value over all examples, in [0, 1].
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn mean(&self) -> Result<Vec<f32>> {
        let mut sums = vec![0.0; self.values()];
        let mut scale = 1.0;
        for index in 0..self.len() {
            match self.example(index)? {
                // Sums of whole numbers, exact in `f64`.
                Example::Bytes(bytes) => {
                    scale = 255.0;
                    add(&mut sums, bytes.iter().map(|&byte| f64::from(byte)));
                }
                Example::Floats(floats) => {
                    add(&mut sums, floats.iter().map(|&value| f64::from(value)));
                }
            }
        }
        let count = scale * self.len().max(1) as f64;
        Ok(sums.into_iter().map(|sum| (sum / count) as f32).collect())
    }

    /// Returns the values, in [0, 1], of `count` different examples drawn at random, or of all if there are no more.
    ///
    /// # Shapes
    /// Result: `count * C * H * W` numbers.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn drawn_values(&self, count: usize, rng: Rng) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        for &index in rng.permutation(self.len()).iter().take(count) {
            values.extend(self.example(index as usize)?.values());
        }
        Ok(values)
    }

    /// Returns the name of an example, or its number if examples have no names.
    pub fn name(&self, id: u32) -> String {
        match &self.names {
            Some(names) => names[id as usize].clone(),
            None => id.to_string(),
        }
    }

    /// Returns the ids of the first `count` examples, or of all if there are no more.
    pub fn first_ids(&self, count: usize) -> Vec<u32> {
        (0..self.len().min(count) as u32).collect()
    }

    /// Returns the indices of a class's examples, in order; none if there are no labels.
    pub fn members(&self, class: u32) -> Vec<u32> {
        let labels = self.labels.as_deref().unwrap_or_default();
        (0_u32..)
            .zip(labels)
            .filter(|(_, label)| **label == class)
            .map(|(index, _)| index)
            .collect()
    }

    /// Reads the bytes of image `index`, `[C, H, W]`; an example of floats is rounded to levels.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        Ok(self.example(index)?.into_levels())
    }
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value);
}

/// Splits are equal if their examples, labels and factors are, and their sources may differ.
impl PartialEq for Split {
    fn eq(&self, other: &Self) -> bool {
        let same =
            |index| matches!((self.example(index), other.example(index)), (Ok(a), Ok(b)) if a == b);
        self.shape == other.shape
            && self.labels == other.labels
            && self.factors == other.factors
            && self.len() == other.len()
            && (0..self.len()).all(same)
    }
}
