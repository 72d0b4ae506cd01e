//! The flags that choose a score of single images.

use clap::Args;

use super::loaded_model::LoadedModel;
use crate::check::count;
use crate::error::{Error, Result};
use crate::eval::Protocol;
use crate::eval::anomaly::AnomalyScore;

/// The samples of z for each image unless `--samples` names another number.
pub const SAMPLES: usize = 16;
/// The most samples of z for each image.
const MOST_SAMPLES: usize = 1_000_000;

/// The score, and how it is estimated.
#[derive(Args, Clone, Debug, Default)]
pub struct ScoreArgs {
    /// How strange an image is: the higher, the stranger
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub score: AnomalyScore,

    /// Draw K samples of z for each image [default: 16]
    #[arg(long, value_name = "K")]
    samples: Option<usize>,
}

/// Checks a number of samples of z.
///
/// # Errors
/// Returns an error if it is out of range.
pub fn check_samples(samples: usize) -> Result<()> {
    count("--samples", samples, MOST_SAMPLES)
}

impl ScoreArgs {
    /// Returns the flags that choose a score and a number of samples.
    pub fn of(score: AnomalyScore, samples: Option<usize>) -> Self {
        Self { score, samples }
    }

    /// Returns the same flags for another score.
    pub fn for_score(&self, score: AnomalyScore) -> Self {
        Self {
            score,
            samples: self.samples,
        }
    }

    /// Returns the conditions of the measurement.
    ///
    /// # Errors
    /// Returns an error if the number of samples is out of range, or has no effect.
    pub fn protocol(&self, model: &LoadedModel) -> Result<Protocol> {
        if let Some(samples) = self.samples {
            check_samples(samples)?;
            if !self.draws(model) {
                return Err(Error::request(format!(
                    "--samples {samples}: the score `{}` draws no samples, so the flag would have no effect",
                    self.score.name()
                ))
                .with_hint("leave the flag out"));
            }
        }
        Ok(model.protocol(self.samples.unwrap_or(SAMPLES), None))
    }

    /// Returns whether the score of a model depends on the number of samples of z.
    pub fn draws(&self, model: &LoadedModel) -> bool {
        let is_sampled = model.protocol(SAMPLES, None).latent_mode.is_sampled();
        is_sampled && self.score.draws(&model.vae.network().prior)
    }

    /// Returns the flags as they are to be passed to another command; `draws`: whether the number of samples is one of them.
    pub fn words(&self, draws: bool) -> String {
        let samples = self
            .samples
            .filter(|_| draws)
            .map(|samples| format!(" --samples {samples}"))
            .unwrap_or_default();
        format!("--score {}{samples}", self.score.name())
    }
}
