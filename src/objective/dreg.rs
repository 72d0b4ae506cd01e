//! The importance-weighted bound with the doubly reparameterised gradient (Tucker, Lawson, Gu, Maddison 2019, equation 8):
//! in expectation that of `iwae`, and in the encoder with a signal that does not drown as K grows.
//!
//! With v_k = w_k / sum_j w_j the decoder's gradient is sum_k v_k d log w_k, and the encoder's sum_k v_k^2 (d log w_k / d z_k)
//! (d z_k / d phi), where q's own parameters in log q(z_k | x) are constants. One more factor v_k on the way back through
//! z_k makes the one of the other; the weights have to be known before, so latents are decoded twice, once without a gradient.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use serde::{Deserialize, Serialize};

use super::{
    Context, LossMeans, LossTerms, MOST_SAMPLES, ObjectiveKind, Time, log_mean_exp, reconstruction,
};
use crate::check::count;
use crate::data::Batch;
use crate::density::Gaussian;
use crate::error::{Error, Result};
use crate::model::{ForwardPass, Prior, Vae};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dreg {
    /// `K`: latents drawn for each image.
    pub samples: usize,
}

impl Default for Dreg {
    fn default() -> Self {
        // As `iwae` has it, to compare the two.
        Self { samples: 5 }
    }
}

impl ObjectiveKind for Dreg {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, _context: Context) -> LossTerms {
        let posterior = vae.encode(batch.input(), batch.labels.clone());
        let z = posterior.reparameterise(noise); // [K, B, D]
        let bound_and_shares = {
            let inner = batch.clone().map(Tensor::inner);
            let frozen = Gaussian {
                mean: posterior.mean.clone().inner(),
                log_var: posterior.log_var.clone().inner(),
            };
            let log_weights = vae
                .valid()
                .forward_at(frozen, &inner, z.clone().inner())
                .log_weights();
            (log_mean_exp(log_weights.clone()), softmax(log_weights, 0))
        };
        let (bound, shares) = bound_and_shares;
        let shares: Tensor<2> = Tensor::from_inner(shares); // [K, B]
        // z, whose gradient is that of z times its share.
        let still = z.clone().detach();
        let scaled = still.clone() + (z - still) * shares.clone().unsqueeze_dim::<3>(2);
        let constant = Gaussian {
            mean: posterior.mean.clone().detach(),
            log_var: posterior.log_var.clone().detach(),
        };
        let pass = vae.forward_at(constant, batch, scaled);
        let surrogate = (shares * pass.log_weights())
            .sum_dim(0)
            .squeeze_dim::<1>(0)
            .neg(); // [B]
        // The value of the bound, the gradient of the surrogate.
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

    fn check(&self) -> Result<()> {
        count("objective.dreg.samples", self.samples, MOST_SAMPLES)
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        match prior {
            Prior::StandardNormal(_) | Prior::Vamp(_) => Ok(()),
            Prior::Hierarchical(_) => Err(Error::request(
                "objective.dreg and prior.hierarchical: this gradient is only there for one stochastic layer",
            )
            .with_hint("use `[objective.iwae]`, which has the same expectation")),
        }
    }
}
