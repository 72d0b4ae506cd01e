//! The memory that a training needs, estimated before it starts.

use crate::config::Config;
use crate::model::Network;

/// Bytes of a float.
const FLOAT: u64 = 4;

/// The copies of the weights, of the optimizer's slots and of the average: those of the next step, the last good ones, and three while a
/// state is saved.
const COPIES: u64 = 5;

/// The floats that a step holds for each number between two layers: the activation, which is kept for the backward
/// pass, and the gradients that flow just then. Measured with dense and convolutional networks: 1.4 and 1.75.
const FLOATS_PER_ACTIVATION: f64 = 1.75;

/// The memory of the program itself and its threads, measured.
const PROGRAM: u64 = 50_000_000;

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
        let parameters = config.parameter_count(network) as u64;
        let average = u64::from(config.train.average_decay().is_some());
        let slots = config.optimizer.kind().slots().len() as u64 + average;
        // Beside the copies there is one gradient.
        let per_parameter = FLOAT * (COPIES * (1 + slots) + 1);
        let values: usize = network.image_shape.iter().product();
        let outputs = |decodes: bool| -> usize {
            let layers = network.layers().into_iter();
            layers
                .filter(|(path, _)| path.starts_with("decoder.") == decodes)
                .map(|(_, layer)| layer.kind().kept_values())
                .sum()
        };
        let decoded = config.objective.kind().samples() * (network.latent + outputs(true));
        let activations = values + outputs(false) + decoded;
        Self {
            fixed: PROGRAM + parameters.saturating_mul(per_parameter),
            per_image: FLOAT as f64 * FLOATS_PER_ACTIVATION * activations as f64,
            batch: config.train.batch.min(image_count),
        }
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
        assert!(slot > 100_000 * FLOAT);
        assert_eq!(need(&averaged) - need(&smoke), slot);
        Ok(())
    }

    #[test]
    fn only_what_is_certainly_too_much_is_refused() {
        assert!(!NEED.exceeds(5_000_000));
        assert!(NEED.exceeds(4_700_000));
    }
}
