//! The loaders and the measuring protocol of a config.

use super::Config;
use crate::eval::Protocol;
use crate::loader::{Augmentation, Loader};
use crate::model::Vae;

impl Config {
    /// Returns the protocol by which the splits are measured after each epoch: one sample of z, and the config's seed.
    pub fn protocol(&self) -> Protocol {
        let objective = self.objective.kind();
        Protocol {
            pixels: self.data.kind().pixels(),
            samples: 1,
            seed: self.seed,
            latent_mode: objective.latent_mode(),
            corruption: objective.corruption(),
        }
    }

    /// Returns the loader of the `count` training images for `vae`, whose batches are without autodiff.
    /// [`Loader::at_step`] and `Batches::from_step` say which step they are for.
    pub fn train_loader(&self, vae: &Vae, count: usize) -> Loader {
        Loader {
            pixels: self.data.kind().pixels(),
            augmentation: self.augmentation(count),
            corruption: self.objective.kind().corruption(),
            class_count: vae.class_count(),
            device: vae.device().inner(),
            pixel_rng: self.rng("pixels"),
            corruption_rng: self.rng("objective"),
        }
    }

    /// Returns the random changes of the `count` training images in training; `None` if there are none.
    pub fn augmentation(&self, count: usize) -> Option<Augmentation> {
        (!self.augment.is_off()).then(|| Augmentation {
            config: self.augment.clone(),
            rng: self.rng("augment"),
            steps_per_epoch: self.train.steps_per_epoch(count) as u64,
        })
    }
}
