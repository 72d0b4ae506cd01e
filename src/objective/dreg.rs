//! The importance-weighted bound with the doubly reparameterised gradient (Tucker, Lawson, Gu, Maddison 2019, equation
//! 8): It has the same expectation as the gradient of `iwae`, and its signal-to-noise ratio in the encoder does not
//! vanish as K grows.
//!
//! With v_k = w_k / sum_j w_j the decoder's gradient is sum_k v_k d log w_k. The encoder's gradient is sum_k v_k^2 (d
//! log w_k / d z_k) (d z_k / d phi), where the parameters of q in log q(z_k | x) are held constant. One more factor v_k
//! in the backward pass through z_k turns the first into the second. The weights must be known before that, so the
//! latents are decoded twice, once without a gradient.

use burn::module::Module;
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, LossMeans, LossTerms, MOST_SAMPLES, ObjectiveKind, Time, log_mean_exp, reconstruction,
};
use crate::check::count;
use crate::data::Batch;
use crate::density::DiagonalGaussian;
use crate::error::{Error, Result};
use crate::model::{ForwardPass, Prior, Vae};
use crate::ops::log_sum_exp;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dreg {
    /// `K`, the number of latents drawn for each image.
    pub samples: usize,
}

impl Default for Dreg {
    fn default() -> Self {
        // The same default as `iwae`, so that the two can be compared.
        Self { samples: 5 }
    }
}

impl ObjectiveKind for Dreg {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, _context: Context) -> LossTerms {
        let posterior = vae.encode(batch.input(), batch.labels.clone());
        let z = posterior.reparameterise(noise.clone()); // [K, B, D]
        let bound_and_shares = {
            let inner = batch.clone().map(Tensor::inner);
            let frozen = DiagonalGaussian {
                mean: posterior.mean.clone().inner(),
                log_var: posterior.log_var.clone().inner(),
            };
            let log_weights = vae
                .valid()
                .forward_at(frozen, &inner, z.clone().inner(), noise.clone().inner())
                .log_weights();
            // The weights' shares of their sum.
            let shares = (log_weights.clone() - log_sum_exp(log_weights.clone(), 0)).exp();
            (log_mean_exp(log_weights), shares)
        };
        let (bound, shares) = bound_and_shares;
        let shares: Tensor<2> = Tensor::from_inner(shares); // [K, B]
        // z, with its gradient multiplied by v_k.
        let still = z.clone().detach();
        let scaled = still.clone() + (z - still) * shares.clone().unsqueeze_dim::<3>(2);
        let constant = DiagonalGaussian {
            mean: posterior.mean.clone().detach(),
            log_var: posterior.log_var.clone().detach(),
        };
        let pass = vae.forward_at(constant, batch, scaled, noise);
        let surrogate = (shares * pass.log_weights())
            .sum_dim(0)
            .squeeze_dim::<1>(0)
            .neg(); // [B]
        // The bound's value with the surrogate's gradient.
        let loss = surrogate.clone() - surrogate.detach() - Tensor::from_inner(bound);
        let kl = ForwardPass {
            posterior,
            ..pass.clone()
        }
        .kl();
        LossTerms {
            loss,
            reconstruction: reconstruction(&pass),
            kl: Some(kl),
        }
    }

    fn loss(&self, means: &LossMeans, _time: Time) -> Option<f64> {
        means.bound.map(|bound| -bound)
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn bound_samples(&self) -> Option<usize> {
        Some(self.samples)
    }

    fn separable(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        count("objective.dreg.samples", self.samples, MOST_SAMPLES)
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        if prior.kind().noise() == 0 {
            return Ok(());
        }
        Err(Error::request(format!(
            "objective.dreg and prior.{}: this gradient is only there for one stochastic layer",
            prior.tag()
        ))
        .with_hint("use `[objective.iwae]`, which has the same expectation"))
    }
}
