//! The memory that a training needs, estimated before it starts.

use crate::config::Config;
use crate::model::{LayerSpec, Network};

/// Bytes of a float.
const FLOAT: f64 = 4.0;

/// The copies of the weights, of the optimizer's slots and of the average: those of the next step, the last good ones, and,
/// while a state is saved, between two and three more. Measured with dense layers of 2 to 13 million weights: 4.1 to 4.9.
const COPIES: f64 = 4.5;

/// The floats of a gradient for each value that the largest layer reads or gives: the two of its backward pass, and as much
/// again that the allocator has not given back. Measured with convolutions and residual blocks: 1.6 to 2.3.
const FLOATS_PER_GRADIENT: f64 = 2.0;

/// The same with sections that are computed again, whose largest layer is counted among the kept values, too. Measured: 0.4
/// and 1.5.
const FLOATS_PER_GRADIENT_AGAIN: f64 = 1.0;

/// The memory of the program itself and its threads, measured.
const PROGRAM: u64 = 60_000_000;

/// The share of the estimate that a training needs in every case.
const CERTAIN: f64 = 0.8;

/// An estimate of the memory that a training needs besides its data, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryNeed {
    /// The memory that does not depend on the batch.
    fixed: u64,
    per_image: f64,
    batch: usize,
}

impl MemoryNeed {
    /// Estimates the memory for training `network` on `image_count` images.
    pub fn new(config: &Config, network: &Network, image_count: usize) -> Self {
        let parameters = config.parameter_count(network) as f64;
        let average = usize::from(config.train.average_decay().is_some());
        let slots = config.optimizer.kind().slots().len() + average;
        let recomputes = config.train.checkpointing;
        // Beside the copies there is one gradient, and a section that is computed again has its weights in a row, too.
        let gradients = if recomputes { 2.0 } else { 1.0 };
        // The shards of a batch pass one by one, and their gradients are added in pairs.
        let shards = config.train.shards as f64;
        let gradients = gradients + shards.log2();
        let per_parameter = FLOAT * (COPIES * (1 + slots) as f64 + gradients);
        let per_gradient = if recomputes {
            FLOATS_PER_GRADIENT_AGAIN
        } else {
            FLOATS_PER_GRADIENT
        };
        let samples = config.objective.kind().samples() as f64;
        let encoder = PassValues::new(&network.encoder, recomputes);
        let decoder = PassValues::new(&network.decoder, recomputes);
        let image = network.image_shape.iter().product::<usize>() as f64;
        let kept = (2 * network.latent + encoder.kept) as f64
            + samples * (network.latent + decoder.kept) as f64;
        let largest = (encoder.largest as f64).max(samples * decoder.largest as f64);
        Self {
            fixed: PROGRAM.saturating_add((parameters * per_parameter) as u64),
            per_image: FLOAT * (image + (kept + per_gradient * largest) / shards),
            batch: config.train.batch.min(image_count),
        }
    }

    /// Returns the number of images in a step.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Returns the part of the estimate that grows with the batch, in bytes.
    pub fn activations(&self) -> u64 {
        (self.per_image * self.batch as f64) as u64
    }

    /// Returns the estimate in bytes.
    pub fn bytes(&self) -> u64 {
        self.with_batch(self.batch)
    }

    fn with_batch(&self, batch: usize) -> u64 {
        self.fixed
            .saturating_add((self.per_image * batch as f64) as u64)
    }

    /// Returns whether the training certainly needs more than `free` bytes.
    pub fn exceeds(&self, free: u64) -> bool {
        CERTAIN * self.bytes() as f64 > free as f64
    }

    /// Returns the largest batch of the form 1, 2, 5, 10, 20, ... whose estimate is within `free` bytes, or `None` if
    /// not even one image at a time is.
    pub fn batch_within(&self, free: u64) -> Option<usize> {
        let scales = (0..9).map(|power| 10_usize.pow(power));
        scales
            .flat_map(|scale| [1, 2, 5].map(|digit| digit * scale))
            .take_while(|batch| self.with_batch(*batch) <= free)
            .last()
    }
}

/// The values of one image in the forward and the backward pass through layers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct PassValues {
    /// The values that are kept for the backward pass.
    kept: usize,
    /// The most values that a layer reads and gives.
    largest: usize,
}

impl PassValues {
    /// Counts the values. With `recomputes`, of each section up to a residual block the output alone is kept, and the values
    /// within for one section at a time.
    fn new(layers: &[LayerSpec], recomputes: bool) -> Self {
        let largest = layers.iter().map(|layer| {
            let layer = layer.kind();
            layer.input().count() + layer.output().count()
        });
        let within = |layers: &[LayerSpec]| -> usize {
            layers.iter().map(|layer| layer.kind().kept_values()).sum()
        };
        let kept = if recomputes {
            let sections = layers.split_inclusive(|layer| layer.kind().is_block());
            let outputs = sections.clone().filter_map(|section| section.last());
            let outputs: usize = outputs.map(|layer| layer.kind().output().count()).sum();
            outputs + sections.map(within).max().unwrap_or(0)
        } else {
            within(layers)
        };
        Self {
            kept,
            largest: largest.max().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{find_preset, set};
    use crate::error::Result;

    const NEED: MemoryNeed = MemoryNeed {
        fixed: 1_000_000,
        per_image: 10_000.0,
        batch: 500,
    };

    #[test]
    fn the_batch_that_fits_is_the_largest_round_one() {
        assert_eq!(NEED.bytes(), 6_000_000);
        assert_eq!(NEED.batch_within(5_999_999), Some(200));
        assert_eq!(NEED.batch_within(6_000_000), Some(500));
        assert_eq!(NEED.batch_within(1_000_000), None);
    }

    #[test]
    fn an_average_of_the_weights_needs_as_much_as_a_slot_of_the_optimizer() -> Result<()> {
        let smoke = find_preset("smoke")?.config()?;
        let averaged = set(&smoke, "train.ema=0.999")?;
        let momentum = set(&smoke, "optimizer.sgd.momentum=0.9")?;
        let none = set(&smoke, "optimizer.sgd=")?;
        let network = smoke.network([1, 28, 28], 0)?;
        let need = |config: &Config| MemoryNeed::new(config, &network, 100).bytes();
        let slot = need(&momentum) - need(&none);
        assert!(slot as f64 > 100_000.0 * FLOAT);
        assert_eq!(need(&averaged) - need(&smoke), slot);
        Ok(())
    }

    #[test]
    fn only_what_is_certainly_too_much_is_refused() {
        assert!(!NEED.exceeds(5_000_000));
        assert!(NEED.exceeds(4_700_000));
    }

    #[test]
    fn sections_that_are_computed_again_keep_less() -> Result<()> {
        let smoke = find_preset("smoke")?.config()?;
        let resnet = set(&smoke, "model.resnet.channels=[16, 32]")?;
        let kept = set(&resnet, "model.resnet.blocks=4")?;
        let again = set(&kept, "train.checkpointing=true")?;
        let network = kept.network([3, 64, 64], 0)?;
        let need = |config: &Config| MemoryNeed::new(config, &network, 100).activations() as f64;
        assert!(need(&again) < 0.8 * need(&kept));
        Ok(())
    }
}
