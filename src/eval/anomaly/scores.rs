//! How strange an image is to a model, as a number: the higher, the stranger.

use std::cell::OnceCell;

use clap::ValueEnum;

use super::baselines::png_nats;
use super::content_batch::ContentBatch;
use super::map::{NormalMaps, map_score, maps_at_a_time};
use super::passes::{self, terms_and_map};
use super::regret::Regret;
use crate::data::{Batch, Split};
use crate::density::DiagonalGaussian;
use crate::error::{Error, Result};
use crate::eval::divided::{gather_rows, own_share};
use crate::eval::elbo::{ElboByImage, numbers};
use crate::eval::importance::WeightSums;
use crate::eval::protocol::{CHUNK, Protocol};
use crate::eval::reconstruction::squared_error_of_each;
use crate::loader::Loader;
use crate::model::{Prior, Vae, rows};
use crate::ops::pool;
use crate::parallel;

/// How strange an image is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AnomalyScore {
    /// The negative ELBO from K samples of z
    #[default]
    Elbo,
    /// The mean of -log p(x given z) over K samples of z (An, Cho 2015)
    Reconstruction,
    /// The KL from the posterior to the prior
    Kl,
    /// The squared error of the image decoded from the posterior mean
    Error,
    /// The negative importance-weighted bound from K samples of z, close to -log p(x)
    Iw,
    /// The score elbo less the nats of the image's PNG (Serrà et al. 2020)
    Complexity,
    /// How much the ELBO rises when the posterior is fitted to this image (Xiao et al. 2020)
    Regret,
    /// The maximum of the map: how strange the strangest place is
    Map,
}

impl AnomalyScore {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elbo => "elbo",
            Self::Reconstruction => "reconstruction",
            Self::Kl => "kl",
            Self::Error => "error",
            Self::Iw => "iw",
            Self::Complexity => "complexity",
            Self::Regret => "regret",
            Self::Map => "map",
        }
    }

    /// Returns whether an autoencoder has the score: it has no distribution of latents.
    pub fn suits_autoencoder(self) -> bool {
        matches!(self, Self::Error | Self::Map)
    }

    /// Returns whether the score depends on the number of samples of z. The KL to a normal prior has a closed form.
    pub fn draws(self, prior: &Prior) -> bool {
        match self {
            Self::Error => false,
            Self::Kl => !prior.is_normal(),
            _ => true,
        }
    }
}

/// Scores of a model, ready for images.
pub struct Scorer<'a> {
    vae: &'a Vae,
    loader: Loader,
    protocol: Protocol,
    scores: Vec<AnomalyScore>,
    maps: Option<NormalMaps>,
}

/// The scores of an image, in the order of the scorer's, and its map if the scorer makes maps.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredImage {
    pub scores: Vec<f64>,
    /// `[H, W]`, as [`NormalMaps::compare`] returns it.
    pub map: Option<Vec<f32>>,
}

impl<'a> Scorer<'a> {
    /// Prepares a score. `vae` is without autodiff. The images are scored clean, even if the model was trained to clean
    /// corrupted ones: the score is to say what an image is.
    ///
    /// # Errors
    /// The model is an autoencoder, which has no score but the squared error, or the score is that of maps.
    pub fn new(vae: &'a Vae, protocol: Protocol, score: AnomalyScore) -> Result<Self> {
        Self::several(vae, protocol, vec![score], None)
    }

    /// Prepares several scores, which share their passes through the model. With `maps`, every image has a map too, from the
    /// same passes.
    ///
    /// # Errors
    /// The model is an autoencoder, which has no score but the squared error and that of maps, or the score of maps is asked for
    /// without maps.
    pub fn several(
        vae: &'a Vae,
        protocol: Protocol,
        scores: Vec<AnomalyScore>,
        maps: Option<NormalMaps>,
    ) -> Result<Self> {
        let is_sampled = protocol.latent_mode.is_sampled();
        let mut wrong = scores.iter().filter(|score| !score.suits_autoencoder());
        if let Some(score) = wrong.next().filter(|_| !is_sampled) {
            return Err(Error::request(format!(
                "the score `{}` needs a distribution of latents, and an autoencoder has a single latent",
                score.name()
            ))
            .with_hint("pass `--score error`"));
        }
        if maps.is_none() && scores.contains(&AnomalyScore::Map) {
            return Err(Error::request(
                "the score `map` compares maps with those of training images, and this command makes none",
            ));
        }
        Ok(Self {
            vae,
            loader: protocol.clean_loader(vae),
            protocol,
            scores,
            maps,
        })
    }

    /// Returns the first score of the images `ids` of a split, in their order. `seen` is told after each batch how many are
    /// done.
    ///
    /// The noise of an image depends on the seed and the image's contents alone.
    ///
    /// # Errors
    /// An image cannot be read, or its class is not known and the model needs it.
    pub fn scores(
        &self,
        split: &Split,
        ids: &[u32],
        seen: &mut dyn FnMut(usize),
    ) -> Result<Vec<f64>> {
        let mut scores = Vec::with_capacity(ids.len());
        self.each(split, ids, &mut |image| {
            scores.extend(image.scores.first());
            seen(scores.len());
            Ok(())
        })?;
        Ok(scores)
    }

    /// Calls `sink` with each of the images `ids`, in their order.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Scorer::scores`], or the error of `sink`.
    pub fn each(
        &self,
        split: &Split,
        ids: &[u32],
        sink: &mut dyn FnMut(ScoredImage) -> Result<()>,
    ) -> Result<()> {
        if self.vae.class_count().is_some() && split.labels.is_none() {
            return Err(Error::request(
                "the model is conditional, and the classes of the images are not known",
            )
            .with_hint("put the images into folders named after their classes"));
        }
        let at_a_time = match self.maps {
            Some(_) => maps_at_a_time(self.vae),
            None => CHUNK,
        };
        if parallel::count() == 1 {
            for ids in ids.chunks(at_a_time) {
                self.chunk(split, ids)?
                    .into_iter()
                    .try_for_each(&mut *sink)?;
            }
            return Ok(());
        }
        // In the same chunks as on one process, which is given as many images at a time.
        let chunks = ids.chunks(CHUNK).flat_map(|ids| ids.chunks(at_a_time));
        let chunks: Vec<&[u32]> = chunks.collect();
        let own = own_share(&chunks).iter().map(|ids| self.chunk(split, ids));
        let own: Vec<Vec<ScoredImage>> = own.collect::<Result<_>>()?;
        self.gathered(own.into_iter().flatten())?
            .into_iter()
            .try_for_each(sink)
    }

    fn chunk(&self, split: &Split, ids: &[u32]) -> Result<Vec<ScoredImage>> {
        self.batch(&ContentBatch::read(&self.loader, split, ids)?)
    }

    /// Returns the images of all processes, in order, from this one's.
    fn gathered(&self, own: impl Iterator<Item = ScoredImage>) -> Result<Vec<ScoredImage>> {
        let (mut scores, mut maps) = (Vec::new(), Vec::new());
        for image in own {
            scores.extend(image.scores);
            maps.extend(image.map);
        }
        let scores = parallel::gather(scores)?;
        let [_, height, width] = self.vae.network().image_shape;
        let mut maps = gather_rows(maps, height * width)?.into_iter();
        let scores = scores.chunks(self.scores.len().max(1));
        Ok(scores
            .map(|scores| ScoredImage {
                scores: scores.to_vec(),
                map: maps.next(),
            })
            .collect())
    }

    fn batch(&self, images: &ContentBatch) -> Result<Vec<ScoredImage>> {
        let (terms, maps) = match &self.maps {
            None => (OnceCell::new(), Vec::new()),
            Some(normal) => {
                let (terms, maps) = terms_and_map(self.vae, self.protocol, images);
                let compared = pool::map(rows(maps), |map| normal.compare(&map));
                (OnceCell::from(terms), compared)
            }
        };
        let column = |&score| self.column(score, images, &terms, &maps);
        let columns = self.scores.iter().map(column);
        let columns: Vec<Vec<f64>> = columns.collect::<Result<_>>()?;
        let mut maps = maps.into_iter();
        let image = |i: usize| ScoredImage {
            scores: columns.iter().map(|column| column[i]).collect(),
            map: maps.next(),
        };
        Ok((0..images.noise_ids.len()).map(image).collect())
    }

    /// Returns a score of each image. `terms` are computed when a score needs them for the first time.
    fn column(
        &self,
        score: AnomalyScore,
        images: &ContentBatch,
        terms: &OnceCell<ElboByImage>,
        maps: &[Vec<f32>],
    ) -> Result<Vec<f64>> {
        let ContentBatch { batch, noise_ids } = images;
        let terms = || {
            terms.get_or_init(|| {
                passes::terms(self.vae, self.protocol, &self.posterior(batch), images)
            })
        };
        Ok(match score {
            AnomalyScore::Elbo => negative_elbo(terms()),
            AnomalyScore::Reconstruction => terms().reconstruction.clone(),
            AnomalyScore::Kl if self.vae.network().prior.is_normal() => {
                let by_latent = self.posterior(batch).kl_to_standard_normal();
                numbers(by_latent.sum_dim(1).squeeze_dim::<1>(1))
            }
            AnomalyScore::Kl => terms().kl.clone().unwrap_or_default(),
            AnomalyScore::Error => {
                let mean = self.posterior(batch).mean;
                let decoded = self.vae.decode_mean(mean, batch.labels.clone());
                squared_error_of_each(batch.x.clone(), decoded)
            }
            AnomalyScore::Iw => self.negative_bound(images),
            AnomalyScore::Complexity => {
                let nats = png_nats(&batch.x, self.vae.network().image_shape)?;
                let pairs = negative_elbo(terms()).into_iter().zip(nats);
                pairs.map(|(score, nats)| score - nats).collect()
            }
            AnomalyScore::Regret => {
                let fitted = Regret::new(self.vae, self.protocol).fitted(batch, noise_ids);
                let after = passes::terms(self.vae, self.protocol, &fitted, images);
                let pairs = negative_elbo(terms())
                    .into_iter()
                    .zip(negative_elbo(&after));
                pairs.map(|(before, after)| before - after).collect()
            }
            AnomalyScore::Map => maps.iter().map(|map| map_score(map)).collect(),
        })
    }

    fn posterior(&self, batch: &Batch) -> DiagonalGaussian {
        self.vae.encode(batch.input(), batch.labels.clone())
    }

    /// Returns minus the importance-weighted bound of each image.
    fn negative_bound(&self, ContentBatch { batch, noise_ids }: &ContentBatch) -> Vec<f64> {
        let posterior = self.posterior(batch);
        let mut sums = vec![WeightSums::NONE; noise_ids.len()];
        for k in 0..self.protocol.samples {
            let noise = self.protocol.latent_noise(self.vae, k, noise_ids);
            let pass = self.vae.forward_from(posterior.clone(), batch, noise);
            let log_weights = numbers(pass.log_weights().squeeze_dim::<1>(0));
            let pairs = sums.iter_mut().zip(log_weights);
            pairs.for_each(|(sum, log_weight)| sum.add(log_weight));
        }
        let bounds = sums.iter().map(|sum| -sum.log_mean(self.protocol.samples));
        bounds.collect()
    }
}

fn negative_elbo(terms: &ElboByImage) -> Vec<f64> {
    let kl = terms.kl.iter().flatten();
    let pairs = terms.reconstruction.iter().zip(kl);
    pairs
        .map(|(reconstruction, kl)| reconstruction + kl)
        .collect()
}
