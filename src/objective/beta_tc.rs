//! The decomposition of the KL into the mutual information of x and z, the total correlation of the latents and the
//! remaining KL of each latent, each with its own weight (Chen, Li, Grosse, Duvenaud 2018, equations 2 to 4): KL = I(x;
//! z) + KL(q(z) || prod_d q(z_d)) + sum_d KL(q(z_d) || p(z_d)).
//!
//! q(z), the mean of q(z | x) over all N training images, is estimated from the batch alone, either by
//! minibatch-weighted sampling (their section 3.1) or by stratified sampling (their appendix C.2).

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, LossMeans, LossTerms, ObjectiveKind, Time, mean_over_samples, needs_normal,
    reconstruction,
};
use crate::check::at_least_zero;
use crate::data::Batch;
use crate::density::LOG_TWO_PI;
use crate::error::Result;
use crate::model::{ForwardPass, Prior, Vae};
use crate::ops::{log_sum_exp, sum_last_axis};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BetaTc {
    /// The weight of the mutual information.
    pub alpha: f64,
    /// The weight of the total correlation.
    pub beta: f64,
    /// The weight of the remaining KL, summed over the latents.
    pub gamma: f64,
    /// The estimator of q(z).
    pub sampling: Sampling,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Every image of the batch stands for N / B images. The estimate is biased, and is a bound.
    Weighted,
    /// The latent's own image counts as one of N. The estimate is unbiased.
    #[default]
    Stratified,
}

impl Default for BetaTc {
    fn default() -> Self {
        // The default is our own choice: only the total correlation is weighted.
        Self {
            alpha: 1.0,
            beta: 6.0,
            gamma: 1.0,
            sampling: Sampling::Stratified,
        }
    }
}

impl BetaTc {
    /// Returns whether all terms have the same weight. Their sum is then the KL, which does not depend on the estimate
    /// of q(z).
    fn has_one_weight(&self) -> bool {
        self.alpha == self.beta && self.beta == self.gamma
    }
}

/// The three terms of the KL, each `[B]`, nats.
#[derive(Clone, Debug)]
pub struct KlTerms {
    pub information: Tensor<1>,
    pub correlation: Tensor<1>,
    pub by_latent: Tensor<1>,
}

/// Returns the terms for a batch of `count` training images, averaged over the `K` latents. Their sum is log q(z | x) -
/// log p(z).
pub fn decomposition(pass: &ForwardPass, count: usize, sampling: Sampling) -> KlTerms {
    let [k, b, d] = pass.z.dims();
    let z = pass.z.clone().reshape([k * b, 1, d]);
    let mean = pass.posterior.mean.clone().reshape([1, b, d]);
    let log_var = pass.posterior.log_var.clone().reshape([1, b, d]);
    // The terms of log q(z_i | x_j) for each latent.
    let pairs = ((z - mean).square() * log_var.clone().neg().exp() + log_var + LOG_TWO_PI) * -0.5; // [K B, B, D]
    let weights = log_weights(b, count, sampling);
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [b, b]), &pass.z.device());
    let weights = weights.repeat_dim(0, k).unsqueeze_dim::<3>(2); // [K B, B, 1]
    let log_q = sum_last_axis(pairs.clone()) + weights.clone();
    let log_q = log_sum_exp(log_q, 1).reshape([k, b]);
    let log_q_each = sum_last_axis(log_sum_exp(pairs + weights, 1)).reshape([k, b]);
    KlTerms {
        information: mean_over_samples(pass.log_qz() - log_q.clone()),
        correlation: mean_over_samples(log_q - log_q_each.clone()),
        by_latent: mean_over_samples(log_q_each - pass.log_pz()),
    }
}

/// Returns the logarithms of the weights of images j in the estimate of q(z_i), `[B, B]`.
fn log_weights(b: usize, count: usize, sampling: Sampling) -> Vec<f32> {
    let (batch, all) = (b as f64, count.max(b) as f64);
    let weight = |i: usize, j: usize| match sampling {
        Sampling::Weighted => 1.0 / (batch * all),
        // An image that is alone in its batch stands for all images.
        Sampling::Stratified if b == 1 => 1.0,
        Sampling::Stratified if i == j => 1.0 / all,
        Sampling::Stratified => (all - 1.0) / all / (batch - 1.0),
    };
    (0..b * b)
        .map(|place| weight(place / b, place % b).ln() as f32)
        .collect()
}

impl ObjectiveKind for BetaTc {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> LossTerms {
        let pass = vae.forward(batch, noise);
        let KlTerms {
            information,
            correlation,
            by_latent,
        } = decomposition(&pass, context.count, self.sampling);
        let reconstruction = reconstruction(&pass);
        let weighted = information * self.alpha + correlation * self.beta + by_latent * self.gamma;
        LossTerms {
            loss: reconstruction.clone() + weighted,
            reconstruction,
            kl: Some(pass.kl()),
        }
    }

    fn loss(&self, means: &LossMeans, _time: Time) -> Option<f64> {
        // The weighted terms are a function of the mean KL only if they all have the same weight.
        self.has_one_weight()
            .then_some(means.reconstruction + self.beta * means.kl)
    }

    fn kl_weight(&self) -> f64 {
        self.alpha.min(self.beta).min(self.gamma)
    }

    /// Returns whether all terms have the same weight: q(z), which is estimated from the batch, then cancels.
    fn separable(&self) -> bool {
        self.has_one_weight()
    }

    fn check(&self) -> Result<()> {
        at_least_zero("objective.beta-tc.alpha", self.alpha)?;
        at_least_zero("objective.beta-tc.beta", self.beta)?;
        at_least_zero("objective.beta-tc.gamma", self.gamma)
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        needs_normal(
            prior,
            "beta-tc",
            "its last term is latent by latent, as N(0, I) is and this prior is not",
        )
    }
}
