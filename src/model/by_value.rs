//! log p(x | z) of each value of an image, which add up to that of the image.

use burn::tensor::Tensor;

use super::{ForwardPass, Vae};
use crate::data::Batch;
use crate::density::DiagonalGaussian;

impl Vae {
    /// Does the same as [`Vae::forward_from`], and returns log p(x | z) of each value too, from the same decoded images.
    ///
    /// # Shapes
    /// `noise`: as in [`Vae::forward`]; the second result: `[K, B, P]`, nats.
    pub fn forward_by_value(
        &self,
        posterior: DiagonalGaussian,
        batch: &Batch,
        noise: Tensor<3>,
    ) -> (ForwardPass, Tensor<3>) {
        let z = self.drawn(&posterior, &noise);
        let decoded = self.decoded(batch, z.clone());
        let by_value = self.by_value(batch, decoded.clone());
        let likelihood = self.likelihood.kind();
        let pass = ForwardPass {
            log_px_z: likelihood.log_prob(batch.x.clone(), decoded),
            log_pz: self.log_pz(&z, noise),
            posterior,
            z,
        };
        (pass, by_value)
    }

    /// Returns log p(x | z) of each value of the batch's images.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B, P]`, nats.
    pub fn log_prob_by_value(&self, batch: &Batch, z: Tensor<3>) -> Tensor<3> {
        let decoded = self.decoded(batch, z);
        self.by_value(batch, decoded)
    }

    /// Returns log p(x | z) of each value.
    ///
    /// # Shapes
    /// `decoded`: `[K, B, O P]`; result: `[K, B, P]`, nats.
    fn by_value(&self, batch: &Batch, decoded: Tensor<3>) -> Tensor<3> {
        let [k, b, outputs] = decoded.dims();
        let [_, p] = batch.x.dims();
        let o = outputs / p;
        // Each value as an image of its own.
        let by_value = decoded.reshape([k, b, o, p]).swap_dims(2, 3);
        let likelihood = self.likelihood.kind();
        let log_prob = likelihood.log_prob(
            batch.x.clone().reshape([b * p, 1]),
            by_value.reshape([k, b * p, o]),
        );
        log_prob.reshape([k, b, p])
    }
}
