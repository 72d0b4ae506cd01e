//! Squared errors of reconstructions, of the model's and beside them of PCA's.

use burn::tensor::Tensor;

use super::divided::own_part;
use super::elbo::{first_latents, numbers};
use super::protocol::CHUNK;
use super::{Estimate, Pca, Protocol, Rows};
use crate::data::{Batch, Dataset, Part, Split};
use crate::error::Result;
use crate::loader::Loader;
use crate::model::Vae;
use crate::parallel;

/// PCA of more components takes minutes.
const MOST_COMPONENTS: usize = 256;

/// Squared errors of reconstructions from as many latents as the model has, summed over an image's values. A denoising
/// autoencoder's, and PCA's beside it, are of corrupted images against the clean ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredErrors {
    /// Decoded from the posterior's mean.
    pub model: Estimate,
    /// Projected on as many principal components of the training images; `None` if there are too many.
    pub pca: Option<Estimate>,
    pub components: usize,
}

impl SquaredErrors {
    /// Measures the images of `part`; PCA is fitted to the training images of `dataset`.
    ///
    /// # Errors
    /// An image cannot be read.
    pub fn measure(vae: &Vae, protocol: Protocol, dataset: &Dataset, part: &Part) -> Result<Self> {
        let clean = protocol.clean_loader(vae);
        let rows = Rows {
            count: dataset.train.len(),
            width: dataset.train.values(),
            read: &|ids| Ok(clean.batch(&dataset.train, ids)?.x),
        };
        let latent_count = vae.network().latent;
        let pca = if latent_count <= MOST_COMPONENTS {
            Some(Pca::fit(&rows, latent_count)?)
        } else {
            None
        };
        let loader = protocol.loader(vae);
        let estimate = |decode: &dyn Fn(Batch) -> Tensor<2>| -> Result<Estimate> {
            let errors = squared_errors(&loader, part.split, &part.ids, decode)?;
            Ok(Estimate::of(errors.into_iter()))
        };
        Ok(Self {
            model: estimate(&|batch| {
                let mean = vae.encode(batch.input(), batch.labels.clone()).mean;
                vae.decode_mean(mean, batch.labels)
            })?,
            pca: match &pca {
                Some(pca) => Some(estimate(&|batch| pca.reconstruct(batch.input()))?),
                None => None,
            },
            components: pca.map_or(0, |pca| pca.components.len()),
        })
    }
}

/// Returns the squared errors of the images `ids` against E[x | z], summed over their values, for one latent z each: the
/// first sample, or an autoencoder's only one. `vae` is without autodiff.
///
/// # Errors
/// An image cannot be read.
pub fn drawn_squared_errors(
    vae: &Vae,
    split: &Split,
    ids: &[u32],
    protocol: Protocol,
) -> Result<Vec<f64>> {
    let loader = protocol.loader(vae);
    let mut errors = Vec::with_capacity(ids.len());
    for batch in loader.batches(split, own_part(ids, CHUNK), CHUNK) {
        let (ids, batch) = batch?;
        let z = first_latents(vae, &batch, protocol, ids);
        errors.extend(squared_error_of_each(
            batch.x,
            vae.decode_mean(z, batch.labels),
        ));
    }
    parallel::gather(errors)
}

/// Returns the squared error of each of the images `ids`, summed over its values, against what `decode` makes of a batch.
///
/// # Shapes
/// `decode`: `[B, P]`, in [0, 1].
///
/// # Errors
/// An image cannot be read.
pub fn squared_errors(
    loader: &Loader,
    split: &Split,
    ids: &[u32],
    decode: impl Fn(Batch) -> Tensor<2>,
) -> Result<Vec<f64>> {
    let mut errors = Vec::with_capacity(ids.len());
    for batch in loader.batches(split, own_part(ids, CHUNK), CHUNK) {
        let (_, batch) = batch?;
        errors.extend(squared_error_of_each(batch.x.clone(), decode(batch)));
    }
    parallel::gather(errors)
}

/// Returns the squared error of each image, summed over its values.
///
/// # Shapes
/// `x` and `decoded`: `[B, P]`.
pub(super) fn squared_error_of_each(x: Tensor<2>, decoded: Tensor<2>) -> Vec<f64> {
    numbers((x - decoded).square().sum_dim(1).squeeze_dim::<1>(1))
}
