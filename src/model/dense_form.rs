//! A model of dense layers alone, in the form whose ELBO needs no graph of operations.

use super::{Layer, Vae};
use crate::ops::{DenseVae, DenseWeights};

impl Vae {
    /// Returns the layers, or `None` if the model has others than dense ones, a condition, another prior than N(0, I), or a
    /// likelihood with parameters. Dropout is a layer of its own.
    pub fn dense_form(&self) -> Option<DenseVae> {
        let network = self.network();
        if network.condition.is_some() || !network.prior.is_normal() {
            return None;
        }
        Some(DenseVae {
            likelihood: self.likelihood.kind().pixels()?,
            encoder: fused_weights(&self.encoder)?,
            mean: self.mean.fused_weights()?,
            log_var: self.log_var.fused_weights()?,
            decoder: fused_weights(&self.decoder)?,
        })
    }
}

fn fused_weights(layers: &[Layer]) -> Option<Vec<DenseWeights>> {
    let weights = layers.iter().map(|layer| match layer {
        Layer::Dense(layer) => layer.fused_weights(),
        _ => None,
    });
    weights.collect()
}
