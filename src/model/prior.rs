//! p(z).

use burn::tensor::Tensor;

use crate::dist::{Gaussian, standard_normal_log_prob};

/// N(0, I).
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardNormal;

impl StandardNormal {
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`, nats.
    pub fn log_prob(self, z: Tensor<3>) -> Tensor<2> {
        standard_normal_log_prob(z)
    }

    /// KL(q || p) in closed form, latent by latent.
    ///
    /// # Shapes
    /// Result: `[B, D]`, nats.
    pub fn kl(self, posterior: &Gaussian) -> Tensor<2> {
        posterior.kl_to_standard_normal()
    }
}
