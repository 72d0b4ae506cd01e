//! The importance-weighted bound: -E[log 1/K sum_k w_k] with w_k = p(x, z_k) / q(z_k | x) (Burda, Grosse, Salakhutdinov
//! 2016, equation 8). With K = 1 it is the ELBO with its KL estimated from the sample; a larger K brings it closer to
//! log p(x).

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, LossMeans, LossTerms, MOST_SAMPLES, ObjectiveKind, Time, log_mean_exp, reconstruction,
};
use crate::check::count;
use crate::data::Batch;
use crate::error::Result;
use crate::model::Vae;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Iwae {
    /// `K`, the number of latents drawn for each image.
    pub samples: usize,
}

impl Default for Iwae {
    fn default() -> Self {
        // The paper's second value: most of the gain, for five times the work of the decoder.
        Self { samples: 5 }
    }
}

impl ObjectiveKind for Iwae {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, _context: Context) -> LossTerms {
        let pass = vae.forward(batch, noise);
        let loss = log_mean_exp(pass.log_weights()).neg();
        LossTerms {
            loss,
            reconstruction: reconstruction(&pass),
            kl: Some(pass.kl()),
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
        count("objective.iwae.samples", self.samples, MOST_SAMPLES)
    }
}
