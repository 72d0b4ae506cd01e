//! reconstruction + gamma |KL - C|, where C grows linearly from 0 (Burgess et al. 2018, equation 8). The capacity of
//! the latent grows gradually, so that it first learns the features that improve the reconstruction most. The KL is the
//! mean over the batch.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, LossMeans, LossTerms, ObjectiveKind, Time, reconstruction};
use crate::check::at_least_zero;
use crate::data::Batch;
use crate::error::Result;
use crate::model::Vae;
use crate::schedule::warm_up;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// The weight of the KL's distance from the capacity.
    pub gamma: f64,
    /// The final capacity, in nats.
    pub max: f64,
    /// The number of epochs over which the capacity grows from 0.
    pub growth: f64,
}

impl Default for Capacity {
    fn default() -> Self {
        // The paper's values on dSprites: 100 000 steps of 64 of its 737 280 images are 8.7 epochs.
        Self {
            gamma: 1000.0,
            max: 25.0,
            growth: 8.7,
        }
    }
}

impl Capacity {
    /// Returns the capacity C at `time`, in nats.
    fn at(&self, time: Time) -> f64 {
        self.max * warm_up(time.epoch, self.growth)
    }
}

impl ObjectiveKind for Capacity {
    fn terms(&self, vae: &Vae, batch: &Batch, noise: Tensor<3>, context: Context) -> LossTerms {
        let pass = vae.forward(batch, noise);
        let (reconstruction, kl) = (reconstruction(&pass), pass.kl());
        let distance = (kl.clone().mean() - self.at(context.time)).abs(); // [1]
        LossTerms {
            loss: reconstruction.clone() + distance * self.gamma,
            reconstruction,
            kl: Some(kl),
        }
    }

    fn loss(&self, means: &LossMeans, time: Time) -> Option<f64> {
        Some(means.reconstruction + self.gamma * (means.kl - self.at(time)).abs())
    }

    fn settles_after(&self, _epochs: f64) -> f64 {
        self.growth
    }

    /// Returns `false`: the KL that is held near the capacity is the mean over the batch.
    fn separable(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        at_least_zero("objective.capacity.gamma", self.gamma)?;
        at_least_zero("objective.capacity.max", self.max)?;
        at_least_zero("objective.capacity.growth", self.growth)
    }
}
