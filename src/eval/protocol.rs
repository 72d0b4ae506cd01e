//! The conditions of a measurement, and its random numbers.

use burn::tensor::Tensor;

use crate::data::Pixels;
use crate::loader::{Corruption, Loader};
use crate::model::Vae;
use crate::objective::LatentMode;
use crate::ops::noise;
use crate::rng::Rng;

/// Images that are measured together: enough for full speed, few enough for a laptop's memory.
pub(super) const CHUNK: usize = 250;

/// The conditions of a measurement. Numbers with different protocols are not to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    pub pixels: Pixels,
    /// Samples of z drawn for each image.
    pub samples: usize,
    /// The seed of the noise of z, of drawn pixels and of the corruption.
    pub seed: u64,
    pub latent_mode: LatentMode,
    /// The corruption of a denoising autoencoder's input.
    pub corruption: Option<Corruption>,
}

impl Protocol {
    /// Returns the loader for measuring: a denoising autoencoder sees corrupted images, as in training. See
    /// [`Corruption`] for which commands measure and which look at latents.
    pub fn loader(&self, vae: &Vae) -> Loader {
        let evaluation = Rng::new(self.seed).stream("evaluation");
        Loader {
            pixels: self.pixels,
            augmentation: None,
            corruption: self.corruption,
            class_count: vae.class_count(),
            device: vae.device(),
            pixel_rng: evaluation.stream("pixels"),
            corruption_rng: evaluation.stream("objective"),
        }
    }

    /// Returns the loader for looking at latents: every image is clean.
    pub fn clean_loader(&self, vae: &Vae) -> Loader {
        Loader {
            corruption: None,
            ..self.loader(vae)
        }
    }

    /// Returns the random stream of the latents: latent `k` of each image comes from its `at(k)`.
    pub(super) fn latent_rng(&self) -> Rng {
        Rng::new(self.seed).stream("evaluation").stream("noise")
    }

    /// Returns the noise of latent `k` of each image.
    ///
    /// # Shapes
    /// `ids`: `[B]`; result: `[1, B, D]`, or as much more as [`Network::noise`](crate::model::Network::noise) says.
    pub(super) fn latent_noise(&self, vae: &Vae, k: usize, ids: &[u32]) -> Tensor<3> {
        let width = vae.network().noise();
        noise::latents(self.latent_rng().at(k as u64), ids, 1, width, &vae.device())
    }
}
