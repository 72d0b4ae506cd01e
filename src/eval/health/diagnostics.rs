//! The diagnostics of a split, from which the findings follow.

use super::super::estimate::Estimate;
use super::super::latents;
use super::super::protocol::Protocol;
use super::aggregate::{AggregatePosterior, LatentStatistics};
use super::shuffled::Shuffled;
use crate::data::Part;
use crate::error::Result;
use crate::model::Vae;

/// The numbers that the findings follow from.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostics {
    pub images: usize,
    /// Whether all of them are the same image.
    pub same_images: bool,
    /// `[D]`.
    pub latents: Vec<LatentStatistics>,
    /// KL(q(z | x) || p(z)), nats; `None` for an autoencoder.
    pub kl: Option<Estimate>,
    pub shuffled: Shuffled,
}

impl Diagnostics {
    /// Examines images of a split, at least 2; `seen` is told how many of twice as many are done. Also
    /// returns their posteriors, with a latent of each.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn of<'a>(
        vae: &Vae,
        images: impl Into<Part<'a>>,
        protocol: Protocol,
        seen: &mut dyn FnMut(usize),
    ) -> Result<(Self, AggregatePosterior)> {
        let part = images.into();
        let count = part.len();
        let aggregate = AggregatePosterior::read(vae, &part, protocol, seen)?;
        let shuffled = Shuffled::measure(vae, &part, &aggregate, protocol, &mut |done| {
            seen(count + done)
        })?;
        Ok((
            Self {
                images: count,
                same_images: are_the_same(&part)?,
                latents: aggregate.latents(),
                kl: aggregate.kl(),
                shuffled,
            },
            aggregate,
        ))
    }

    /// Returns how many latents carry information.
    pub fn active(&self) -> usize {
        self.latents
            .iter()
            .filter(|latent| latent.is_active(self.largest_variance()))
            .count()
    }

    /// Returns the largest variance of a latent's means.
    pub fn largest_variance(&self) -> f64 {
        self.latents
            .iter()
            .map(|latent| latent.variance_of_mean)
            .fold(0.0, f64::max)
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let of_latent = |latent: &LatentStatistics| {
            [
                latent.kl.unwrap_or(0.0),
                latent.mean,
                latent.variance_of_mean,
                latent.mean_variance,
            ]
        };
        let shuffled = [
            self.shuffled.reconstruction.mean,
            self.shuffled.difference.mean,
        ];
        self.latents
            .iter()
            .flat_map(of_latent)
            .chain(shuffled)
            .all(f64::is_finite)
    }

    /// Returns the latents in order of what they carry, most first: by their KL, an autoencoder's by the variance of their
    /// means.
    pub fn order(&self) -> Vec<usize> {
        let carried = |latent: &LatentStatistics| latent.kl.unwrap_or(latent.variance_of_mean);
        latents::largest_first(&self.latents.iter().map(carried).collect::<Vec<_>>())
    }
}

/// Returns whether all images are the same. Two that differ end the search.
fn are_the_same(part: &Part) -> Result<bool> {
    let [first, others @ ..] = &part.ids[..] else {
        return Ok(true);
    };
    let first = part.split.image(*first as usize)?;
    for &id in others {
        if part.split.image(id as usize)? != first {
            return Ok(false);
        }
    }
    Ok(true)
}
