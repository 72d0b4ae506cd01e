//! Gaussians with a diagonal covariance. Each latent contributes log N(z; m, s^2) = -1/2 (log 2 pi + log s^2 + (z -
//! m)^2 / s^2).

use burn::tensor::Tensor;

use crate::ops;
use crate::ops::log_sum_exp;

/// The constant log(2 pi).
pub const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// The Gaussian N(mean, exp(log_var)) with independent latents.
#[derive(Clone, Debug)]
pub struct DiagonalGaussian {
    /// The mean, `[B, D]`.
    pub mean: Tensor<2>,
    /// The logarithm of the variance, `[B, D]`.
    pub log_var: Tensor<2>,
}

impl DiagonalGaussian {
    /// Returns a draw by the reparameterisation z = mean + exp(log_var / 2) * noise (Kingma, Welling 2014, section
    /// 2.4).
    ///
    /// # Shapes
    /// `noise` and the result: `[K, B, D]`.
    pub fn reparameterise(&self, noise: Tensor<3>) -> Tensor<3> {
        ops::reparameterise(self.mean.clone(), self.log_var.clone(), noise)
    }

    /// Returns log q(z), summed over the latents.
    ///
    /// # Shapes
    /// `z`: `[K, B, D]`; result: `[K, B]`.
    pub fn log_prob(&self, z: Tensor<3>) -> Tensor<2> {
        let mean = self.mean.clone().unsqueeze::<3>();
        let log_var = self.log_var.clone().unsqueeze::<3>();
        let standardised = (z - mean).square() * log_var.clone().neg().exp();
        sum_latents((standardised + log_var + LOG_TWO_PI) * -0.5)
    }

    /// Returns KL(q || N(0, I)) of each latent: 1/2 (m^2 + s^2 - 1 - log s^2) (Kingma, Welling 2014, appendix B).
    ///
    /// # Shapes
    /// Result: `[B, D]`, not below zero except by rounding.
    pub fn kl_to_standard_normal(&self) -> Tensor<2> {
        ops::kl_to_standard_normal(self.mean.clone(), self.log_var.clone())
    }
}

/// Returns log N(z; 0, I), summed over the latents.
///
/// # Shapes
/// `z`: `[K, B, D]`; result: `[K, B]`.
pub fn standard_normal_log_prob(z: Tensor<3>) -> Tensor<2> {
    sum_latents((z.square() + LOG_TWO_PI) * -0.5)
}

/// The number of differences between latents and components that are in memory at once.
const PAIRS: usize = 4_000_000;

/// Returns the logarithm of the mean of `C` Gaussians' densities at each latent.
///
/// # Shapes
/// `components`: `[C, D]`; `z`: `[K, B, D]`; result: `[K, B]`.
pub fn log_mixture(components: &DiagonalGaussian, z: Tensor<3>) -> Tensor<2> {
    let [k, b, latent_count] = z.dims();
    let [count, _] = components.mean.dims();
    let z = z.reshape([k * b, 1, latent_count]);
    let inverse = (components.log_var.clone() * -0.5).exp().unsqueeze::<3>(); // [1, C, D]
    let mean = components.mean.clone().unsqueeze::<3>();
    let at_once = (PAIRS / (k * b * latent_count).max(1)).clamp(1, count);
    let distances = (0..count).step_by(at_once).map(|from| {
        let some = |values: &Tensor<3>| values.clone().narrow(1, from, at_once.min(count - from));
        let standardised = (z.clone() - some(&mean)) * some(&inverse); // [K B, c, D]
        sum_latents(standardised.square())
    });
    from_distances(Tensor::cat(distances.collect(), 1), components).reshape([k, b])
}

/// Does the same as [`log_mixture`] with matrix products: the square of (z - m) / s is multiplied out, with z and m
/// measured from the mean of the components, so that all pairs take two products. The narrower the components are
/// relative to their distances, the less exact the result is. Use it for training, where the gradient is noisy anyway.
pub fn log_mixture_by_products(components: &DiagonalGaussian, z: Tensor<3>) -> Tensor<2> {
    let [k, b, latent_count] = z.dims();
    let middle = components.mean.clone().detach().mean_dim(0); // [1, D]
    let z = z.reshape([k * b, latent_count]) - middle.clone();
    let mean = components.mean.clone() - middle; // [C, D]
    let precision = components.log_var.clone().neg().exp(); // [C, D]
    let weighted = mean.clone() * precision.clone();
    let own = ops::sum_last_axis(mean * weighted.clone()); // [C, 1]
    let distances = ops::product(z.clone().square(), precision.transpose())
        - ops::product(z, weighted.transpose()) * 2.0
        + own.transpose();
    from_distances(distances, components).reshape([k, b])
}

/// Returns the mixture's log density from the squares of (z - m) / s, summed over the latents: `[N, C]` -> `[N, 1]`.
fn from_distances(distances: Tensor<2>, components: &DiagonalGaussian) -> Tensor<2> {
    let [count, latent_count] = components.mean.dims();
    let log_vars = ops::sum_last_axis(components.log_var.clone()); // [C, 1]
    let constant = log_vars.transpose() + LOG_TWO_PI * latent_count as f64; // [1, C]
    log_sum_exp((distances + constant) * -0.5, 1) - (count as f64).ln()
}

fn sum_latents(values: Tensor<3>) -> Tensor<2> {
    ops::sum_last_axis(values).squeeze_dim::<2>(2)
}
