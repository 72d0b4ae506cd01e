//! One batch: decides whether the host or a GPU puts it together, and does so.

use burn::tensor::{Device, Tensor};

use super::augmentation::Augmentation;
use super::corruption::Corruption;
use super::resident::packed;
use super::scale::{Scaling, scaled_on_gpu};

use crate::data::{Batch, Example, Pixels, Split, one_hot};
use crate::error::Result;
use crate::ops::{made_on, on_host, random};
use crate::rng::Rng;

/// How examples become batches.
#[derive(Clone, Debug)]
pub struct Loader {
    pub pixels: Pixels,
    /// The random changes of the images; `None`: the images are read as they are.
    pub augmentation: Option<Augmentation>,
    /// The corruption of the encoder's input; `None`: the input is the example itself.
    pub corruption: Option<Corruption>,
    /// The number of classes `L` of a conditional model; `None`: batches have no labels.
    pub class_count: Option<usize>,
    pub device: Device,
    /// The random stream of pixels that are drawn.
    pub pixel_rng: Rng,
    /// The random stream of the corruption.
    pub corruption_rng: Rng,
}

impl Loader {
    /// Returns a loader of grey levels without labels, as they are.
    pub fn plain(device: &Device) -> Self {
        Self {
            pixels: Pixels::Grey,
            augmentation: None,
            corruption: None,
            class_count: None,
            device: device.clone(),
            pixel_rng: Rng::new(0),
            corruption_rng: Rng::new(0),
        }
    }

    /// Returns this loader with the random numbers of training step `step` (from 0).
    #[must_use]
    pub fn at_step(&self, step: u64) -> Self {
        let augmentation = self.augmentation.as_ref();
        Self {
            augmentation: augmentation.map(|augmentation| augmentation.at_step(step)),
            pixel_rng: self.pixel_rng.at(step),
            corruption_rng: self.corruption_rng.at(step),
            ..self.clone()
        }
    }

    /// Reads the examples `ids` of a split as one batch. What is random about an example depends on its id alone.
    ///
    /// # Shapes
    /// `ids`: `[B]`; the batch's `x`: `[B, P]`.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn batch(&self, split: &Split, ids: &[u32]) -> Result<Batch> {
        self.batch_with_noise_ids(split, ids, ids)
    }

    /// Does the same as [`Loader::batch`] with other ids for what is random about the examples.
    ///
    /// # Shapes
    /// `ids` and `noise_ids`: `[B]`; the batch's `x`: `[B, P]`.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn batch_with_noise_ids(
        &self,
        split: &Split,
        ids: &[u32],
        noise_ids: &[u32],
    ) -> Result<Batch> {
        let on_gpu = if self.belongs_on_gpu(split, ids.len()) {
            self.values_on_gpu_with_noise_ids(split, ids, noise_ids)?
        } else {
            None
        };
        let x = match on_gpu {
            Some(x) => x,
            None => {
                let read = |row: usize| split.example(ids[row] as usize);
                self.on_host(split, noise_ids, self.augmentation.as_ref(), &read)?
            }
        };
        Ok(self.finish(x, split, ids, noise_ids))
    }

    /// Puts a batch together from examples that have been read and augmented.
    pub(super) fn assemble(
        &self,
        split: &Split,
        ids: &[u32],
        examples: &[Example],
    ) -> Result<Batch> {
        let x = self.on_host(split, ids, None, &|row| Ok(examples[row].borrowed()))?;
        Ok(self.finish(x, split, ids, ids))
    }

    /// Adds corruption and labels.
    fn finish(&self, x: Tensor<2>, split: &Split, ids: &[u32], noise_ids: &[u32]) -> Batch {
        let corrupted = self
            .corruption
            .map(|corruption| corruption.apply(x.clone(), self.corruption_rng, noise_ids));
        let known = split.labels.as_ref().zip(self.class_count);
        let labels = known.map(|(labels, count)| {
            one_hot(
                ids.iter().map(|&id| labels[id as usize]),
                count,
                &self.device,
            )
        });
        Batch {
            x,
            corrupted,
            labels,
        }
    }

    /// Whether the values of `count` examples are put together on the device itself.
    fn belongs_on_gpu(&self, split: &Split, count: usize) -> bool {
        let drawn_on_host =
            self.pixels.is_drawn() && !random::belong_on(&self.device, count * split.values());
        let changed_on_host = drawn_on_host || self.augmentation.is_some();
        !on_host(&self.device) && !changed_on_host && !split.may_block()
    }

    /// Puts the values of the examples `ids` together on the device itself, from their bytes there. `None` if the examples
    /// are not bytes. The numbers are those of the host.
    ///
    /// # Shapes
    /// `ids`: `[B]`; result: `[B, P]`.
    ///
    /// # Errors
    /// An example cannot be read.
    pub fn values_on_gpu(&self, split: &Split, ids: &[u32]) -> Result<Option<Tensor<2>>> {
        self.values_on_gpu_with_noise_ids(split, ids, ids)
    }

    fn values_on_gpu_with_noise_ids(
        &self,
        split: &Split,
        ids: &[u32],
        noise_ids: &[u32],
    ) -> Result<Option<Tensor<2>>> {
        let Some(bytes) = packed(split, ids, &self.device)? else {
            return Ok(None);
        };
        let x = scaled_on_gpu(self.pixels, bytes, noise_ids, self.pixels_stream());
        Ok(Some(made_on(&self.device, x)))
    }

    fn on_host<'a>(
        &self,
        split: &Split,
        ids: &[u32],
        augmentation: Option<&Augmentation>,
        read: &(dyn Fn(usize) -> Result<Example<'a>> + Sync),
    ) -> Result<Tensor<2>> {
        let width = split.values();
        let scaling = Scaling {
            pixels: self.pixels,
            shape: split.shape,
            rng: self.pixels_stream(),
            augmentation,
        };
        let values = scaling.on_host(ids, read)?;
        Ok(Batch::from_values(values, width, &self.device).x)
    }

    /// Returns the random stream of the pixels: one for all runs if they are drawn once.
    fn pixels_stream(&self) -> Rng {
        if self.pixels == Pixels::Static {
            Rng::new(0).stream("static pixels")
        } else {
            self.pixel_rng
        }
    }
}
