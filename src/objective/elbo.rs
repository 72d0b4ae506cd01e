//! reconstruction + beta * KL: the negative ELBO at beta = 1 (Kingma, Welling 2014, equation 7), and the beta-VAE at
//! any other beta (Higgins et al. 2017, equation 4).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, LossMeans, LossTerms, ObjectiveKind, Time, mean_over_samples, needs_normal,
    reconstruction,
};
use crate::check::{at_least_one, at_least_zero, within};
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::model::{ForwardPass, Prior, Vae};
use crate::ops::sum_last_axis;
use crate::schedule::{cyclical, warm_up};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Elbo {
    /// The weight of the KL term in the loss. The reported ELBO always has the weight 1.
    pub beta: f64,
    /// The number of epochs over which the weight rises linearly from 0 to `beta` (Sønderby et al. 2016).
    pub warmup: f64,
    /// The nats that each latent may use without cost: if the KL of a latent, averaged over the batch, is smaller, it
    /// counts as this number (Kingma et al. 2016, equation 15).
    pub free_bits: f64,
    /// The estimator of the minimised KL. The reported KL is in closed form if the prior has one; otherwise both are
    /// computed from the samples.
    pub estimator: Estimator,
    /// The cycles that replace a warm-up: the weight rises from 0 to `beta` several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cyclical: Option<Cyclical>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// The closed form of the KL.
    #[default]
    Analytic,
    /// The value of log q(z | x) - log p(z) at the drawn latent (Kingma, Welling 2014, equation 6).
    Sampled,
}

/// The schedule of a weight that rises several times (Fu et al. 2019).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cyclical {
    /// The number of cycles.
    pub cycles: usize,
    /// The fraction of each cycle over which the weight rises. It is constant for the rest of the cycle.
    pub rise: f64,
}

impl Default for Cyclical {
    fn default() -> Self {
        // The paper's values.
        Self {
            cycles: 4,
            rise: 0.5,
        }
    }
}

impl Default for Elbo {
    fn default() -> Self {
        // The default is the ELBO itself, from the first step.
        Self {
            beta: 1.0,
            warmup: 0.0,
            free_bits: 0.0,
            estimator: Estimator::Analytic,
            cyclical: None,
        }
    }
}

impl Elbo {
    /// Returns the weight of the KL term at a point in training.
    fn weight(&self, Time { epoch, epochs }: Time) -> f64 {
        let share = match self.cyclical {
            Some(Cyclical { cycles, rise }) => cyclical(epoch, epochs, cycles, rise),
            None => warm_up(epoch, self.warmup),
        };
        self.beta * share
    }

    /// Returns the minimised KL: `[B]`, or `[1]` with free bits, which are a lower limit for the mean over the batch.
    fn minimised_kl(&self, pass: &ForwardPass, kl: &Tensor<1>) -> Tensor<1> {
        match self.estimator {
            Estimator::Sampled => mean_over_samples(pass.log_qz() - pass.log_pz()),
            Estimator::Analytic if self.free_bits > 0.0 => {
                let by_latent = pass.posterior.kl_to_standard_normal(); // [B, D]
                let means = by_latent.mean_dim(0).clamp_min(self.free_bits); // [1, D]
                sum_last_axis(means).squeeze_dim::<1>(1)
            }
            Estimator::Analytic => kl.clone(),
        }
    }
}

impl ObjectiveKind for Elbo {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> LossTerms {
        let pass = vae.forward(batch, noise);
        let reconstruction = reconstruction(&pass);
        let kl = pass.kl();
        let weighted_kl = self.minimised_kl(&pass, &kl) * self.weight(context.time);
        LossTerms {
            loss: reconstruction.clone() + weighted_kl,
            reconstruction,
            kl: Some(kl),
        }
    }

    fn loss(&self, means: &LossMeans, time: Time) -> Option<f64> {
        let kl = if self.free_bits > 0.0 {
            means
                .kl_by_latent
                .iter()
                .map(|kl| kl.max(self.free_bits))
                .sum()
        } else {
            means.kl
        };
        Some(means.reconstruction + kl * self.weight(time))
    }

    fn settles_after(&self, epochs: f64) -> f64 {
        match self.cyclical {
            // The weight rises for the last time in the last cycle.
            Some(Cyclical { cycles, rise }) => {
                epochs * (cycles as f64 - 1.0 + rise) / cycles as f64
            }
            None => self.warmup,
        }
    }

    fn weight_of_closed_kl(&self, time: Time) -> Option<f64> {
        let is_closed = self.estimator == Estimator::Analytic && self.free_bits == 0.0;
        is_closed.then(|| self.weight(time))
    }

    fn kl_weight(&self) -> f64 {
        self.beta
    }

    /// Returns `false` with free bits, which are a lower limit for a mean over the batch.
    fn separable(&self) -> bool {
        self.free_bits == 0.0
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        if self.free_bits > 0.0 {
            needs_normal(
                prior,
                "elbo.free_bits",
                "only a prior that is a product over latents gives each its own KL",
            )?;
        }
        Ok(())
    }

    fn spread_over_epochs(&self) -> Option<&'static str> {
        self.cyclical.map(|_| "objective.elbo.cyclical")
    }

    fn check(&self) -> Result<()> {
        at_least_zero("objective.elbo.beta", self.beta)?;
        at_least_zero("objective.elbo.warmup", self.warmup)?;
        at_least_zero("objective.elbo.free_bits", self.free_bits)?;
        if self.free_bits > 0.0 && self.estimator == Estimator::Sampled {
            return Err(Error::request(format!(
                "objective.elbo.free_bits is {} and estimator is \"sampled\"; free bits are a floor under the KL in closed form",
                self.free_bits
            ))
            .with_hint("use estimator = \"analytic\", or free_bits = 0"));
        }
        let Some(Cyclical { cycles, rise }) = self.cyclical else {
            return Ok(());
        };
        at_least_one("objective.elbo.cyclical.cycles", cycles)?;
        within("objective.elbo.cyclical.rise", rise, 0.0, 1.0)?;
        if self.warmup > 0.0 {
            return Err(Error::request(format!(
                "objective.elbo.warmup is {} and cyclical is given; each cycle has a rise of its own",
                self.warmup
            ))
            .with_hint("use one of the two"));
        }
        Ok(())
    }
}
