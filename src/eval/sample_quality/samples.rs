//! Samples as a set of images, as `vae sample` writes them: E[x | z] in 256 levels.

use crate::data::Split;
use crate::error::{Error, Result};
use crate::eval::LatentSampler;
use crate::model::Vae;
use crate::rng::Rng;

/// The number of samples that are decoded together.
const AT_A_TIME: usize = 100;

/// The origin of samples.
#[derive(Clone, Copy, Debug)]
pub struct SampleSource<'a> {
    pub vae: &'a Vae,
    pub sampler: LatentSampler<'a>,
    /// The stream of the latents: sample `i` is the image of latent `i`.
    pub rng: Rng,
}

impl SampleSource<'_> {
    /// Draws `count` samples. `classes` are those to ask a conditional model for, `[count]`. `go_on` is called before each
    /// batch.
    ///
    /// Returns `None` if `go_on` returned false.
    ///
    /// # Errors
    /// Returns an error if a value is not finite.
    pub fn draw(
        &self,
        count: usize,
        classes: Option<&[u32]>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Split>> {
        let Self { vae, sampler, rng } = *self;
        let shape = vae.network().image_shape;
        let mut pixels = Vec::with_capacity(count * shape.iter().product::<usize>());
        let ids: Vec<u32> = (0..count as u32).collect();
        for ids in ids.chunks(AT_A_TIME) {
            if !go_on() {
                return Ok(None);
            }
            let z = sampler.draw(vae, rng, ids);
            let asked: Option<Vec<u32>> =
                classes.map(|classes| ids.iter().map(|&id| classes[id as usize]).collect());
            let labels = asked.and_then(|asked| vae.labels(&asked));
            let first = pixels.len();
            let mut is_finite = true;
            let values = vae.decode_mean(z, labels).into_data();
            pixels.extend(values.iter::<f32>().map(|value| {
                is_finite &= value.is_finite();
                // `as` saturates.
                (value * 255.0).round() as u8
            }));
            if !is_finite {
                return Err(Error::failed(format!(
                    "the images of latents from {} on are NaN or infinite",
                    first / shape.iter().product::<usize>().max(1)
                )));
            }
        }
        Ok(Some(Split::in_memory(pixels, shape)))
    }
}
