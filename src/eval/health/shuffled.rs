//! Whether the decoder uses the latent: the reconstruction of each image at its own latent, and at that of another image.
//!
//! The difference is what the latent is worth to the decoder, in nats. A decoder that ignores it has none, whatever the KL is.

use burn::tensor::{Tensor, TensorData};

use crate::data::Images;
use crate::model::Vae;
use crate::rng::Rng;

use super::super::elbo::{CHUNK, Estimate, Protocol, numbers, pixels_rng};
use super::AggregatePosterior;

/// Nats, over images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shuffled {
    /// At an image's own latent.
    pub reconstruction: Estimate,
    /// What another image's latent adds to it: the mean of the paired differences, and its error.
    pub difference: Estimate,
}

impl Shuffled {
    /// Each image gets the latent of the next one on a round that is drawn by lot, so that none keeps its own. A conditional
    /// decoder is told the image's own class both times.
    pub fn measure(
        vae: &Vae,
        images: &Images,
        aggregate: &AggregatePosterior,
        protocol: Protocol,
        seen: &mut dyn FnMut(usize),
    ) -> Self {
        let count = aggregate.count();
        let round = Rng::new(protocol.seed)
            .stream("evaluation")
            .stream("shuffle")
            .permutation(count);
        let mut other = vec![0; count];
        for (place, &image) in round.iter().enumerate() {
            other[image as usize] = round[(place + 1) % count];
        }
        let width = aggregate.width();
        let latents: Vec<f32> = aggregate
            .rows()
            .flatten()
            .map(|value| *value as f32)
            .collect();
        let of = |images: &[u32]| -> Vec<f32> {
            images
                .iter()
                .flat_map(|&image| &latents[image as usize * width..][..width])
                .copied()
                .collect()
        };
        let all: Vec<u32> = (0..count as u32).collect();
        let (mut own, mut shuffled) = (Vec::new(), Vec::new());
        for (chunk, others) in all.chunks(CHUNK).zip(other.chunks(CHUNK)) {
            let rng = pixels_rng(protocol.seed);
            let batch = protocol
                .pixels
                .batch(images, chunk, vae.classes(), rng, &vae.device());
            let z = TensorData::new([of(chunk), of(others)].concat(), [2, chunk.len(), width]);
            let log_px_z = numbers(
                vae.log_prob(&batch, Tensor::from_data(z, &vae.device()))
                    .reshape([2 * chunk.len()]),
            );
            let (with_own, with_other) = log_px_z.split_at(chunk.len());
            own.extend(with_own.iter().map(|value| -value));
            shuffled.extend(with_other.iter().map(|value| -value));
            seen(own.len());
        }
        let difference = shuffled
            .iter()
            .zip(&own)
            .map(|(shuffled, own)| shuffled - own);
        Self {
            reconstruction: Estimate::of(own.iter().copied()),
            difference: Estimate::of(difference),
        }
    }
}
