//! The distributions that latents are drawn from, to be decoded.

use burn::tensor::{Tensor, TensorData};

use super::posteriors::draw_in_box;
use crate::density::GaussianMixture;
use crate::model::Vae;
use crate::rng::Rng;

/// The distribution of the latents to decode.
#[derive(Clone, Copy, Debug)]
pub enum LatentSampler<'a> {
    /// The prior, with its noise multiplied by the temperature: N(0, I) becomes N(0, temperature²).
    Prior { temperature: f32 },
    /// The uniform distribution between a lowest and a highest value of each latent.
    Box(&'a [[f32; 2]]),
    /// A mixture fitted to the latents of images; the temperature multiplies the distance of a latent to the mean of its
    /// component.
    Mixture {
        mixture: &'a GaussianMixture,
        temperature: f32,
    },
}

impl LatentSampler<'_> {
    /// Draws latents. A latent depends on `rng` and its own id alone.
    ///
    /// # Shapes
    /// `image_ids`: `[N]`; result: `[N, D]`.
    pub fn draw(self, vae: &Vae, rng: Rng, image_ids: &[u32]) -> Tensor<2> {
        match self {
            Self::Prior { temperature } => vae.sample_prior(rng, image_ids, temperature),
            Self::Box(bounds) => draw_in_box(bounds, rng.stream("box"), image_ids, &vae.device()),
            Self::Mixture {
                mixture,
                temperature,
            } => {
                let rng = rng.stream("mixture");
                let width = vae.network().latent;
                let mut noise = vec![0.0; width];
                let mut latents = Vec::with_capacity(image_ids.len() * width);
                for &id in image_ids {
                    rng.at(u64::from(id)).fill_normal(&mut noise);
                    let uniform = rng.stream("component").uniform(u64::from(id));
                    latents.extend(mixture.draw(uniform, &noise, temperature));
                }
                let shape = [image_ids.len(), width];
                Tensor::from_data(TensorData::new(latents, shape), &vae.device())
            }
        }
    }
}
