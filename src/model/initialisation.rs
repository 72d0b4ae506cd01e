//! How weights start.

use serde::{Deserialize, Serialize};

use super::LayerSpec;
use crate::rng::Rng;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initialisation {
    /// Weights and biases uniform in +-1 / sqrt(fan in), as PyTorch's layers are made.
    #[default]
    Pytorch,
    /// Weights uniform in +-sqrt(6 / (fan in + fan out)), biases 0 (Glorot, Bengio 2010), as Keras' layers are made.
    Glorot,
}

/// Where the decoder's last bias starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputBias {
    /// As the layer's other weights.
    #[default]
    Init,
    /// At the logit of the training images' mean pixel, so that the first image is the mean (Burda et al. 2016's code).
    Mean,
}

impl OutputBias {
    /// The logits of mean pixels in [0, 1]; a pixel that is always black starts at 0.001.
    pub fn logits(mean: &[f32]) -> Vec<f32> {
        let logit = |mean: &f32| {
            let p = mean.clamp(0.001, 0.999);
            (p / (1.0 - p)).ln()
        };
        mean.iter().map(logit).collect()
    }
}

impl Initialisation {
    /// Weight (in PyTorch's layout) and bias of a layer, drawn from `rng`.
    pub fn draw(self, layer: &LayerSpec, rng: Rng) -> (Vec<f32>, Vec<f32>) {
        let shape = layer.weight_shape();
        let window: usize = shape[2..].iter().product();
        // PyTorch takes axis 1 for "in" even where the convolution is transposed and axis 1 is "out".
        let fan_in = (shape[1] * window) as f32;
        let fan_out = (shape[0] * window) as f32;
        let count = shape.iter().product();
        match self {
            Self::Pytorch => {
                let bound = 1.0 / fan_in.sqrt();
                (
                    uniform(rng.stream("weight"), count, bound),
                    uniform(rng.stream("bias"), layer.bias_length(), bound),
                )
            }
            Self::Glorot => {
                let bound = (6.0 / (fan_in + fan_out)).sqrt();
                (
                    uniform(rng.stream("weight"), count, bound),
                    vec![0.0; layer.bias_length()],
                )
            }
        }
    }
}

fn uniform(rng: Rng, count: usize, bound: f32) -> Vec<f32> {
    let mut values = vec![0.0; count];
    rng.fill_uniform(&mut values);
    for value in &mut values {
        *value = (2.0 * *value - 1.0) * bound;
    }
    values
}
