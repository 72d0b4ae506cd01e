//! The negative ELBO as the average over K latents, the baseline "VAE, k" of Burda et al. 2016 (section 5) for `iwae`.
//! It is the same bound as with one latent, with less noise in its gradient.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, Estimator, LossMeans, LossTerms, MOST_SAMPLES, ObjectiveKind, Time, mean_over_samples,
    reconstruction,
};
use crate::check::count;
use crate::data::Batch;
use crate::error::Result;
use crate::model::Vae;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VaeK {
    /// `K`, the number of latents drawn for each image.
    pub samples: usize,
    /// The estimator of the minimised KL. The reported KL is in closed form if the prior has one; otherwise both are
    /// computed from the samples.
    pub estimator: Estimator,
}

impl Default for VaeK {
    fn default() -> Self {
        Self {
            samples: 5,
            estimator: Estimator::Analytic,
        }
    }
}

impl ObjectiveKind for VaeK {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, _context: Context) -> LossTerms {
        let pass = vae.forward(batch, noise);
        let (reconstruction, kl) = (reconstruction(&pass), pass.kl());
        let loss = match self.estimator {
            Estimator::Analytic => reconstruction.clone() + kl.clone(),
            Estimator::Sampled => mean_over_samples(pass.log_weights()).neg(),
        };
        LossTerms {
            loss,
            reconstruction,
            kl: Some(kl),
        }
    }

    fn loss(&self, means: &LossMeans, _time: Time) -> Option<f64> {
        Some(means.reconstruction + means.kl)
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn separable(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        count("objective.vae-k.samples", self.samples, MOST_SAMPLES)
    }
}
