//! InfoVAE: the reconstruction, (1 - alpha) KL(q(z | x) || p(z)), and (alpha + lambda - 1) MMD(q(z), p(z)), the maximum
//! mean discrepancy between the batch's latents and the same number of draws from the prior (Zhao, Song, Ermon 2019,
//! equation 6). With alpha = 1 only the distribution of all latents is matched to the prior, and the KL no longer
//! removes information from them.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, LossMeans, LossTerms, ObjectiveKind, Time, needs_normal, reconstruction};
use crate::check::{above_zero, within};
use crate::data::Batch;
use crate::error::Result;
use crate::model::{Prior, Vae};
use crate::ops::{noise, product, repeat_last_axis, sum_last_axis};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Info {
    /// The fraction of the KL that is left out: 0 keeps the whole KL, 1 removes it.
    pub alpha: f64,
    /// The lambda of the discrepancy's weight, alpha + lambda - 1.
    pub lambda: f64,
}

impl Default for Info {
    fn default() -> Self {
        // The default is MMD-VAE, the authors' own choice. The discrepancy is below 2, and the weight brings it to the
        // size of the reconstruction, which is a sum over pixels.
        Self {
            alpha: 1.0,
            lambda: 1000.0,
        }
    }
}

/// Returns the squared maximum mean discrepancy (Gretton et al. 2012, equation 5: the biased estimate, never below 0)
/// with the kernel exp(-|a - b|^2 / (2 D)): the distance of two draws from the prior is about sqrt(2 D).
///
/// # Shapes
/// `a`, `b`: `[N, D]`; result: `[1]`.
pub fn discrepancy(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let within = |x: &Tensor<2>| kernel(x.clone(), x.clone());
    (within(&a) + within(&b) - kernel(a, b) * 2.0).clamp_min(0.0)
}

/// Returns the mean of the kernel over all pairs.
fn kernel(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let ([_, d], [count, _]) = (a.dims(), b.dims());
    // |a|^2 + |b|^2 - 2 a b, which rounding may bring below 0.
    let squares = |x: &Tensor<2>| sum_last_axis(x.clone().square()); // [N, 1]
    let squares = repeat_last_axis(squares(&a), count) + squares(&b).transpose(); // [N, N]
    let distances = squares - product(a, b.transpose()) * 2.0;
    let values = (distances.clamp_min(0.0) * (-0.5 / d as f64))
        .exp()
        .flatten::<1>(0, 1);
    let pairs = values.dims()[0];
    sum_last_axis(values) / pairs as f64
}

impl ObjectiveKind for Info {
    fn terms(
        &self,
        vae: &Vae,
        batch: &Batch,
        latent_noise: Tensor<3>,
        context: Context,
    ) -> LossTerms {
        let pass = vae.forward(batch, latent_noise);
        let (reconstruction, kl) = (reconstruction(&pass), pass.kl());
        let [k, b, d] = pass.z.dims();
        let drawn = noise::latents(
            context.rng.stream("prior"),
            &context.image_ids[..b],
            k,
            d,
            &pass.z.device(),
        );
        let distance = discrepancy(pass.z.reshape([k * b, d]), drawn.reshape([k * b, d])); // [1]
        let weighted_kl = kl.clone() * (1.0 - self.alpha);
        let loss =
            reconstruction.clone() + weighted_kl + distance * (self.alpha + self.lambda - 1.0);
        LossTerms {
            loss,
            reconstruction,
            kl: Some(kl),
        }
    }

    /// Returns `None`: the discrepancy is not a function of a split's means.
    fn loss(&self, _means: &LossMeans, _time: Time) -> Option<f64> {
        None
    }

    fn kl_weight(&self) -> f64 {
        0.0
    }

    /// Returns `false`: the discrepancy is a function of all latents of the batch.
    fn separable(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        within("objective.info.alpha", self.alpha, 0.0, 1.0)?;
        above_zero(
            "objective.info.lambda + alpha - 1",
            self.lambda + self.alpha - 1.0,
        )
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        needs_normal(
            prior,
            "info",
            "the discrepancy is that of the latents from N(0, I)",
        )
    }
}
