//! -log p(x | z) at one latent z, the encoder's mean, without noise, KL or a bound on log p(x) (Hinton, Salakhutdinov
//! 2006). With a corrupted input it is the denoising autoencoder (Vincent et al. 2010).
//!
//! The network's head for the variance exists but learns nothing: its gradient is 0.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Context, LatentMode, LossMeans, LossTerms, ObjectiveKind, Time, mean_over_samples, needs_normal,
};
use crate::data::Batch;
use crate::error::Result;
use crate::loader::Corruption;
use crate::model::{Prior, Vae};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Autoencoder {
    /// The corruption of the images before they are encoded. The loss compares reconstructions with the clean images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Corruption>,
}

impl ObjectiveKind for Autoencoder {
    fn terms(&self, vae: &Vae, batch: &Batch, _noise: Tensor<3>, _context: Context) -> LossTerms {
        let z = vae.encode(batch.input(), batch.labels.clone()).mean;
        let reconstruction = mean_over_samples(vae.log_prob(batch, z.unsqueeze::<3>())).neg();
        LossTerms {
            loss: reconstruction.clone(),
            reconstruction,
            kl: None,
        }
    }

    fn loss(&self, means: &LossMeans, _time: Time) -> Option<f64> {
        Some(means.reconstruction)
    }

    fn latent_mode(&self) -> LatentMode {
        LatentMode::Deterministic
    }

    fn corruption(&self) -> Option<Corruption> {
        self.corrupt
    }

    fn separable(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        self.corrupt.map_or(Ok(()), |corruption| {
            corruption.check("objective.autoencoder.corrupt")
        })
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        needs_normal(
            prior,
            "autoencoder",
            "an autoencoder has no prior, and would not train this one",
        )
    }
}
