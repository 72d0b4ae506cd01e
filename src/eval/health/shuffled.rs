//! A test of whether the decoder uses the latent: the reconstruction of each image from its own latent and from another's.
//!
//! The difference says what the latent is worth to the decoder, in nats. It is 0 for a decoder that ignores the latent,
//! however large the KL.

use burn::tensor::{Tensor, TensorData};

use crate::data::Part;
use crate::error::Result;
use crate::model::Vae;
use crate::rng::Rng;

use super::super::elbo::numbers;
use super::super::estimate::Estimate;
use super::super::protocol::{CHUNK, Protocol};
use super::aggregate::AggregatePosterior;

/// Means over images, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shuffled {
    /// The reconstruction from an image's own latent.
    pub reconstruction: Estimate,
    /// The increase with another image's latent: the mean of the paired differences and its error.
    pub difference: Estimate,
}

impl Shuffled {
    /// Measures both. Each image gets the latent of the next one on a round drawn at random, so that none keeps its own. A
    /// conditional decoder is told the image's own class both times.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn measure(
        vae: &Vae,
        part: &Part,
        aggregate: &AggregatePosterior,
        protocol: Protocol,
        seen: &mut dyn FnMut(usize),
    ) -> Result<Self> {
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
        // An image's latent stands where the image stands in the part.
        let of = |places: &[u32]| -> Vec<f32> {
            places
                .iter()
                .flat_map(|&place| &latents[place as usize * width..][..width])
                .copied()
                .collect()
        };
        let (loader, places) = (protocol.clean_loader(vae), part.split.first_ids(count));
        let (mut own, mut shuffled) = (Vec::new(), Vec::new());
        let batches = loader.batches(part.split, &part.ids, CHUNK);
        let pairs = places.chunks(CHUNK).zip(other.chunks(CHUNK));
        for (batch, (places, others)) in batches.zip(pairs) {
            let (ids, batch) = batch?;
            let z = TensorData::new([of(places), of(others)].concat(), [2, ids.len(), width]);
            let log_px_z = numbers(
                vae.log_prob(&batch, Tensor::from_data(z, &vae.device()))
                    .reshape([2 * ids.len()]),
            );
            let (with_own, with_other) = log_px_z.split_at(ids.len());
            own.extend(with_own.iter().map(|value| -value));
            shuffled.extend(with_other.iter().map(|value| -value));
            seen(own.len());
        }
        let difference = shuffled
            .iter()
            .zip(&own)
            .map(|(shuffled, own)| shuffled - own);
        Ok(Self {
            reconstruction: Estimate::of(own.iter().copied()),
            difference: Estimate::of(difference),
        })
    }
}
