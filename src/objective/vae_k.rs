//! The negative ELBO as the average over K codes, what Burda et al. 2016 (section 5) compare `iwae` with as "VAE, k": the same
//! bound as with one code, its gradient with less noise.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Context, Estimator, MOST_SAMPLES, Means, Minimise, Terms, Time, distortion, mean_over_codes};
use crate::batch::Batch;
use crate::check::count;
use crate::error::Result;
use crate::model::Vae;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeK {
    /// `K`: codes drawn for each picture.
    pub samples: usize,
    /// How the KL in what is minimised is found. The one that is reported is in closed form where the prior
    /// has one; where it has none, both are found from the draws.
    pub estimator: Estimator,
}

impl Default for VaeK {
    fn default() -> Self {
        Self { samples: 5, estimator: Estimator::Analytic }
    }
}

impl Minimise for VaeK {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, _context: Context) -> Terms {
        let parts = vae.parts(batch, noise);
        let (distortion, rate) = (distortion(&parts), parts.kl());
        let loss = match self.estimator {
            Estimator::Analytic => distortion.clone() + rate.clone(),
            Estimator::Sampled => mean_over_codes(parts.log_weights()).neg(),
        };
        Terms { loss, distortion, rate: Some(rate) }
    }

    fn loss(&self, means: &Means, _time: Time) -> Option<f64> {
        Some(means.distortion + means.rate)
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn check(&self) -> Result<()> {
        count("objective.vae-k.samples", self.samples, MOST_SAMPLES)
    }
}
