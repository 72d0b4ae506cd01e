//! A model of dense layers alone, in the form whose ELBO needs no graph of operations.

use super::{Layer, Vae};
use crate::ops::{DenseVae, DenseWeights};

impl Vae {
    /// Returns the layers. Returns `None` if one is not dense (dropout is a layer too) or has an activation that is not fused, if
    /// the model has a condition or a prior other than N(0, I), or if its likelihood is no
    /// [`PixelLikelihood`](crate::ops::PixelLikelihood).
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
