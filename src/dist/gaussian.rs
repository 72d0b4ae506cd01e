//! Gaussians with a diagonal covariance: log N(z; m, s^2) = -1/2 (log 2 pi + log s^2 + (z - m)^2 / s^2), a latent.

use burn::tensor::Tensor;

use super::log_sum_exp;
use crate::ops;

const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// N(mean, exp(log_var)), one Gaussian a latent.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[B, D]`.
    pub mean: Tensor<2>,
    /// `[B, D]`: the logarithm of the variance.
    pub log_var: Tensor<2>,
}

impl Gaussian {
    /// The reparameterisation z = mean + exp(log_var / 2) * noise (Kingma, Welling 2014, section 2.4).
    ///
    /// # Shapes
    /// `noise` and the result: `[K, B, D]`.
    pub fn reparameterise(&self, noise: Tensor<3>) -> Tensor<3> {
        ops::reparameterise(self.mean.clone(), self.log_var.clone(), noise)
    }

    /// log q(z), summed over the latents.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`.
    pub fn log_prob(&self, z: Tensor<3>) -> Tensor<2> {
        let mean = self.mean.clone().unsqueeze::<3>();
        let log_var = self.log_var.clone().unsqueeze::<3>();
        let standardised = (z - mean).square() * log_var.clone().neg().exp();
        sum_latents((standardised + log_var + LOG_TWO_PI) * -0.5)
    }

    /// KL(q || N(0, I)) latent by latent: 1/2 (m^2 + s^2 - 1 - log s^2) (Kingma, Welling 2014, appendix B).
    ///
    /// # Shapes
    /// Result: `[B, D]`, none below zero but for rounding.
    pub fn kl_to_standard_normal(&self) -> Tensor<2> {
        ops::kl_to_standard_normal(self.mean.clone(), self.log_var.clone())
    }
}

/// log N(z; 0, I), summed over the latents.
///
/// # Shapes
/// `z`: `[K, B, D]`; result: `[K, B]`.
pub fn standard_normal_log_prob(z: Tensor<3>) -> Tensor<2> {
    sum_latents((z.square() + LOG_TWO_PI) * -0.5)
}

/// log of the mean of `C` Gaussians' densities at each code. All pairs at once, as products of matrices: of the square of
/// (z - m) / s each part by itself, measured from the components' middle, so that little cancels.
///
/// # Shapes
/// `components`: `[C, D]`; `z`: `[K, B, D]`; result: `[K, B]`.
pub fn log_mixture(components: &Gaussian, z: Tensor<3>) -> Tensor<2> {
    let [k, b, latents] = z.dims();
    let [count, _] = components.mean.dims();
    let middle = components.mean.clone().detach().mean_dim(0); // [1, D]
    let z = z.reshape([k * b, latents]) - middle.clone();
    let mean = components.mean.clone() - middle; // [C, D]
    let precision = components.log_var.clone().neg().exp(); // [C, D]
    let weighted = mean.clone() * precision.clone();
    let own = (mean * weighted.clone() + components.log_var.clone() + LOG_TWO_PI).sum_dim(1); // [C, 1]
    let distances =
        z.clone().square().matmul(precision.transpose()) - z.matmul(weighted.transpose()) * 2.0 + own.transpose(); // [K B, C]
    (log_sum_exp(distances * -0.5, 1) - (count as f64).ln()).reshape([k, b])
}

fn sum_latents(values: Tensor<3>) -> Tensor<2> {
    values.sum_dim(2).squeeze_dim::<2>(2)
}
