//! -log p(x | z) at one code z, the encoder's mean: no noise, no KL, no bound on log p(x) (Hinton, Salakhutdinov 2006). With
//! a corrupted input it is the denoising autoencoder (Vincent et al. 2010).
//!
//! The network's head for the variance is there, and learns nothing: its gradient is 0.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Code, Context, Corruption, Means, Minimise, Terms, Time, mean_over_codes, needs_normal};
use crate::batch::Batch;
use crate::error::Result;
use crate::model::{Prior, Vae};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Autoencoder {
    /// What is done to the pictures before they are encoded, the clean ones being what is to be found again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Corruption>,
}

impl Minimise for Autoencoder {
    fn terms(&self, vae: &Vae, batch: &Batch, _noise: Tensor<3>, context: Context) -> Terms {
        let input = self.code().input(batch.x.clone(), context.rng, context.keys);
        let code = vae.encode(input, batch.labels.clone()).mean;
        let distortion = mean_over_codes(vae.log_prob(batch, code.unsqueeze::<3>())).neg();
        Terms { loss: distortion.clone(), distortion, rate: None }
    }

    fn loss(&self, means: &Means, _time: Time) -> Option<f64> {
        Some(means.distortion)
    }

    fn code(&self) -> Code {
        Code::Mean(self.corrupt)
    }

    fn check(&self) -> Result<()> {
        self.corrupt.map_or(Ok(()), |corruption| corruption.check("objective.autoencoder.corrupt"))
    }

    fn check_prior(&self, prior: &Prior) -> Result<()> {
        needs_normal(prior, "autoencoder", "an autoencoder has no prior, and would not train this one")
    }
}
