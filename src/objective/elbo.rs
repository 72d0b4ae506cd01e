//! distortion + beta * rate: the negative ELBO at beta = 1 (Kingma, Welling 2014, equation 7), beta-VAE elsewhere
//! (Higgins et al. 2017, equation 4).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Context, Minimise, Terms, distortion_and_rate};
use crate::batch::Batch;
use crate::check::at_least_zero;
use crate::error::Result;
use crate::model::Vae;
use crate::schedule::warm_up;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Elbo {
    /// The weight of the KL term in what is minimised. The ELBO that is reported has 1.
    pub beta: f64,
    /// Epochs over which the weight rises from 0 to `beta`, linearly (Sønderby et al. 2016).
    pub warmup: f64,
}

impl Default for Elbo {
    fn default() -> Self {
        // The bound itself, from the first step.
        Self { beta: 1.0, warmup: 0.0 }
    }
}

impl Elbo {
    /// The weight of the KL term.
    fn weight(&self, context: Context) -> f64 {
        self.beta * warm_up(context.epoch, self.warmup)
    }
}

impl Minimise for Elbo {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> Terms {
        let (distortion, rate) = distortion_and_rate(&vae.parts(batch, noise));
        Terms { loss: distortion.clone() + rate.clone() * self.weight(context), distortion, rate }
    }

    fn loss(&self, distortion: f64, rate: f64, context: Context) -> f64 {
        distortion + rate * self.weight(context)
    }

    fn check(&self) -> Result<()> {
        at_least_zero("objective.elbo.beta", self.beta)?;
        at_least_zero("objective.elbo.warmup", self.warmup)
    }
}
