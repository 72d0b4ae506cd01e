//! The forward pass, from which every objective and every bound on log p(x) is computed.

use burn::tensor::Tensor;

use crate::density::{DiagonalGaussian, standard_normal_log_prob};
use crate::ops::sum_last_axis;

/// A forward pass through the model, for `B` images with `K` latents each.
#[derive(Clone, Debug)]
pub struct ForwardPass {
    pub posterior: DiagonalGaussian,
    /// `[K, B, D]`, drawn from the posterior.
    pub z: Tensor<3>,
    /// `[K, B]`, nats.
    pub log_px_z: Tensor<2>,
    /// log p(z) or its estimate, `[K, B]`, nats. `None` if p is N(0, I): the KL then has a closed form that does not
    /// need the density, so it is computed only on request.
    pub log_pz: Option<Tensor<2>>,
}

impl ForwardPass {
    /// Returns log p(z), or its estimate. `[K, B]`, nats.
    pub fn log_pz(&self) -> Tensor<2> {
        match &self.log_pz {
            Some(log_pz) => log_pz.clone(),
            None => standard_normal_log_prob(self.z.clone()),
        }
    }

    /// Returns log q(z | x). `[K, B]`, nats.
    pub fn log_qz(&self) -> Tensor<2> {
        self.posterior.log_prob(self.z.clone())
    }

    /// Returns the importance weights log p(x | z) + log p(z) - log q(z | x) (Burda et al. 2016, equation 8). `[K, B]`,
    /// nats.
    pub fn log_weights(&self) -> Tensor<2> {
        self.log_px_z.clone() + self.log_pz() - self.log_qz()
    }

    /// Returns KL(q || p): the closed form if p is N(0, I), otherwise the mean of log q(z | x) - log p(z) over the `K`
    /// latents. `[B]`, nats.
    pub fn kl(&self) -> Tensor<1> {
        match self.kl_by_latent() {
            Some(by_latent) => sum_last_axis(by_latent).squeeze_dim::<1>(1),
            None => (self.log_qz() - self.log_pz())
                .mean_dim(0)
                .squeeze_dim::<1>(0),
        }
    }

    /// Returns KL(q || p) of each latent in closed form, `[B, D]`, nats. `None` if p is not N(0, I).
    pub fn kl_by_latent(&self) -> Option<Tensor<2>> {
        self.log_pz
            .is_none()
            .then(|| self.posterior.kl_to_standard_normal())
    }
}
