//! How strange an image is to a model, as a number: the higher, the stranger.

use clap::ValueEnum;

use super::baselines::png_nats;
use super::content_batch::ContentBatch;
use super::regret::Regret;
use crate::data::{Batch, Split};
use crate::density::DiagonalGaussian;
use crate::error::{Error, Result};
use crate::eval::elbo::{ElboByImage, add_sampled, numbers};
use crate::eval::importance::WeightSums;
use crate::eval::protocol::{CHUNK, Protocol};
use crate::eval::reconstruction::squared_error_of_each;
use crate::loader::Loader;
use crate::model::{Prior, Vae};

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
        }
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

/// A score of a model, ready for images.
pub struct Scorer<'a> {
    vae: &'a Vae,
    loader: Loader,
    protocol: Protocol,
    score: AnomalyScore,
}

impl<'a> Scorer<'a> {
    /// Prepares a score. `vae` is without autodiff. The images are scored clean, even if the model was trained to clean
    /// corrupted ones: the score is to say what an image is.
    ///
    /// # Errors
    /// The model is an autoencoder, which has no score but the squared error.
    pub fn new(vae: &'a Vae, protocol: Protocol, score: AnomalyScore) -> Result<Self> {
        if score != AnomalyScore::Error && !protocol.latent_mode.is_sampled() {
            return Err(Error::request(format!(
                "the score `{}` needs a distribution of latents, and an autoencoder has a single latent",
                score.name()
            ))
            .with_hint("pass `--score error`"));
        }
        Ok(Self {
            vae,
            loader: protocol.clean_loader(vae),
            protocol,
            score,
        })
    }

    /// Returns the scores of the images `ids` of a split, in their order. `seen` is told after each batch how many are done.
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
        if self.vae.class_count().is_some() && split.labels.is_none() {
            return Err(Error::request(
                "the model is conditional, and the classes of the images are not known",
            )
            .with_hint("put the images into folders named after their classes"));
        }
        let mut scores = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            scores.extend(self.batch(&ContentBatch::read(&self.loader, split, ids)?)?);
            seen(scores.len());
        }
        Ok(scores)
    }

    fn batch(&self, images: &ContentBatch) -> Result<Vec<f64>> {
        let ContentBatch { batch, noise_ids } = images;
        Ok(match self.score {
            AnomalyScore::Elbo => self.negative_elbo(images),
            AnomalyScore::Reconstruction => self.terms(images).reconstruction,
            AnomalyScore::Kl if self.vae.network().prior.is_normal() => {
                let by_latent = self.posterior(batch).kl_to_standard_normal();
                numbers(by_latent.sum_dim(1).squeeze_dim::<1>(1))
            }
            AnomalyScore::Kl => self.terms(images).kl.unwrap_or_default(),
            AnomalyScore::Error => {
                let mean = self.posterior(batch).mean;
                let decoded = self.vae.decode_mean(mean, batch.labels.clone());
                squared_error_of_each(batch.x.clone(), decoded)
            }
            AnomalyScore::Iw => self.negative_bound(images),
            AnomalyScore::Complexity => {
                let nats = png_nats(&batch.x, self.vae.network().image_shape)?;
                let pairs = self.negative_elbo(images).into_iter().zip(nats);
                pairs.map(|(score, nats)| score - nats).collect()
            }
            AnomalyScore::Regret => {
                let fitted = Regret::new(self.vae, self.protocol).fitted(batch, noise_ids);
                let after = negative_elbo(self.terms_at(fitted, images));
                let pairs = self.negative_elbo(images).into_iter().zip(after);
                pairs.map(|(before, after)| before - after).collect()
            }
        })
    }

    fn posterior(&self, batch: &Batch) -> DiagonalGaussian {
        self.vae.encode(batch.input(), batch.labels.clone())
    }

    /// Returns the terms of the ELBO of each image, means over `K` samples of z.
    fn terms(&self, images: &ContentBatch) -> ElboByImage {
        self.terms_at(self.posterior(&images.batch), images)
    }

    /// Does the same as [`Scorer::terms`] for other posteriors.
    fn terms_at(&self, posterior: DiagonalGaussian, images: &ContentBatch) -> ElboByImage {
        let ContentBatch { batch, noise_ids } = images;
        let mut terms = ElboByImage::default();
        add_sampled(
            self.vae,
            posterior,
            batch,
            self.protocol,
            noise_ids,
            &mut terms,
        );
        terms
    }

    fn negative_elbo(&self, images: &ContentBatch) -> Vec<f64> {
        negative_elbo(self.terms(images))
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

fn negative_elbo(terms: ElboByImage) -> Vec<f64> {
    let kl = terms.kl.unwrap_or_default();
    let pairs = terms.reconstruction.into_iter().zip(kl);
    pairs
        .map(|(reconstruction, kl)| reconstruction + kl)
        .collect()
}
