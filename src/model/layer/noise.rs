//! The noise that a training step draws for a layer.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use crate::ops::noise::{Distribution, fill};
use crate::rng::Rng;

/// The noise of a layer in a training step. An image's noise depends on the step, the layer and the image id alone.
#[derive(Clone, Debug)]
pub struct LayerNoise {
    rng: Rng,
    /// `[B]`.
    image_ids: Arc<[u32]>,
}

impl LayerNoise {
    /// Returns the noise of a step on the images `image_ids`; `rng` is the generator of the step.
    pub fn new(rng: Rng, image_ids: &[u32]) -> Self {
        let image_ids = image_ids.into();
        Self { rng, image_ids }
    }

    /// Returns the noise of a part of the network.
    #[must_use]
    pub fn of(&self, part: &str) -> Self {
        Self {
            rng: self.rng.stream(part),
            image_ids: self.image_ids.clone(),
        }
    }

    /// Returns the noise of a layer of this part.
    #[must_use]
    pub fn at(&self, layer: usize) -> Self {
        Self {
            rng: self.rng.at(layer as u64),
            image_ids: self.image_ids.clone(),
        }
    }

    /// Returns the factors of dropout (Srivastava et al. 2014): 0 with this probability p, and otherwise 1 / (1 - p),
    /// so that the mean stays the same.
    ///
    /// # Shapes
    /// `shape`: `[K B, F]`, the images in the order of their ids, `K` times; result: `shape`.
    pub fn dropout(
        &self,
        probability: f64,
        [rows, width]: [usize; 2],
        device: &Device,
    ) -> Tensor<2> {
        let samples = rows / self.image_ids.len();
        let rngs: Vec<Rng> = (0..samples as u64)
            .flat_map(|k| self.rng.at(k).at_each(&self.image_ids))
            .collect();
        fill(Distribution::Mask(probability), &rngs, width, device) / (1.0 - probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dropout_of_an_image_does_not_depend_on_the_other_images() {
        let device = Device::default();
        let rows = |image_ids: &[u32], samples: usize| -> Vec<Vec<f32>> {
            let noise = LayerNoise::new(Rng::new(1), image_ids);
            let shape = [samples * image_ids.len(), 1000];
            let factors = noise.dropout(0.2, shape, &device).into_data();
            let factors: Vec<f32> = factors.iter().collect();
            factors.chunks(1000).map(<[f32]>::to_vec).collect()
        };
        let [both, swapped] = [rows(&[3, 9], 2), rows(&[9, 3], 2)];
        assert_eq!([&both[0], &both[2]], [&swapped[1], &swapped[3]]);
        assert_eq!(rows(&[9], 1)[0], both[1]);
        // Each of an image's samples has its own.
        assert_ne!(both[0], both[2]);
        for row in both {
            assert!(row.iter().all(|factor| [0.0, 1.25].contains(factor)));
            let mean = row.iter().sum::<f32>() / 1000.0;
            // Four standard errors.
            assert!((mean - 1.0).abs() < 0.07, "{mean}");
        }
    }
}
